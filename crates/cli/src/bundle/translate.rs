//! `vouch bundle translate`: what a vendor wrote, with the originals in the place of pseudonyms.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tonic::Status;

use crate::folder::Folder;
use crate::identities::Role;
use crate::output::{self, Problem};
use crate::refusal::{self, Called};
use crate::{DataFolder, call, contract};

const RPC: &str = "partner.v1.DiagnosticsService/TranslatePseudonyms";

#[derive(Args)]
pub(crate) struct TranslateArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// Who asks: an agent of the partner whose ticket it is.
    #[arg(long = "as", value_enum, default_value = "agent")]
    role: Role,
    /// The ticket whose bundles the text is about: its id, or its short number.
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
    let text = read.map_err(|error| Problem::unreadable(&arguments.file, &error))?;
    let refused = |status: &Status| refusal::problem(status, &Called { role: arguments.role, rpc: RPC, said: &said });
    let ticket = contract::ticket_id(&folder, arguments.role, &arguments.ticket).await;
    let ticket = ticket.map_err(|status| refused(&status))?;
    let method = call::find(RPC)?;
    let request = call::read(&method, &json!({ "ticketId": ticket, "text": text }).to_string())?;
    let answer = call::call(&folder, arguments.role, &method, request).await.map_err(|status| refused(&status))?;
    let translated = answer.get_field_by_name("text").and_then(|text| text.as_str().map(str::to_owned));
    let replaced = answer.get_field_by_name("replaced").and_then(|count| count.as_i32()).unwrap_or_default();
    let translated = translated.unwrap_or_default();
    // A terminal takes no orders from what somebody else wrote.
    let shown = if std::io::stdout().is_terminal() { output::printable(&translated) } else { translated };
    output::line(shown.trim_end_matches('\n'));
    output::remark(&match replaced {
        0 => "No pseudonym of this ticket is in it: it is as it was.".to_owned(),
        1 => "1 original was put back: this text is not for the vendor.".to_owned(),
        more => format!("{more} originals were put back: this text is not for the vendor."),
    });
    Ok(ExitCode::SUCCESS)
}

/// How the fields of the questions were given.
fn said(field: &str) -> Option<String> {
    matches!(field, "ticket_id" | "number").then(|| "--ticket".to_owned())
}
