//! Chains and policies as the contract tells them.

use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::PartnerId;

use crate::commands::etag;
use crate::domain::license::License;
use crate::domain::resale::{Policy, Rule};

/// A licence's chain, whole or as far as a partner may know it.
pub(super) fn chain(license: &License, own: Option<&PartnerId>) -> pb::ResaleChain {
    let (resale, responsible) = (&license.resale, &license.terms.responsible_partner_id);
    let links = own.map_or(resale.chain.links.as_slice(), |own| resale.chain.part_of(own));
    let maker = resale.chain.maker.as_ref().filter(|_| own.is_none_or(|own| license.tells_maker(own)));
    let responsible = Some(responsible).filter(|responsible| own.is_none_or(|own| license.tells(own, responsible)));
    let policy = resale.policy.filter(|_| own.is_none());
    let text = |id: Option<&PartnerId>| id.map(ToString::to_string).unwrap_or_default();
    pb::ResaleChain {
        license_id: license.id.to_string(),
        links: links.iter().map(|link| pb::ResaleLink { partner_id: link.to_string() }).collect(),
        modification_maker_id: text(maker),
        responsible_partner_id: text(responsible),
        policy_programme: policy.map(|one| pb::PartnerProgramme::from(one.programme)).unwrap_or_default().into(),
        policy_version: policy.map(|one| one.version).unwrap_or_default(),
        etag: etag(license.revision),
    }
}

/// A policy for a list.
pub(super) fn without_text(policy: Policy) -> pb::ProgrammePolicy {
    pb::ProgrammePolicy { text: String::new(), ..policy.into() }
}

impl From<Policy> for pb::ProgrammePolicy {
    fn from(policy: Policy) -> Self {
        let duties = policy.duties.into_iter();
        Self {
            programme: pb::PartnerProgramme::from(policy.version.programme).into(),
            version: policy.version.version,
            effective_from: policy.effective_from.to_string(),
            text: policy.text,
            duties: duties.map(|duty| pb::ProgrammeDuty { code: duty.code, sentence: duty.sentence }).collect(),
            responsibility_rule: pb::ResponsibilityRule::from(policy.rule).into(),
            publish_time: Some(timestamp(policy.published_at)),
        }
    }
}

impl From<Rule> for pb::ResponsibilityRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::SellerSupports => Self::SellerSupports,
            Rule::MasterSupports => Self::MasterSupports,
            Rule::OperatorSupports => Self::OperatorSupports,
        }
    }
}
