//! `vouch license import` and `export`: whole catalogues of licences, from files and into them.
//!
//! `rows` has what a line of a file says, `files` reads and writes them as CSV (`records`) or as JSON lines, `import` sends them, `export`
//! fetches them.

mod export;
mod files;
mod import;
mod records;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use tonic::service::interceptor::InterceptedService;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;

use self::export::ExportArguments;
use self::import::ImportArguments;
use crate::folder::Folder;
use crate::identities::{Bearer, Role};
use crate::output::Problem;
use crate::reach::Reach;

/// The group in which these commands stand.
const GROUP: &str = "license";

/// Adds the commands to their group.
pub(crate) fn add(program: Command) -> Command {
    let import = ImportArguments::augment_args(Command::new("import"));
    let export = ExportArguments::augment_args(Command::new("export"));
    let commands = [import, export].map(|command| command.disable_help_flag(true));
    program.mut_subcommand(GROUP, |group| group.subcommands(commands))
}

/// A client of licences on a connection.
fn client(connection: Connection) -> LicenseServiceClient<Connection> {
    LicenseServiceClient::new(connection)
}

type Connection = InterceptedService<Reach, Bearer>;

/// A connection to the licence service of the data folder, for who calls; as patient as the command has to be.
fn channel_of(given: &ArgMatches, patience: fn(Reach) -> Reach) -> Result<Connection, Problem> {
    let data: PathBuf = given.get_one("data").cloned().unwrap_or_default();
    let role = role_of(given);
    let folder = Folder::open(&data)?;
    let bearer = role.bearer(&folder, vouch_license::DOMAIN)?;
    Ok(InterceptedService::new(patience(role.channel(&folder, "license")?), bearer))
}

/// Who calls.
fn role_of(given: &ArgMatches) -> Role {
    given.get_one("as").copied().unwrap_or(Role::Administrator)
}

/// Runs one of these commands; `None` where it is another one.
pub(crate) async fn run(matches: &ArgMatches) -> Option<Result<ExitCode, Problem>> {
    let (group, within) = matches.subcommand()?;
    let (command, given) = within.subcommand()?;
    let problem = |error: clap::Error| Problem::new(error.to_string());
    match (group, command) {
        (GROUP, "import") => Some(match ImportArguments::from_arg_matches(given) {
            Ok(arguments) => import::run(&arguments, given).await,
            Err(error) => Err(problem(error)),
        }),
        (GROUP, "export") => Some(match ExportArguments::from_arg_matches(given) {
            Ok(arguments) => export::run(&arguments, given).await,
            Err(error) => Err(problem(error)),
        }),
        _ => None,
    }
}
