//! The shared words of support: severity and channel.

/// How badly the end user is hit. Ordered from worst to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// No user can log on, and no planned event is the cause.
    SiteDown,
    /// Entire loss of functionality.
    One,
    /// Major loss of functionality.
    Two,
    /// Partial, not critical.
    Three,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Self; 4] = [Self::SiteDown, Self::One, Self::Two, Self::Three];

    /// The short word that is stored, signed and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SiteDown => "site-down",
            Self::One => "1",
            Self::Two => "2",
            Self::Three => "3",
        }
    }

    /// Reads the short word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text)
    }
}

/// The way by which the end user asked for help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// The partner's portal.
    Portal,
    /// E-mail.
    Email,
    /// Telephone.
    Phone,
    /// Live chat with a person.
    Chat,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Portal, Self::Email, Self::Phone, Self::Chat];

    /// The short word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Chat => "chat",
        }
    }

    /// Reads the short word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }
}
