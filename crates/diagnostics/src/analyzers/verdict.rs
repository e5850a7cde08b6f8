//! What an analyzer says: three values, and how they are put together.

use std::collections::BTreeSet;

use serde::Serialize;

/// So many places are told of one match.
const MAX_SEEN: usize = 5;

/// What an analyzer found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The analyzer's name.
    pub analyzer: String,
    /// The problem, in a sentence.
    pub title: String,
    /// The known issue.
    pub issue: String,
    /// The article that tells what to do.
    pub article: String,
    /// Whether the problem is there.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Whether a problem is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "because", rename_all = "kebab-case")]
pub enum Verdict {
    /// It is there, as can be seen here.
    Match(Vec<Seen>),
    /// It is not there.
    NoMatch,
    /// It cannot be told: this is missing.
    Inconclusive(BTreeSet<Lacking>),
}

/// Where a fact was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The entry.
    pub path: String,
    /// The line, from 1, where the entry has lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What was seen: `used=97, mount=/var`.
    pub fact: String,
}

/// What is missing to tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lacking {
    /// The collector that should have brought it.
    pub collector: String,
    /// What is wrong with what it brought.
    pub reason: String,
}

impl Verdict {
    /// All of them hold. What is certainly not there decides, whatever else cannot be told.
    pub(super) fn all(parts: impl Iterator<Item = Self>) -> Self {
        let (mut seen, mut missing, mut refuted) = (Vec::new(), BTreeSet::new(), false);
        for part in parts {
            match part {
                Self::Match(more) => seen.extend(more),
                Self::NoMatch => refuted = true,
                Self::Inconclusive(more) => missing.extend(more),
            }
        }
        seen.truncate(MAX_SEEN);
        match (refuted, missing.is_empty()) {
            (true, _) => Self::NoMatch,
            (false, true) => Self::Match(seen),
            (false, false) => Self::Inconclusive(missing),
        }
    }

    /// At least one of them holds: the same, turned around.
    pub(super) fn any(parts: impl Iterator<Item = Self>) -> Self {
        let (mut seen, mut missing, mut holds) = (Vec::new(), BTreeSet::new(), false);
        for part in parts {
            match part {
                Self::Match(more) => {
                    holds = true;
                    seen.extend(more);
                }
                Self::NoMatch => {}
                Self::Inconclusive(more) => missing.extend(more),
            }
        }
        seen.truncate(MAX_SEEN);
        match (holds, missing.is_empty()) {
            (true, _) => Self::Match(seen),
            (false, true) => Self::NoMatch,
            (false, false) => Self::Inconclusive(missing),
        }
    }

    /// It does not hold. What is missing is missing for both.
    pub(super) fn not(self) -> Self {
        match self {
            Self::Match(_) => Self::NoMatch,
            Self::NoMatch => Self::Match(Vec::new()),
            Self::Inconclusive(missing) => Self::Inconclusive(missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(kind: u8) -> Verdict {
        match kind {
            0 => Verdict::Match(Vec::new()),
            1 => Verdict::NoMatch,
            _ => Verdict::Inconclusive(BTreeSet::from([Lacking { collector: "logs".into(), reason: "none".into() }])),
        }
    }

    proptest! {
        #[test]
        fn not_any_is_all_not(kinds in prop::collection::vec(0u8..3, 0..6)) {
            let parts = || kinds.iter().map(|kind| verdict(*kind));
            prop_assert_eq!(Verdict::any(parts()).not(), Verdict::all(parts().map(Verdict::not)));
            prop_assert_eq!(Verdict::all(parts()).not(), Verdict::any(parts().map(Verdict::not)));
        }

        #[test]
        fn learning_what_is_missing_never_turns_a_verdict_around(kinds in prop::collection::vec(0u8..3, 1..6), learned in 0u8..2) {
            let known = |kind: &u8| verdict(if *kind == 2 { learned } else { *kind });
            let joins: [fn(Vec<Verdict>) -> Verdict; 2] =
                [|parts| Verdict::all(parts.into_iter()), |parts| Verdict::any(parts.into_iter())];
            for join in joins {
                let before = join(kinds.iter().map(|kind| verdict(*kind)).collect());
                let after = join(kinds.iter().map(known).collect());
                prop_assert!(matches!(before, Verdict::Inconclusive(_)) || before == after);
            }
        }
    }
}
