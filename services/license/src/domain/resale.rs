//! Resale chains: who of those that sold a licence is responsible for its support. `chain` has the hands through which a
//! licence goes and who may know of whom, this module the programmes' policies and what they decide.

mod chain;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::civil::Date;
use vouch_core::code::PartnerId;
use vouch_core::{Error, Kind, Reason, Violations};

use super::partner::{Programme, Standing};

pub use chain::{Chain, PolicyVersion, Resale};

/// Which partner of a line is responsible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The one that sold to the end user.
    SellerSupports,
    /// The nearest master reseller, from the seller upwards.
    MasterSupports,
    /// The nearest operator, from the seller upwards.
    OperatorSupports,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::SellerSupports, Self::MasterSupports, Self::OperatorSupports];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SellerSupports => "seller-supports",
            Self::MasterSupports => "master-supports",
            Self::OperatorSupports => "operator-supports",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text)
    }

    /// Whom it looks for, from the seller upwards.
    fn finds(self, dealer: &Dealer) -> bool {
        match self {
            Self::SellerSupports => true,
            Self::MasterSupports => dealer.programme == Programme::MasterReseller,
            Self::OperatorSupports => dealer.programme == Programme::OemSaasMsp,
        }
    }

    /// Whom it looks for, in words.
    fn wanted(self) -> &'static str {
        match self {
            Self::SellerSupports => "the seller",
            Self::MasterSupports => "the nearest master reseller",
            Self::OperatorSupports => "the operator that runs the product as part of its own",
        }
    }
}

/// Something that a partner of a programme has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// The vendor's code.
    pub code: String,
    /// What it is.
    pub sentence: String,
}

/// A version of a programme's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The programme and the version.
    pub version: PolicyVersion,
    /// The first day on which it decides.
    pub effective_from: Date,
    /// The policy as it is read.
    pub text: String,
    /// What partners have to do.
    pub duties: Vec<Duty>,
    /// Who is responsible.
    pub rule: Rule,
    /// When it was published.
    pub published_at: Timestamp,
}

/// A partner that is named, as the registry knows it: `None` where it knows no such one.
pub type Named = (PartnerId, Option<(Programme, Standing)>);

/// A partner of a line that may be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dealer {
    /// The partner.
    pub id: PartnerId,
    /// Its programme.
    pub programme: Programme,
}

/// Who is responsible, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The responsible partner.
    pub responsible: PartnerId,
    /// The policy that decided and its rule; `None` for the vendor's own desk.
    pub by: Option<(PolicyVersion, Rule)>,
}

impl Decision {
    /// Why, in a sentence.
    pub fn why(&self) -> String {
        let responsible = &self.responsible;
        match &self.by {
            None => format!("What the vendor's own desk {responsible} sells, it supports itself."),
            Some((PolicyVersion { programme, version }, rule)) => {
                let (programme, wanted) = (programme.as_str(), rule.wanted());
                format!("By version {version} of the policy for {programme}, {wanted} supports: {responsible}.")
            }
        }
    }
}

/// The line, from the vendor down to the seller, and the maker of a modification: nobody twice in the line, nobody unknown or
/// suspended, and the vendor's own desk in no line but its own.
pub fn read_line(links: &[Named], maker: Option<&Named>) -> Result<Vec<Dealer>, Violations> {
    let mut v = Violations::new();
    let mut line: Vec<Dealer> = Vec::new();
    for (place, named) in links.iter().enumerate() {
        let field = format!("links[{place}].partner_id");
        if links[..place].iter().any(|(id, _)| *id == named.0) {
            v.add(field, "is in the line already: a licence goes through each partner's hands once");
            continue;
        }
        let Some(programme) = take(&field, named, &mut v) else { continue };
        if programme == Programme::VendorDesk && links.len() > 1 {
            v.add(field, "is the vendor's own desk: it is the only link of its chains");
        }
        line.push(Dealer { id: named.0.clone(), programme });
    }
    if let Some(maker) = maker {
        take("modification_maker_id", maker, &mut v);
    }
    v.finish(Some(line))
}

/// Who of a line is responsible by the policy of its seller's programme. The line is not empty.
pub fn decide(line: &[Dealer], policy: Option<&Policy>) -> Result<Decision, Error> {
    let Some(seller) = line.last() else { return Err(Error::field("links", "must be 1 to 5")) };
    if seller.programme == Programme::VendorDesk {
        return Ok(Decision { responsible: seller.id.clone(), by: None });
    }
    let Some(policy) = policy else {
        let message = format!("no policy for {} is in force", seller.programme.as_str());
        return Err(Error::Refused { kind: Kind::Refused, reason: Reason::ProgrammePolicyMissing, message });
    };
    let Some(found) = line.iter().rev().find(|dealer| policy.rule.finds(dealer)) else {
        let PolicyVersion { programme, version } = policy.version;
        let (programme, wanted) = (programme.as_str(), policy.rule.wanted());
        let cause = format!("has nobody who is {wanted}: version {version} of the policy for {programme} demands one");
        return Err(Error::field("links", cause));
    };
    Ok(Decision { responsible: found.id.clone(), by: Some((policy.version, policy.rule)) })
}

fn take(field: &str, (id, known): &Named, v: &mut Violations) -> Option<Programme> {
    match known {
        None => v.add(field, format!("there is no partner {id}")),
        Some((_, Standing::Suspended)) => v.add(field, "is suspended: it takes nothing over"),
        Some((programme, Standing::Good)) => return Some(*programme),
    }
    None
}
