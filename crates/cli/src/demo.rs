//! `vouch demo`: the whole story, told by calling the public RPCs as each of its people would.
//!
//! Read in this order: `stage` (one step: what was sent, what came back, how long it took), `story` (from the ticket to its
//! end), `diagnostics` (by the vendor's profile, and what is found in them), `refusals` (what opens nothing), `upload` (diagnostics on
//! their way), `ticket` (the beginning only, for whoever goes on by hand).

mod diagnostics;
mod refusals;
mod stage;
mod story;
mod ticket;
mod upload;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use crate::folder::Folder;
use crate::output::{self, Problem};
use crate::services::Services;
use crate::{collect, sample};
use stage::Stage;

#[derive(Args)]
pub(crate) struct DemoArguments {
    /// Tell it on services that run already: the data folder of a `vouch up`.
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    against: Option<PathBuf>,
    /// Tell its beginning only, and leave a ticket that can be handed over, with the commands that come next.
    #[arg(long, requires = "against", conflicts_with = "bundle")]
    ticket: bool,
    /// Take an archive of diagnostics instead of collecting on this host: a tar, tar.gz or tar.xz, such as `sos report` makes.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Where the receipt, the proof, the keys that verify them, and the sealed bundle are written to.
    #[arg(long, value_name = "DIR", default_value = "vouch-demo")]
    out: PathBuf,
    /// Another database than files in a temporary folder, such as `postgres://localhost/vouch_{service}`: {service} stands
    /// for the service's name.
    #[arg(long, value_name = "ADDRESS")]
    store: Option<String>,
    /// Print each step as a line of JSON, for machines.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &DemoArguments) -> Result<ExitCode, Problem> {
    let began = Instant::now();
    if let (Some(data), true) = (&arguments.against, arguments.ticket) {
        let mut stage = Stage::new(Folder::open(data)?, arguments.out.clone(), arguments.json);
        ticket::bring(&mut stage, data, arguments.json).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(archive) = &arguments.bundle {
        // Said before services are started and anything is written.
        collect::check_archive(archive)?;
    }
    std::fs::create_dir_all(&arguments.out)
        .map_err(|error| Problem::new(format!("{} cannot be made: {error}", arguments.out.display())))?;
    let outcome = match &arguments.against {
        Some(data) => tell(arguments, Folder::open(data)?).await,
        None => tell_on_fresh_services(arguments).await,
    };
    let steps = outcome?;
    if !arguments.json {
        output::line("");
        output::done(&format!("{steps} steps as they should be, in {:.1} s", began.elapsed().as_secs_f64()));
        output::line("");
        output::heading("To check without a network");
        let vouch = output::program();
        let file = |name: &str| output::path(&arguments.out.join(name));
        output::line(&format!("  {vouch} verify {}", file("receipt.jws")));
        output::line(&format!("  {vouch} verify {}", file("proof.jws")));
        output::line(&format!("  {vouch} bundle show {}", file("diagnostics.vouch")));
        if arguments.bundle.is_none() {
            let (signature, keys) = (file("linux-host-1.toml.jws"), file("linux-host-1.toml.keys.json"));
            output::line(&format!("  {vouch} verify {signature} --keys {keys}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the three services for the story, and ends them with it, however it ends.
async fn tell_on_fresh_services(arguments: &DemoArguments) -> Result<usize, Problem> {
    let data = tempfile::Builder::new().prefix("vouch-demo-").tempdir();
    let data = data.map_err(|error| Problem::new(format!("there is no temporary folder: {error}")))?;
    let folder = Folder::prepare(data.path())?;
    // What a service warns of belongs to the story here: it is told by the steps.
    let services = Services::start(&folder, 0, arguments.store.as_deref(), "error").await?;
    if !arguments.json {
        for one in services.iter() {
            output::done(&format!("{:<8} ready in {} ms, {}", one.name, one.took.as_millis(), one.rpc));
        }
    }
    let told = match sample::enter(&folder).await {
        Ok(_) => tell(arguments, folder).await,
        Err(problem) => Err(problem),
    };
    services.stop().await;
    told
}

async fn tell(arguments: &DemoArguments, folder: Folder) -> Result<usize, Problem> {
    let sealed = arguments.out.join("diagnostics.vouch");
    let mut stage = Stage::new(folder, arguments.out.clone(), arguments.json);
    stage.heading("Diagnostics, collected and redacted where the product runs");
    diagnostics::collect_into(&mut stage, &arguments.out, &sealed, arguments.bundle.as_deref()).await?;
    let escalated = story::escalate(&mut stage, &sealed).await?;
    diagnostics::analysed(&mut stage, &escalated.case_id).await?;
    refusals::tell(&mut stage, &escalated).await?;
    story::solve(&mut stage, &escalated).await?;
    Ok(stage.steps())
}
