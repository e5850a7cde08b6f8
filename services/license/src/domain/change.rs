//! The history of a thing: what was changed, when, by whom and why.
//!
//! Proves Q14.

use jiff::Timestamp;
use vouch_core::code::PartnerId;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The revision that it made.
    pub revision: i64,
    /// What was done, in a word or two.
    pub what: String,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// The partner for which they did it; empty for the vendor's own.
    pub partner: String,
    /// Why; may be empty.
    pub note: String,
    /// What was different before and after.
    pub fields: Vec<FieldChange>,
}

/// A field before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Its path.
    pub field: String,
    /// Before; empty where there was nothing.
    pub before: String,
    /// After.
    pub after: String,
}

/// The fields of a thing as text, always the same ones in the same order.
pub type Fields = Vec<(&'static str, String)>;

/// What is different between two states of a thing.
pub fn differences(before: Fields, after: Fields) -> Vec<FieldChange> {
    let pairs = before.into_iter().zip(after).filter(|(before, after)| before != after);
    pairs.map(|((field, before), (_, after))| FieldChange { field: field.to_owned(), before, after }).collect()
}

/// What a thing was created with: every field that has a value.
pub fn creation(fields: Fields) -> Vec<FieldChange> {
    let before = fields.iter().map(|(field, _)| (*field, String::new())).collect();
    differences(before, fields)
}

/// The fields by which a partner comes into the chain of a licence.
pub const CHAIN: [&str; 2] = ["responsible_partner_id", "reseller_partner_id"];

/// The field with the end user that holds a licence.
pub const HOLDER: &str = "end_user.end_user_id";

/// The field with every partner that sees a licence. It changes with the ones above, and is the vendor's to read.
pub const LINE: &str = "resale_chain.partners";

/// The field with the maker of a modification, the vendor's to read.
pub const MAKER: &str = "resale_chain.modification_maker_id";

/// The revision with which a partner came into the chain of a licence, by those of its changes that name the partner, in their order;
/// `None` where it was in it from the start.
pub fn came_in(naming: &[Change], partner: &PartnerId) -> Option<i64> {
    let names = |value: &str| value.split(' ').any(|word| word == partner.as_str());
    let brings_in = |change: &&Change| {
        // What was written before there were lines has the two partners only.
        let line = change.fields.iter().find(|field| field.field == LINE);
        let of_chain = |field: &&FieldChange| match line {
            Some(_) => field.field == LINE,
            None => CHAIN.contains(&field.field.as_str()),
        };
        let (left, came): (Vec<_>, Vec<_>) =
            change.fields.iter().filter(of_chain).map(|field| (names(&field.before), names(&field.after))).unzip();
        came.contains(&true) && !left.contains(&true)
    };
    naming.iter().rfind(brings_in).map(|change| change.revision)
}

impl Change {
    /// A change of a licence as a partner of its chain reads it: of the one with which it came in, only how things were afterwards. Who
    /// did it is told of what was done for this partner, and of the chain `tells` says whom it may know.
    #[must_use]
    pub fn seen_by(mut self, partner: &PartnerId, came_in: Option<i64>, tells: impl Fn(&str) -> bool) -> Self {
        if Some(self.revision) == came_in {
            self.fields.iter_mut().for_each(|field| field.before.clear());
        }
        if self.partner != partner.as_str() {
            self.by.clear();
            self.note.clear();
        }
        self.fields.retain(|field| field.field != LINE && field.field != MAKER);
        for field in self.fields.iter_mut().filter(|field| CHAIN.contains(&field.field.as_str())) {
            for id in [&mut field.before, &mut field.after] {
                if !tells(id) {
                    id.clear();
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a partner reads of a history.
    fn seen_by(changes: Vec<Change>, partner: &PartnerId, tells: impl Fn(&str) -> bool) -> Vec<Change> {
        let came_in = came_in(&changes, partner);
        let seen = changes.into_iter().filter(|change| change.revision >= came_in.unwrap_or_default());
        seen.map(|change| change.seen_by(partner, came_in, &tells)).collect()
    }

    fn change(revision: i64, fields: &[(&str, &str, &str)], partner: &str) -> Change {
        let field = |(field, before, after): &(&str, &str, &str)| FieldChange {
            field: (*field).to_owned(),
            before: (*before).to_owned(),
            after: (*after).to_owned(),
        };
        Change {
            revision,
            what: "changed".into(),
            at: Timestamp::UNIX_EPOCH,
            by: "somebody".into(),
            partner: partner.into(),
            note: "because".into(),
            fields: fields.iter().map(field).collect(),
        }
    }

    #[test]
    fn only_what_is_different_is_a_difference() {
        let before = vec![("quantity", "10".to_owned()), ("zone", "UTC".to_owned())];
        let after = vec![("quantity", "25".to_owned()), ("zone", "UTC".to_owned())];
        let changed = FieldChange { field: "quantity".into(), before: "10".into(), after: "25".into() };
        assert_eq!(differences(before, after), [changed]);
    }

    #[test]
    fn what_has_no_value_at_the_beginning_is_not_told() {
        let fields = vec![("quantity", "10".to_owned()), ("reseller_partner_id", String::new())];
        let told = creation(fields);
        assert_eq!(told, [FieldChange { field: "quantity".into(), before: String::new(), after: "10".into() }]);
    }

    #[test]
    fn q14_a_partner_reads_the_history_since_it_came_into_the_chain() {
        let south = PartnerId::parse("south").unwrap();
        let changes = vec![
            change(2, &[("quantity", "1", "2")], "north"),
            change(3, &[("responsible_partner_id", "north", "south"), ("end_user.name", "Old", "New")], ""),
            change(4, &[("quantity", "2", "3")], "south"),
        ];
        let seen = seen_by(changes.clone(), &south, |_| true);
        assert_eq!(seen.iter().map(|change| change.revision).collect::<Vec<_>>(), [3, 4]);
        assert!(seen[0].fields.iter().all(|field| field.before.is_empty()), "nothing of the time before: {seen:?}");
        assert_eq!((seen[0].by.as_str(), seen[0].note.as_str()), ("", ""), "the vendor's staff have no name here");
        assert_eq!(seen[1].by, "somebody");

        let north = PartnerId::parse("north").unwrap();
        assert_eq!(seen_by(changes[..1].to_vec(), &north, |_| true).len(), 1, "who was in it from the start reads all");
    }

    #[test]
    fn q14_who_left_the_chain_and_came_back_reads_from_its_return() {
        let north = PartnerId::parse("north").unwrap();
        let changes = vec![
            change(2, &[("responsible_partner_id", "north", "south")], ""),
            change(3, &[("quantity", "2", "3")], "south"),
            change(4, &[("responsible_partner_id", "south", "north")], ""),
        ];
        assert_eq!(seen_by(changes, &north, |_| true).iter().map(|change| change.revision).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn q14_a_change_of_place_within_the_chain_is_no_coming_in() {
        let north = PartnerId::parse("north").unwrap();
        let moved = [("responsible_partner_id", "north", "south"), ("reseller_partner_id", "", "north")];
        let changes = vec![change(2, &[("quantity", "1", "2")], "north"), change(3, &moved, "")];
        assert_eq!(seen_by(changes, &north, |_| true).len(), 2);
    }

    #[test]
    fn q14_a_partner_of_the_line_reads_from_its_coming_in_and_of_nobody_that_it_may_not_know() {
        let middle = PartnerId::parse("middle").unwrap();
        let set = [
            ("responsible_partner_id", "north", "upper"),
            ("reseller_partner_id", "", "north"),
            (LINE, "north", "upper north middle"),
            (MAKER, "", "maker"),
        ];
        // It becomes responsible, and was there already.
        let moved = [("responsible_partner_id", "upper", "middle"), (LINE, "upper north middle", "middle north upper")];
        let changes = vec![change(2, &[("quantity", "1", "2")], "north"), change(3, &set, ""), change(4, &moved, "")];
        let seen = seen_by(changes, &middle, |id| id == "upper" || id == "middle");
        assert_eq!(seen.iter().map(|change| change.revision).collect::<Vec<_>>(), [3, 4]);
        let told = |change: &Change| -> Vec<[String; 2]> {
            change.fields.iter().map(|field| [field.before.clone(), field.after.clone()]).collect()
        };
        assert_eq!(told(&seen[0]), [["", "upper"], ["", ""]]);
        assert_eq!(told(&seen[1]), [["upper", "middle"]]);
    }
}
