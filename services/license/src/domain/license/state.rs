//! What a licence allows at a moment, and the steps between.

/// What a licence allows by the vendor's will, or by that of who bought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseState {
    /// In force within its dates.
    Active,
    /// On hold.
    Suspended,
    /// Ended for good.
    Revoked,
    /// Given back: entitles until its last day.
    Cancelled,
}

/// A step between states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseStep {
    /// Put on hold.
    Suspend,
    /// Take off hold.
    Reinstate,
    /// End for good.
    Revoke,
    /// Give back.
    Cancel,
}

impl LicenseState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Active, Self::Suspended, Self::Revoked, Self::Cancelled];

    /// The state after a step, by the table in `license.proto`; `None` where it has no such step.
    pub fn advance(self, step: LicenseStep) -> Option<Self> {
        match (self, step) {
            (Self::Active, LicenseStep::Suspend) => Some(Self::Suspended),
            (Self::Active, LicenseStep::Cancel) => Some(Self::Cancelled),
            (Self::Suspended | Self::Cancelled, LicenseStep::Reinstate) => Some(Self::Active),
            (Self::Active | Self::Suspended | Self::Cancelled, LicenseStep::Revoke) => Some(Self::Revoked),
            (Self::Active, LicenseStep::Reinstate)
            | (Self::Suspended | Self::Cancelled, LicenseStep::Suspend | LicenseStep::Cancel)
            | (
                Self::Revoked,
                LicenseStep::Suspend | LicenseStep::Reinstate | LicenseStep::Revoke | LicenseStep::Cancel,
            ) => None,
        }
    }

    /// The word that is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl LicenseStep {
    /// The verb.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspend => "be suspended",
            Self::Reinstate => "be reinstated",
            Self::Revoke => "be revoked",
            Self::Cancel => "be cancelled",
        }
    }

    /// The step that leads to a state.
    pub fn to(state: LicenseState) -> Self {
        match state {
            LicenseState::Active => Self::Reinstate,
            LicenseState::Suspended => Self::Suspend,
            LicenseState::Revoked => Self::Revoke,
            LicenseState::Cancelled => Self::Cancel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_states_is_the_contracts() {
        use LicenseState::{Active, Cancelled, Revoked, Suspended};
        use LicenseStep::{Cancel, Reinstate, Revoke, Suspend};
        let table = [
            (
                Active,
                [(Suspend, Some(Suspended)), (Reinstate, None), (Revoke, Some(Revoked)), (Cancel, Some(Cancelled))],
            ),
            (Suspended, [(Suspend, None), (Reinstate, Some(Active)), (Revoke, Some(Revoked)), (Cancel, None)]),
            (Revoked, [(Suspend, None), (Reinstate, None), (Revoke, None), (Cancel, None)]),
            (Cancelled, [(Suspend, None), (Reinstate, Some(Active)), (Revoke, Some(Revoked)), (Cancel, None)]),
        ];
        for (from, steps) in table {
            for (step, to) in steps {
                assert_eq!(from.advance(step), to, "{from:?} {step:?}");
            }
        }
    }
}
