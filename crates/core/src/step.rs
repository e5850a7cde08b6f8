//! What a step asks of whoever carries it out, and what the desk is warned of (S07).

use std::collections::BTreeSet;

use crate::{CureBy, Finding, Reason};

/// A mark of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepMark {
    /// It can only be carried out with administrative rights on the product.
    NeedsAdministrativeRights,
    /// It shows sensitive data to whoever carries it out.
    ExposesSensitiveData,
}

impl StepMark {
    /// Every mark.
    pub const ALL: [Self; 2] = [Self::NeedsAdministrativeRights, Self::ExposesSensitiveData];

    /// The short word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsAdministrativeRights => "needs-administrative-rights",
            Self::ExposesSensitiveData => "exposes-sensitive-data",
        }
    }

    /// Reads the short word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.as_str() == text)
    }
}

/// The marks of a step, each at most once; most steps have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepMarks(BTreeSet<StepMark>);

impl StepMarks {
    /// A step without marks.
    pub fn none() -> Self {
        Self::default()
    }

    /// True where the step asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The marks.
    pub fn iter(&self) -> impl Iterator<Item = StepMark> + '_ {
        self.0.iter().copied()
    }

    /// The short words, as they are stored: one blank between two.
    pub fn words(&self) -> String {
        let words: Vec<_> = self.iter().map(StepMark::as_str).collect();
        words.join(" ")
    }

    /// Reads the short words.
    pub fn parse(words: &str) -> Option<Self> {
        words.split_whitespace().map(StepMark::parse).collect()
    }

    /// What whoever gives or receives the step is warned of: that the liaison is not known to have administrative rights. They stand for
    /// access to sensitive data, too: a liaison who may do everything may see everything. It is advice; nothing is refused for it.
    pub fn warning(&self, subject: &str, liaison_has_rights: bool) -> Option<Finding> {
        if liaison_has_rights {
            return None;
        }
        let needs = self.0.contains(&StepMark::NeedsAdministrativeRights);
        let exposes = self.0.contains(&StepMark::ExposesSensitiveData);
        let what = match (needs, exposes) {
            (false, false) => return None,
            (true, false) => "needs administrative rights",
            (false, true) => "exposes sensitive data",
            (true, true) => "needs administrative rights and exposes sensitive data",
        };
        let warning = Finding::blocking(
            Reason::LiaisonLacksAdministrativeRights,
            subject,
            format!("The step {what}, and the liaison is not known to have administrative rights."),
            CureBy::EndUser,
            "Have somebody who has them carry it out with the liaison. A liaison who has them is to be marked so in the agreement: while \
             the ticket is at the front line, the next check of entitlement tells.",
        );
        Some(warning.as_warning())
    }
}

impl FromIterator<StepMark> for StepMarks {
    fn from_iter<I: IntoIterator<Item = StepMark>>(marks: I) -> Self {
        Self(marks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    //! Proves S07.

    use super::*;
    use crate::Weight;

    #[test]
    fn s07_a_marked_step_warns_where_the_liaison_is_not_known_to_have_rights_and_blocks_nothing() {
        let [needs, exposes] = StepMark::ALL;
        let both = "needs administrative rights and exposes sensitive data";
        let table: [(&[StepMark], Option<&str>); 5] = [
            (&[], None),
            (&[needs], Some("needs administrative rights")),
            (&[exposes], Some("exposes sensitive data")),
            (&[exposes, needs], Some(both)),
            (&[needs, needs, exposes], Some(both)),
        ];
        for (marks, told) in table {
            let marks: StepMarks = marks.iter().copied().collect();
            assert_eq!(marks.warning("marks", true), None, "{marks:?}");
            let warning = marks.warning("marks", false);
            let expected = told
                .map(|what| format!("The step {what}, and the liaison is not known to have administrative rights."));
            assert_eq!(warning.as_ref().map(|warning| warning.message.clone()), expected, "{marks:?}");
            let Some(warning) = warning else { continue };
            assert_eq!((warning.weight, warning.cure_by), (Weight::Warning, CureBy::EndUser));
            assert_eq!((warning.reason, warning.subject.as_str()), (Reason::LiaisonLacksAdministrativeRights, "marks"));
        }
    }

    #[test]
    fn s07_marks_are_read_back_by_their_words_and_no_others_are() {
        let [needs, exposes] = StepMark::ALL;
        for marks in [vec![], vec![needs], vec![exposes], vec![needs, exposes]] {
            let marks: StepMarks = marks.into_iter().collect();
            assert_eq!(StepMarks::parse(&marks.words()), Some(marks));
        }
        assert_eq!(StepMarks::parse("needs-administrative-rights needs-a-friend"), None);
    }
}
