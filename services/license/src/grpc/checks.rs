//! Checks: one question or many, asked of the book, or of the database by who wants an explanation.

use std::sync::Arc;

use jiff::Timestamp;
use vouch_contract::convert;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::{PartnerId, ProductId};
use vouch_core::{Error, Kind, Reason, Violations, id, text};
use vouch_host::Call;
use vouch_identity::{Caller, CallerKind};

use super::{Handlers, read};
use crate::book::{Table, Wanted};
use crate::commands::past::check_at;
use crate::commands::proofs::foresee;
use crate::domain::entitlement::{Answer, Escalated, Known, LicenseRef, Question, Viewer, judge};
use crate::domain::guesses::Guess;
use crate::domain::license_key::LicenseKey;
use crate::store::changes::revision_fetch;
use crate::store::facts::{facts_fetch, key_digest};

/// How many questions a batch has at most.
const BATCH: usize = 1000;

/// A question, and what the answer must know of.
#[derive(Debug, Clone)]
pub(super) struct Check {
    question: Question,
    at_least_revision: i64,
    explain: bool,
    as_of: Option<Timestamp>,
    escalated: Option<Escalated>,
}

/// Several questions.
#[derive(Debug)]
pub(super) struct Batch {
    pub questions: Vec<pb::EntitlementQuestion>,
    pub at_least_revision: i64,
    pub omit_cover: bool,
}

/// Their answers, with the state on which they rest.
#[derive(Debug)]
pub(super) struct Checked {
    pub items: Vec<pb::EntitlementItem>,
    pub revision: i64,
    pub now: Timestamp,
}

impl Handlers {
    /// Answers one question.
    pub(super) async fn check(&self, call: Call<Check>) -> Result<pb::CheckEntitlementResponse, Error> {
        let Check { question, at_least_revision, explain, as_of, escalated } = call.command;
        let question = ask_as(&call.caller, question)?;
        let viewer = viewer(&call.caller)?;
        if explain && viewer != Viewer::Vendor {
            return Err(Error::field("explain", "is for the vendor's own: leave it out"));
        }
        let escalating = escalated.map(|escalated| escalating(&call.caller, escalated)).transpose()?;
        let guess = self.may_guess(&call.caller, call.now)?;
        if let Some(at) = as_of.filter(|at| *at > call.now) {
            return Err(Error::field("as_of", format!("must lie in the past, and not at {at}")));
        }
        self.book.caught_up(at_least_revision).await?;
        // What asks the database is boxed: the many that ask the book do not carry its room with them.
        let (answer, revision, explanation) = if let Some(at) = as_of {
            let past = async {
                // The revision is read first: what is answered is at least as new.
                let revision = revision_fetch(&mut *self.store().snapshot().await?).await?.all;
                Ok::<_, Error>((check_at(self.store(), self.secrets(), &question, &viewer, at).await?, revision))
            };
            let (answer, revision) = Box::pin(past).await?;
            (answer, revision, None)
        } else if let Some((partner_id, escalated)) = escalating {
            let foreseen = async {
                let mut snapshot = self.store().snapshot().await?;
                let revision = revision_fetch(&mut snapshot).await?.all;
                let around = (self.secrets(), call.now);
                Ok::<_, Error>((foresee(&mut snapshot, around, &partner_id, &question, escalated).await?, revision))
            };
            let (answer, revision) = Box::pin(foreseen).await?;
            (answer, revision, None)
        } else if explain {
            Box::pin(self.explained(&question, &viewer, call.now)).await?
        } else {
            let wanted = self.wanted(&question.license);
            let judged = |table: &Table| judge(table.facts(&wanted, call.now).as_ref(), &question, &viewer, call.now);
            let (answer, revision) = self.book.read(call.now, judged)?;
            (answer, revision, None)
        };
        if answer.findings.has(Reason::LicenseNotFound) {
            guess.miss();
        }
        Ok(pb::CheckEntitlementResponse { answer: Some(answer.into()), revision, explanation })
    }

    /// Answers on rows, with the rows.
    async fn explained(
        &self,
        question: &Question,
        viewer: &Viewer,
        now: Timestamp,
    ) -> Result<(Answer, i64, Option<Box<pb::Explanation>>), Error> {
        let mut snapshot = self.store().snapshot().await?;
        let revision = revision_fetch(&mut snapshot).await?.all;
        let known = facts_fetch(&mut snapshot, self.secrets(), &question.license, viewer, now).await?;
        let facts = known.as_ref().map(Known::facts);
        let answer = judge(facts.as_ref(), question, viewer, now);
        Ok((answer, revision, known.map(|known| Box::new(known.into()))))
    }

    /// Answers several questions on one state of the facts.
    pub(super) async fn check_batch(&self, caller: &Caller, batch: Batch) -> Result<Checked, Error> {
        if batch.questions.is_empty() || batch.questions.len() > BATCH {
            return Err(Error::field("questions", format!("must be 1 to {BATCH}")));
        }
        let now = self.world().now();
        let viewer = viewer(caller)?;
        let guess = self.may_guess(caller, now)?;
        self.book.caught_up(batch.at_least_revision).await?;
        // Parsed, and keys digested, before the table is held.
        let asked: Vec<_> = batch.questions.into_iter().map(|question| self.parse(caller, question)).collect();
        let (items, revision) = self.book.read(now, |table| {
            let mut limited = None;
            let answer = |asked: Result<(Question, Wanted), Error>| {
                if let Some(retry_after) = limited {
                    return Err(Error::RateLimited { retry_after });
                }
                let (question, wanted) = asked?;
                let answer = judge(table.facts(&wanted, now).as_ref(), &question, &viewer, now);
                if answer.findings.has(Reason::LicenseNotFound)
                    && let Err(retry_after) = guess.note_miss(now)
                {
                    limited = Some(retry_after);
                    return Err(Error::RateLimited { retry_after });
                }
                Ok(answer)
            };
            let outcomes = asked.into_iter().map(answer);
            outcomes.map(|outcome| item(outcome, batch.omit_cover)).collect::<Vec<_>>()
        })?;
        Ok(Checked { items, revision, now })
    }

    fn parse(&self, caller: &Caller, question: pb::EntitlementQuestion) -> Result<(Question, Wanted), Error> {
        let mut violations = Violations::new();
        let question = read_question(question, &mut violations);
        let question = ask_as(caller, violations.finish(question)?)?;
        let wanted = self.wanted(&question.license);
        Ok((question, wanted))
    }

    /// A question is a guess until its answer shows that the licence is known.
    pub(super) fn may_guess(&self, caller: &Caller, now: Timestamp) -> Result<Guess<'_, Arc<str>>, Error> {
        self.callers.guess(caller.name().clone(), now).map_err(|retry_after| Error::RateLimited { retry_after })
    }

    fn wanted(&self, license: &LicenseRef) -> Wanted {
        match license {
            LicenseRef::Key(key) => Wanted::Key(key_digest(self.secrets(), key)),
            LicenseRef::Id(id) => Wanted::Id(*id),
        }
    }
}

/// What became of one question of several.
fn item(outcome: Result<Answer, Error>, omit_cover: bool) -> pb::EntitlementItem {
    let outcome = match outcome {
        Ok(answer) => {
            let answer = if omit_cover { Answer { cover: None, ..answer } } else { answer };
            let answer = pb::EntitlementAnswer { checked_at: None, ..answer.into() };
            pb::entitlement_item::Outcome::Answer(answer)
        }
        Err(error) => pb::entitlement_item::Outcome::Error(item_error(&error)),
    };
    pb::EntitlementItem { outcome: Some(outcome) }
}

fn item_error(error: &Error) -> pb::ItemError {
    let fields = match error {
        Error::Invalid(violations) => violations.iter().collect(),
        _ => Vec::new(),
    };
    let fields = fields.into_iter().map(|violation| pb::FieldProblem {
        field: violation.field.trim_start_matches("question.").to_owned(),
        description: violation.description.clone(),
    });
    pb::ItemError {
        reason: error.reason().number(),
        message: match error.kind() {
            Kind::Internal | Kind::Unavailable => "the service failed".to_owned(),
            _ => error.to_string(),
        },
        fields: fields.collect(),
        retry_after: match error {
            Error::RateLimited { retry_after } => prost_types::Duration::try_from(*retry_after).ok(),
            _ => None,
        },
    }
}

/// The question as this caller may ask it: a partner's service asks for itself.
pub(super) fn ask_as(caller: &Caller, mut question: Question) -> Result<Question, Error> {
    if caller.kind == CallerKind::PartnerWorkload {
        let own = caller.partner();
        if question.partner_id.is_some() && question.partner_id != own {
            return Err(Error::field("question.partner_id", "must be empty or your own"));
        }
        question.partner_id = own;
    }
    Ok(question)
}

/// The partner whose escalation it is: holds are told to nobody else.
fn escalating(caller: &Caller, escalated: Escalated) -> Result<(PartnerId, Escalated), Error> {
    let own = caller.partner().filter(|_| caller.kind == CallerKind::PartnerWorkload);
    let own =
        own.ok_or_else(|| Error::field("escalation_id", "is for the partner whose escalation it is: leave it out"));
    Ok((own?, escalated))
}

fn viewer(caller: &Caller) -> Result<Viewer, Error> {
    Ok(super::scope(caller)?.map_or(Viewer::Vendor, Viewer::Partner))
}

impl TryFrom<pb::CheckEntitlementRequest> for Check {
    type Error = Violations;

    fn try_from(request: pb::CheckEntitlementRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let question = violations.nested("question", request.question, read_question);
        let as_of = match request.as_of {
            None => Some(None),
            Some(at) => violations.take("as_of", convert::instant(&at)).map(Some),
        };
        if request.as_of.is_some() && request.explain {
            violations.add("explain", "explains what is on record now: leave as_of out");
        }
        let escalated = read_escalated(&request.escalation_id, &request.charged_hold_id, &mut violations);
        if !request.escalation_id.is_empty() && (request.explain || request.as_of.is_some()) {
            violations.add("escalation_id", "must be empty beside as_of and explain");
        }
        let (at_least_revision, explain) = (request.at_least_revision, request.explain);
        let check = question.zip(as_of);
        violations.finish(check.map(|(question, as_of)| Self {
            question,
            at_least_revision,
            explain,
            as_of,
            escalated,
        }))
    }
}

/// Reads the escalation of which is asked, where one is named.
fn read_escalated(escalation_id: &str, charged_hold_id: &str, v: &mut Violations) -> Option<Escalated> {
    let escalation = v.take("escalation_id", read::optional(escalation_id, id::parse));
    let charge = v.take("charged_hold_id", read::optional(charged_hold_id, id::parse));
    if !charged_hold_id.is_empty() && escalation_id.is_empty() {
        v.add("charged_hold_id", "is for an escalation: name its escalation_id, too");
    }
    Some(Escalated { escalation_id: escalation??, charge: charge? })
}

/// Reads a question, every bad field at once.
pub(super) fn read_question(question: pb::EntitlementQuestion, v: &mut Violations) -> Option<Question> {
    let license = v.nested("license", question.license, |license, v| match license.r#ref {
        Some(pb::license_ref::Ref::LicenseKey(key)) => {
            v.take("license_key", LicenseKey::parse(&key)).map(LicenseRef::Key)
        }
        Some(pb::license_ref::Ref::LicenseId(text)) => v.take("license_id", id::parse(&text)).map(LicenseRef::Id),
        None => v.take("ref", Err("is required: license_key or license_id")),
    });
    let partner_id = v.take("partner_id", read::optional(&question.partner_id, PartnerId::parse));
    let product_id = v.take("product_id", read::optional(&question.product_id, ProductId::parse));
    let version = v.take("version", read::optional(&question.version, |version| text::line(version, 64)));
    let severity = v.take("severity", optional_number(question.severity, convert::read_severity));
    let channel = v.take("channel", optional_number(question.channel, convert::read_channel));
    let contact_email = v.take("contact_email", read::optional(&question.contact_email, text::email));
    Some(Question {
        license: license?,
        partner_id: partner_id?,
        product_id: product_id?,
        version: version?,
        severity: severity?,
        channel: channel?,
        contact_email: contact_email?,
    })
}

fn optional_number<T>(number: i32, read: impl FnOnce(i32) -> Result<T, String>) -> Result<Option<T>, String> {
    if number == 0 { Ok(None) } else { read(number).map(Some) }
}
