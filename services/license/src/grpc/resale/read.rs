//! Reading the requests of `ResaleService`.

use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::{PartnerId, ProductId};
use vouch_core::id::LicenseId;
use vouch_core::{Violations, dates, id, text};
use vouch_host::Page;

use super::super::partners::read_programme;
use super::super::read::{self, ListOf, One};
use crate::commands::licenses::Version;
use crate::commands::resale::{ChangeResponsible, PublishPolicy, SetChain};
use crate::domain::partner::Programme;
use crate::domain::resale::{Chain, Duty, Rule};

/// The list of policies, for its pages.
pub(super) const POLICIES: &str = "programme-policies";
/// The most bytes of a policy's text.
const MOST_TEXT: usize = 64 * 1024;
/// The most duties of a policy.
const MOST_DUTIES: usize = 50;
/// The most links of a chain.
const MOST_LINKS: usize = 5;
/// The most licences that one call hands over.
const MOST_AT_ONCE: i64 = 500;

/// A policy that is wanted.
#[derive(Debug, Clone)]
pub(super) struct WantedPolicy {
    /// Whose.
    pub programme: Programme,
    /// The version; `None`: the one in force.
    pub version: Option<i32>,
}

impl TryFrom<pb::PublishProgrammePolicyRequest> for PublishPolicy {
    type Error = Violations;

    fn try_from(request: pb::PublishProgrammePolicyRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("policy", request.policy, |policy, v| {
            v.refuse_set("version", policy.version != 0);
            v.refuse_set("publish_time", policy.publish_time.is_some());
            let programme = v.take("programme", read_seller(policy.programme));
            let effective_from = v.take("effective_from", dates::date(&policy.effective_from));
            let text = v.take("text", read_text(&policy.text));
            let duties = read_duties(policy.duties, v);
            let rule = v.take("responsibility_rule", read_rule(policy.responsibility_rule));
            Some(Self {
                programme: programme?,
                effective_from: effective_from?,
                text: text?,
                duties: duties?,
                rule: rule?,
            })
        });
        violations.finish(command)
    }
}

impl TryFrom<pb::GetProgrammePolicyRequest> for WantedPolicy {
    type Error = Violations;

    fn try_from(request: pb::GetProgrammePolicyRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let programme = v.take("programme", read_seller(request.programme));
        let version = v.take("version", read::within(request.version, 0, i64::from(i32::MAX)));
        let wanted = programme.zip(version);
        v.finish(wanted.map(|(programme, version)| Self { programme, version: Some(version).filter(|one| *one > 0) }))
    }
}

impl TryFrom<pb::ListProgrammePoliciesRequest> for ListOf<Programme> {
    type Error = Violations;

    fn try_from(request: pb::ListProgrammePoliciesRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let programme = v.take("programme", read_seller(request.programme));
        let page = v.absorb(Page::read(request.page, POLICIES));
        v.finish(page.zip(programme).map(|(page, filter)| Self { page, filter }))
    }
}

impl TryFrom<pb::SetResaleChainRequest> for SetChain {
    type Error = Violations;

    fn try_from(request: pb::SetResaleChainRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let license_id = v.take("license_id", id::parse(&request.license_id));
        let etag = v.take("etag", text::line(&request.etag, 64));
        if !(1..=MOST_LINKS).contains(&request.links.len()) {
            v.add("links", format!("must be 1 to {MOST_LINKS}"));
        }
        let mut links = Vec::new();
        for (place, link) in request.links.into_iter().take(MOST_LINKS).enumerate() {
            let field = format!("links[{place}].partner_id");
            links.extend(v.take(&field, PartnerId::parse(&link.partner_id)));
        }
        let maker = v.take("modification_maker_id", read::optional(&request.modification_maker_id, PartnerId::parse));
        let note = v.take("note", text::line(&request.note, 500));
        let command = (|| {
            let version = Version { license_id: license_id?, etag: etag? };
            Some(Self { version, chain: Chain { links, maker: maker? }, note: note? })
        })();
        v.finish(command)
    }
}

impl TryFrom<pb::GetResaleChainRequest> for One<LicenseId> {
    type Error = Violations;

    fn try_from(request: pb::GetResaleChainRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let id = v.take("license_id", id::parse(&request.license_id));
        v.finish(id.map(Self))
    }
}

impl TryFrom<pb::ChangeResponsiblePartnerRequest> for ChangeResponsible {
    type Error = Violations;

    fn try_from(request: pb::ChangeResponsiblePartnerRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let from = v.take("partner_id", PartnerId::parse(&request.partner_id));
        let successor = v.take("successor_partner_id", read::optional(&request.successor_partner_id, PartnerId::parse));
        let batch = v.take("batch_size", read::within(request.batch_size, 0, MOST_AT_ONCE));
        let note = v.take("note", text::line(&request.note, 500));
        let command = (|| {
            let batch = batch.map(|batch: i64| if batch == 0 { MOST_AT_ONCE } else { batch })?;
            Some(Self { from: from?, successor: successor?, batch, is_dry_run: request.dry_run, note: note? })
        })();
        v.finish(command)
    }
}

/// A programme that has policies.
fn read_seller(number: i32) -> Result<Programme, String> {
    match read_programme(number)? {
        Programme::VendorDesk => Err("has no policy: the vendor's own desk is responsible for what it sells".into()),
        programme => Ok(programme),
    }
}

fn read_text(markdown: &str) -> Result<String, String> {
    if markdown.len() > MOST_TEXT {
        return Err(format!("must be at most {MOST_TEXT} bytes"));
    }
    text::paragraph(markdown, MOST_TEXT)
}

fn read_duties(duties: Vec<pb::ProgrammeDuty>, v: &mut Violations) -> Option<Vec<Duty>> {
    if duties.len() > MOST_DUTIES {
        return v.take("duties", Err(format!("must be at most {MOST_DUTIES}")));
    }
    let mut read: Vec<Duty> = Vec::new();
    for (place, duty) in duties.into_iter().enumerate() {
        let field = format!("duties[{place}]");
        let duty = v.nested(&field, Some(duty), |duty, v| {
            // A code of a duty is written as every code of the vendor's is.
            let code = v.take("code", ProductId::parse(&duty.code).map(|code| code.to_string()));
            let sentence = v.take("sentence", text::line(&duty.sentence, 500));
            Some(Duty { code: code?, sentence: sentence? })
        });
        let Some(duty) = duty else { continue };
        if read.iter().any(|other| other.code == duty.code) {
            v.add(format!("{field}.code"), "is there already");
        }
        read.push(duty);
    }
    Some(read)
}

fn read_rule(number: i32) -> Result<Rule, String> {
    match pb::ResponsibilityRule::try_from(number) {
        Ok(pb::ResponsibilityRule::SellerSupports) => Ok(Rule::SellerSupports),
        Ok(pb::ResponsibilityRule::MasterSupports) => Ok(Rule::MasterSupports),
        Ok(pb::ResponsibilityRule::OperatorSupports) => Ok(Rule::OperatorSupports),
        Ok(pb::ResponsibilityRule::Unspecified) => Err("is required".into()),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}
