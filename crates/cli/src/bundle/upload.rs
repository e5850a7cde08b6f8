//! `vouch bundle upload`: a sealed bundle to the partner, for a ticket.

use std::cmp::Ordering;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;
use tonic::Status;
use vouch_contract::pb::partner::v1::ticket_service_client::TicketServiceClient;
use vouch_contract::pb::partner::v1::{self as pb, TicketState};
use vouch_contract::status::reason_of;

use crate::DataFolder;
use crate::collect::Summary;
use crate::folder::Folder;
use crate::identities::Role;
use crate::output::{self, Problem};
use crate::refusal::{self, Called};
use crate::upload::{self, Committed, Desk, Failed};

#[derive(Args)]
pub(crate) struct UploadArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// The sealed bundle, as `vouch collect` writes it.
    file: PathBuf,
    /// The ticket: its id, or its short number.
    #[arg(long, value_name = "TICKET")]
    ticket: String,
    /// Who calls: an agent of the partner, or the customer.
    #[arg(long = "as", value_enum, default_value = "agent")]
    role: Role,
    /// Print one line of JSON, for machines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &UploadArguments) -> Result<ExitCode, Problem> {
    let folder = Folder::open(&arguments.folder.data)?;
    let file = arguments.file.clone();
    let opened = tokio::task::spawn_blocking(move || super::open(&file)).await;
    let bundle = Arc::new(opened.map_err(|error| Problem::new(format!("the bundle cannot be read: {error}")))??);
    let bar = bar(arguments.json);
    let refused =
        |status: &Status, rpc: &str| refusal::problem(status, &Called { role: arguments.role, rpc, said: &said });
    // Asked before anything is sent: a ticket that is not there should not be told by a blob.
    let found = ticket(&folder, arguments, &bar).await?;
    let ticket = found.map_err(|status| refused(&status, "partner.v1.TicketService/GetTicket"))?;
    let desk = Desk::open(&folder, arguments.role, &ticket.ticket_id)?;
    let uploaded = upload::upload(&desk, Arc::clone(&bundle), &bar).await;
    bar.finish_and_clear();
    let committed = match uploaded {
        Ok(committed) => committed,
        Err(Failed::Read(error)) => {
            return Err(Problem::new(format!("{} cannot be read any more: {error}", arguments.file.display()))
                .next("What was sent is kept. Start it again when the file can be read."));
        }
        Err(Failed::Refused { status, rpc }) => {
            let problem = refused(&status, rpc);
            let problem = Problem { what: format!("{}: {}", name_of(rpc), problem.what), ..problem };
            // What is refused for good would be refused again.
            return Err(if upload::is_passing(&status) {
                problem.next("What was sent is kept: started again, it goes on from there.")
            } else {
                problem
            });
        }
    };
    let Committed { bundle_id, entries, size_bytes, manifest_signature, sent_bytes, table_refused } = committed;
    let refused = table_refused.map(|status| format!("{}: {}", reason_of(&status), status.message()));
    if arguments.json {
        let told = json!({
            "ticket_id": ticket.ticket_id, "bundle_id": bundle_id, "root": bundle.root(), "entries": entries,
            "size_bytes": size_bytes, "sent_bytes": sent_bytes, "manifest_signature": manifest_signature,
            "pseudonyms_refused": refused,
        });
        output::line(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    output::done(&format!("the partner verified and signed it, for ticket {}", ticket.number));
    output::field("bundle", &bundle_id);
    output::field("root", &bundle.root().to_string());
    // In the words of `collect`, which told the same of the same file.
    output::field("entries", &Summary::of(&arguments.file, &bundle).entries());
    let all = bundle.manifest().blobs().values().sum::<u64>() + bundle.manifest_bytes().len() as u64;
    let beside = match sent_bytes.cmp(&all) {
        Ordering::Less => "; what was there already was not sent again",
        Ordering::Equal => "",
        Ordering::Greater => ", with what was lost when it was cut",
    };
    output::field("sent", &format!("{}{beside}", HumanBytes(sent_bytes)));
    if let Some(refused) = refused {
        output::field(
            "pseudonyms",
            &format!("what they stand for was not taken, so that they stay as they are: {refused}"),
        );
    }
    output::line("");
    let (vouch, data) = (output::program(), crate::up::flag(&arguments.folder.data));
    let ticket_id = &ticket.ticket_id;
    match ticket.state() {
        TicketState::Open | TicketState::Verified | TicketState::Troubleshooting => output::remark(&format!(
            "To hand the ticket over with it: {vouch} ticket escalate{data} {ticket_id} --bundle-id {bundle_id}"
        )),
        TicketState::Escalating | TicketState::Escalated | TicketState::SolutionProposed => output::remark(&format!(
            "Where the vendor asked for it: {vouch} ticket answer-vendor{data} {ticket_id} --bundle-id {bundle_id} --text …"
        )),
        // Nobody waits for it.
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The ticket, by its id or its number.
async fn ticket(
    folder: &Folder,
    arguments: &UploadArguments,
    bar: &ProgressBar,
) -> Result<Result<pb::Ticket, Status>, Problem> {
    let given = arguments.ticket.trim().to_owned();
    let request = if given.starts_with("tkt_") {
        pb::GetTicketRequest { ticket_id: given, ..Default::default() }
    } else {
        pb::GetTicketRequest { number: given, ..Default::default() }
    };
    let channel = arguments.role.channel(folder, "partner")?;
    let bearer = arguments.role.bearer(folder, vouch_partner::DOMAIN)?;
    let tickets = TicketServiceClient::with_interceptor(channel, bearer);
    let asked = upload::ask(bar, async || tickets.clone().get_ticket(request.clone()).await).await;
    Ok(asked.map(|answer| answer.into_inner().ticket.unwrap_or_default()))
}

/// An RPC as a reader needs it: `CommitBundle`.
fn name_of(rpc: &str) -> &str {
    rpc.rsplit('/').next().unwrap_or(rpc)
}

/// How the fields of a ticket's question were given.
fn said(field: &str) -> Option<String> {
    matches!(field, "ticket_id" | "number").then(|| "--ticket".to_owned())
}

fn bar(json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(1);
    let style = "{percent:>3}% {bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
