//! Which RPC was meant by a wrong name: one that is spelt nearly so, or begins so. None, where none is near.

use prost_reflect::MethodDescriptor;

/// So many letters of a name may be wrong: one in four, and at most three.
const LETTERS: usize = 4;
const MOST: usize = 3;

/// A name that is no more than a beginning has at least so many letters.
const BEGINNING: usize = 4;

/// So many names are told.
const TOLD: usize = 3;

/// The names nearest to a wrong one, as `vouch call` takes them: `license.v1.LicenseService/GetLicense`.
pub(crate) fn names(wrong: &str) -> Vec<String> {
    let (service, method) = wrong.rsplit_once('/').unwrap_or(("", wrong));
    let ranked = vouch_contract::services().flat_map(|own| own.methods().collect::<Vec<_>>()).filter_map(|own| {
        let distance = rank(&own, &method.to_lowercase())?;
        let name = name(&own);
        // Of two that are as near, the one in the service that was named.
        let is_elsewhere = !service.is_empty() && !name.starts_with(&format!("{service}/"));
        Some(((distance, is_elsewhere), name))
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort();
    let best = ranked.first().map(|(rank, _)| *rank);
    ranked.into_iter().filter(|(rank, _)| Some(*rank) == best).map(|(_, name)| name).take(TOLD).collect()
}

/// An RPC as `vouch call` takes it.
pub(crate) fn name(method: &MethodDescriptor) -> String {
    let service = method.parent_service().full_name().trim_start_matches("vouch.").to_owned();
    format!("{service}/{}", method.name())
}

/// How far a name is from the wrong one; `None` where it is another.
fn rank(method: &MethodDescriptor, wrong: &str) -> Option<usize> {
    let name = method.name().to_lowercase();
    let bound = (wrong.chars().count() / LETTERS).clamp(1, MOST);
    let distance = distance(&name, wrong);
    let is_beginning = wrong.len() >= BEGINNING && name.starts_with(wrong);
    if distance <= bound { Some(distance) } else { is_beginning.then_some(bound + 1) }
}

/// How many letters have to be put in, taken out or replaced, by Levenshtein.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, letter) in one.chars().enumerate() {
        let mut before = place;
        let mut next = vec![place + 1];
        for (at, wanted) in other.iter().enumerate() {
            let above = row.get(at + 1).copied().unwrap_or_default();
            let left = next.last().copied().unwrap_or_default();
            next.push((before + usize::from(letter != *wanted)).min(above + 1).min(left + 1));
            before = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_told_the_one_that_was_meant_or_none() {
        for (wrong, wanted) in [
            ("partner.v1.TicketService/GetTickets", &["partner.v1.TicketService/GetTicket"][..]),
            ("TicketService/OpenTickit", &["partner.v1.TicketService/OpenTicket"]),
            ("license.v1.LicenseService/CheckEntitlement", &["license.v1.EntitlementService/CheckEntitlement"]),
            ("vendor.v1.KeySetService/GetKeyset", &["vendor.v1.KeySetService/GetKeySet"]),
            ("license.v1.EntitlementService/Check", &["license.v1.EntitlementService/CheckEntitlement"]),
            ("vendor.v1.CaseDeskService/claimcase", &["vendor.v1.CaseDeskService/ClaimCase"]),
            ("partner.v1.TicketService/DeleteEverything", &[]),
            ("partner.v1.TicketService/OpenCase", &[]),
            ("Get", &[]),
        ] {
            assert_eq!(names(wrong), wanted, "{wrong}");
        }
        assert_eq!(names("GetKeySett").len(), 3, "as many as have that name");
    }

    #[test]
    fn a_distance_is_how_many_letters_are_wrong() {
        for (one, other, wanted) in [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("über", "uber", 1)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (wanted, wanted), "{one} {other}");
        }
    }
}
