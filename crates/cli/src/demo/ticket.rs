//! A ticket that is ready to be handed over, for whoever goes on by hand.

use std::path::Path;

use serde_json::json;

use super::stage::Stage;
use super::story;
use crate::output::{self, Problem};

/// Brings a ticket to where it needs nothing but diagnostics, and tells the commands that come next.
pub(super) async fn bring(stage: &mut Stage, data: &Path, for_machines: bool) -> Result<(), Problem> {
    stage.heading("A ticket at the partner");
    let ticket_id = story::work(stage).await?;
    let ticket_id = ticket_id.as_str().unwrap_or_default();
    if for_machines {
        output::line(&json!({ "ticket_id": ticket_id }).to_string());
        return Ok(());
    }
    let (vouch, data) = (output::program(), crate::up::flag(data));
    output::line("");
    output::heading("It can be handed over now, with diagnostics");
    let next = [
        ("End user: fetch what the vendor wants to know, its signature verified", {
            format!("{vouch} profile fetch linux-host/1{data}")
        }),
        ("End user: collect by it, redacted and sealed; it shows first what it would read", {
            format!("{vouch} collect --profile linux-host/1 --output host.vouch")
        }),
        (
            "Agent: hand it to the partner, which verifies and signs it; and escalate, by the command that this prints",
            { format!("{vouch} bundle upload host.vouch --ticket {ticket_id}{data}") },
        ),
        ("Engineer: the case by its number, with what was found in its bundles", {
            format!("{vouch} case-desk list-desk-cases{data}\n  {vouch} case-desk get-desk-case{data} NUMBER")
        }),
    ];
    output::commands(&next);
    Ok(())
}
