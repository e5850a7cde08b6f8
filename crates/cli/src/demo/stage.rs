//! One step: who sends what, what comes back, how long it takes. A step that deviates ends the story.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tonic::Status;
use vouch_core::World;
use vouch_core::id::{Id, StaticType};

use crate::call;
use crate::folder::Folder;
use crate::identities::Role;
use crate::output::{self, Problem};
use crate::refusal::{self, Called};

/// How long an outcome that comes by itself may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is asked for.
const ASK: Duration = Duration::from_millis(5);

/// Where the story is told.
pub(super) struct Stage {
    pub(super) folder: Folder,
    pub(super) world: World,
    out: PathBuf,
    json: bool,
    steps: usize,
}

impl Stage {
    pub(super) fn new(folder: Folder, out: PathBuf, json: bool) -> Self {
        Self { folder, world: World::system(), out, json, steps: 0 }
    }

    /// How many steps were as they should be.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    pub(super) fn heading(&self, text: &str) {
        if !self.json {
            output::line("");
            output::heading(text);
        }
    }

    /// Tells a step that was as it should be.
    pub(super) fn tell(&mut self, who: &str, sent: &str, came_back: &str, took: Duration) {
        self.steps += 1;
        if self.json {
            let step = json!({
                "step": self.steps, "who": who, "sent": sent, "came_back": came_back,
                "micros": u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            });
            output::line(&step.to_string());
        } else {
            output::step(took, who, sent, came_back);
        }
    }

    /// A fresh id for an intent.
    pub(super) fn request_id(&self) -> String {
        format!("demo-{}", self.world.id::<vouch_core::id::OutboxTag>())
    }

    /// A fresh id of a kind.
    pub(super) fn id<T: StaticType>(&self) -> Id<T> {
        self.world.id()
    }

    /// Calls an RPC, and tells the step by its answer.
    pub(super) async fn step(
        &mut self,
        role: Role,
        rpc: &str,
        request: Value,
        tell: impl FnOnce(&Value) -> String,
    ) -> Result<Value, Problem> {
        let began = Instant::now();
        let answer = self.call(role, rpc, request).await?;
        self.tell(name(role), method(rpc), &tell(&answer), began.elapsed());
        Ok(answer)
    }

    /// Calls an RPC without telling it: a question within a step.
    pub(super) async fn call(&self, role: Role, rpc: &str, request: Value) -> Result<Value, Problem> {
        self.try_call(role, rpc, request).await?.map_err(|status| {
            let problem = refusal::problem(&status, &Called::plainly(role, rpc));
            Problem { what: format!("{rpc} was refused: {}", problem.what), ..problem }
        })
    }

    /// Calls an RPC that is to be refused, and tells why it was; one that is not, or for other reasons, deviates.
    pub(super) async fn refused(
        &mut self,
        role: Role,
        what: &str,
        rpc: &str,
        request: Value,
        expected: &[&str],
    ) -> Result<Status, Problem> {
        let began = Instant::now();
        let Err(status) = self.try_call(role, rpc, request).await? else {
            return Err(Problem::new(format!("{what}: {rpc} was to be refused, and was not")));
        };
        self.check_refusal(name(role), what, &status, expected, began.elapsed())?;
        Ok(status)
    }

    /// Tells a refusal, if it is for the expected reasons: those of its findings, or its own.
    pub(super) fn check_refusal(
        &mut self,
        who: &str,
        what: &str,
        status: &Status,
        expected: &[&str],
        took: Duration,
    ) -> Result<(), Problem> {
        let found = vouch_contract::status::findings(status).unwrap_or_default().findings;
        let mut reasons: Vec<String> = found
            .iter()
            .map(|finding| finding.reason().as_str_name().trim_start_matches("REASON_").to_owned())
            .collect();
        if reasons.is_empty() {
            reasons.push(vouch_contract::status::reason_of(status));
        }
        reasons.dedup();
        if reasons != expected {
            let message = status.message();
            return Err(Problem::new(format!("{what}: refused for {reasons:?} ({message}), and not for {expected:?}")));
        }
        self.tell(who, what, &format!("refused: {}", reasons.join(", ")), took);
        Ok(())
    }

    async fn try_call(&self, role: Role, rpc: &str, request: Value) -> Result<Result<Value, Status>, Problem> {
        let method = call::find(rpc)?;
        let message = call::read(&method, &request.to_string())?;
        match call::call(&self.folder, role, &method, message).await {
            Ok(answer) => serde_json::from_str(&call::show(&answer))
                .map(Ok)
                .map_err(|error| Problem::new(format!("{rpc} answered no JSON: {error}"))),
            Err(status) => Ok(Err(status)),
        }
    }

    /// Asks for the ticket until it is as it should be, and everything that was sent is in the joint history.
    pub(super) async fn until(
        &self,
        ticket_id: &Value,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, Problem> {
        let began = Instant::now();
        loop {
            let request = json!({ "ticketId": ticket_id });
            let answer = self.call(Role::Agent, "partner.v1.TicketService/GetTicket", request).await?;
            let ticket = &answer["ticket"];
            let pending = ticket["escalation"]["pending"].as_i64().unwrap_or(0);
            if fits(ticket) && pending == 0 {
                return Ok(ticket.clone());
            }
            if began.elapsed() > PATIENCE {
                let (state, escalation) = (&ticket["state"], &ticket["escalation"]);
                return Err(Problem::new(format!("{what} did not come about: the ticket is {state}, {escalation}")));
            }
            tokio::time::sleep(ASK).await;
        }
    }

    /// Asks for the case until its bundle was analysed; what was found in it.
    pub(super) async fn until_analysed(&self, case_id: &Value) -> Result<Value, Problem> {
        let began = Instant::now();
        loop {
            let request = json!({ "caseId": case_id });
            let answer = self.call(Role::Engineer, "vendor.v1.CaseDeskService/GetDeskCase", request).await?;
            let analysis = &answer["bundles"][0]["analysis"];
            if analysis["state"] != "ANALYSIS_STATE_WAITING" || began.elapsed() > PATIENCE {
                return Ok(analysis.clone());
            }
            tokio::time::sleep(ASK).await;
        }
    }

    /// Writes a file for the reader of the story.
    pub(super) fn write(&self, file: &str, content: &str) -> Result<PathBuf, Problem> {
        let path = self.out.join(file);
        std::fs::write(&path, content)
            .map_err(|error| Problem::new(format!("{} cannot be written: {error}", path.display())))?;
        Ok(path)
    }
}

/// Who calls, for a reader.
pub(super) fn name(role: Role) -> &'static str {
    match role {
        Role::Administrator => "administrator",
        Role::Engineer => "engineer",
        Role::Agent => "agent",
        Role::Customer => "customer",
        Role::Partner => "partner",
        Role::Reseller => "reseller",
        Role::OtherPartner => "other partner",
        Role::Vendor => "vendor",
        Role::Anyone => "anyone",
    }
}

/// `partner.v1.TicketService/OpenTicket` as a reader needs it: `OpenTicket`.
fn method(rpc: &str) -> &str {
    rpc.rsplit('/').next().unwrap_or(rpc)
}

/// `TICKET_STATE_READY_TO_CLOSE` as a reader needs it: `ready to close`.
pub(super) fn word(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let text = text.trim_start_matches("TICKET_STATE_").trim_start_matches("CASE_STATE_");
    text.to_lowercase().replace('_', " ")
}
