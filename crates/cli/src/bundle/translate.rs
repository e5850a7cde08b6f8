//! `vouch bundle translate`: what a vendor wrote, with the originals in the place of pseudonyms.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::DataFolder;
use crate::call;
use crate::folder::Folder;
use crate::identities::Role;
use crate::output::{self, Problem};

#[derive(Args)]
pub(crate) struct TranslateArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// Who asks: an agent of the partner whose ticket it is.
    #[arg(long = "as", value_enum, default_value = "agent")]
    role: Role,
    /// The ticket whose bundles the text is about: `tkt_…`.
    #[arg(long)]
    ticket: String,
    /// The file with the text; `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn run(arguments: &TranslateArguments) -> Result<ExitCode, Problem> {
    let folder = Folder::open(&arguments.folder.data)?;
    let read = match arguments.file.to_str() {
        Some("-") => std::io::read_to_string(std::io::stdin()),
        _ => std::fs::read_to_string(&arguments.file),
    };
    let text = read.map_err(|error| Problem::new(format!("{} cannot be read: {error}", arguments.file.display())))?;
    let method = call::find("partner.v1.DiagnosticsService/TranslatePseudonyms")?;
    let request = call::read(&method, &json!({ "ticketId": arguments.ticket, "text": text }).to_string())?;
    let answer = match call::call(&folder, arguments.role, &method, request).await {
        Ok(answer) => answer,
        Err(status) => {
            call::tell(&status, &|_| None);
            return Ok(ExitCode::FAILURE);
        }
    };
    let translated = answer.get_field_by_name("text").and_then(|text| text.as_str().map(str::to_owned));
    let replaced = answer.get_field_by_name("replaced").and_then(|count| count.as_i32()).unwrap_or_default();
    let translated = translated.unwrap_or_default();
    // A terminal takes no orders from what somebody else wrote.
    let shown = if std::io::stdout().is_terminal() { output::printable(&translated) } else { translated };
    output::line(shown.trim_end_matches('\n'));
    let was = if replaced == 1 { "1 original was".to_owned() } else { format!("{replaced} originals were") };
    output::remark(&format!("{was} put back: this text is not for the vendor."));
    Ok(ExitCode::SUCCESS)
}
