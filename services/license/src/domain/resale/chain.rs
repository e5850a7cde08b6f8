//! The hands through which a licence goes, and who of them may know of whom.

use vouch_core::Error;
use vouch_core::code::PartnerId;

use super::{Decision, Programme};
use crate::domain::license::{License, LicenseState};

/// The partners of a licence beyond the two that every licence has. Most licences have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// From the vendor down to the seller; empty where no line was set.
    pub links: Vec<PartnerId>,
    /// The maker of a modification.
    pub maker: Option<PartnerId>,
}

impl Chain {
    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && self.maker.is_none()
    }

    /// Whether a partner is a part of it, in the line or as maker.
    pub fn has(&self, partner: &PartnerId) -> bool {
        self.links.contains(partner) || self.maker.as_ref() == Some(partner)
    }

    /// A partner's own part of the line: the one that it buys from, itself, and the one that it sells to.
    pub fn part_of(&self, partner: &PartnerId) -> &[PartnerId] {
        let Some(place) = self.links.iter().position(|link| link == partner) else { return &[] };
        let below = (place + 2).min(self.links.len());
        &self.links[place.saturating_sub(1)..below]
    }
}

/// A version of a programme's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyVersion {
    /// The programme.
    pub programme: Programme,
    /// Counted from 1.
    pub version: i32,
}

/// How a licence is sold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resale {
    /// Through whose hands.
    pub chain: Chain,
    /// The policy that decided who is responsible; `None` where none did.
    pub policy: Option<PolicyVersion>,
}

impl License {
    /// The licence with another chain, as it was decided.
    pub fn sold_through(&self, chain: Chain, decision: &Decision) -> Result<Self, Error> {
        if self.state == LicenseState::Revoked {
            let (state, step) = (self.state.as_str(), "be given a chain");
            return Err(Error::StateConflict { what: "license", id: self.id.to_string(), state, step });
        }
        let mut next = self.clone();
        next.revision += 1;
        next.terms.responsible_partner_id = decision.responsible.clone();
        next.terms.reseller_partner_id = chain.links.last().filter(|seller| **seller != decision.responsible).cloned();
        next.resale = Resale { chain, policy: decision.by.map(|(policy, _)| policy) };
        Ok(next)
    }

    /// The licence with a successor in the place of its responsible partner, who has no part in it any more.
    #[must_use]
    pub fn succeeded_by(&self, successor: &PartnerId) -> Self {
        let mut next = self.clone();
        let gone = std::mem::replace(&mut next.terms.responsible_partner_id, successor.clone());
        next.revision += 1;
        next.terms.reseller_partner_id.take_if(|reseller| reseller == successor);
        let Chain { links, maker } = &mut next.resale.chain;
        if links.contains(successor) {
            links.retain(|link| *link != gone);
        } else if let Some(place) = links.iter().position(|link| *link == gone) {
            links[place] = successor.clone();
        }
        maker.take_if(|maker| *maker == gone);
        next.resale.policy = None;
        next
    }

    /// Dissolves the line when other partners were named by a transfer: it is not theirs. Who made a modification made it,
    /// unless it is a partner that goes.
    pub fn dissolve_line(&mut self, gone: &[PartnerId]) {
        let maker = self.resale.chain.maker.take().filter(|maker| !gone.contains(maker));
        self.resale = Resale { chain: Chain { links: Vec::new(), maker }, policy: None };
    }

    /// Whether a partner that sees the licence may know that another one is responsible for it or sold it. Those two know one
    /// another, the others their neighbours.
    pub fn tells(&self, viewer: &PartnerId, of: &PartnerId) -> bool {
        let (responsible, chain) = (&self.terms.responsible_partner_id, &self.resale.chain);
        let is_maker = chain.maker.as_ref() == Some(viewer);
        viewer == of
            || viewer == responsible
            || viewer == self.terms.seller()
            || chain.part_of(viewer).contains(of)
            || (is_maker && of == responsible)
    }

    /// Whether a partner may know who made a modification: who escalates, and the maker.
    pub fn tells_maker(&self, viewer: &PartnerId) -> bool {
        self.terms.responsible_partner_id == *viewer || self.resale.chain.maker.as_ref() == Some(viewer)
    }

    /// The partners that see it, and see it no longer as what it becomes: it is gone for them.
    pub fn gone_for(&self, next: &Self) -> Vec<&PartnerId> {
        self.seers().into_iter().filter(|partner| !next.is_seen_by(partner)).collect()
    }

    /// Every partner that sees it, for its history: whoever comes in is new among them.
    pub(in crate::domain) fn line(&self) -> String {
        self.seers().into_iter().map(PartnerId::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Those for whom [`License::is_seen_by`] holds, each once.
    fn seers(&self) -> Vec<&PartnerId> {
        let terms = &self.terms;
        let two = std::iter::once(&terms.responsible_partner_id).chain(&terms.reseller_partner_id);
        let mut seers: Vec<&PartnerId> = Vec::new();
        for partner in two.chain(&self.resale.chain.links) {
            if !seers.contains(&partner) {
                seers.push(partner);
            }
        }
        seers
    }
}
