//! Which of several servers will do: `target_session_attrs`.

/// What is asked of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// Nothing.
    Any,
    /// That transactions can write there.
    ReadWrite,
    /// That transactions can only read there.
    ReadOnly,
    /// That it is no standby.
    Primary,
    /// That it is one.
    Standby,
    /// That it is a standby, if there is one among them.
    PreferStandby,
}

/// What a server is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Role {
    is_standby: bool,
    is_read_only: bool,
}

impl Session {
    /// By its word; an empty one asks for nothing.
    pub(super) fn parse(word: &str) -> Result<Self, String> {
        match word {
            "" | "any" => Ok(Self::Any),
            "read-write" => Ok(Self::ReadWrite),
            "read-only" => Ok(Self::ReadOnly),
            "primary" => Ok(Self::Primary),
            "standby" => Ok(Self::Standby),
            "prefer-standby" => Ok(Self::PreferStandby),
            _ => Err("what target_session_attrs asks for is not known".to_owned()),
        }
    }

    /// What is asked of the servers, each time that all of them are tried.
    pub(super) fn rounds(self) -> &'static [Self] {
        match self {
            Self::Any => &[Self::Any],
            Self::ReadWrite => &[Self::ReadWrite],
            Self::ReadOnly => &[Self::ReadOnly],
            Self::Primary => &[Self::Primary],
            Self::Standby => &[Self::Standby],
            Self::PreferStandby => &[Self::Standby, Self::Any],
        }
    }

    /// Why a server will not do; `None` where it does.
    pub(super) fn refuses(self, Role { is_standby, is_read_only }: Role) -> Option<String> {
        let is_read_only = is_standby || is_read_only;
        match self {
            Self::ReadWrite if is_read_only => Some("the server can only read".to_owned()),
            Self::ReadOnly if !is_read_only => Some("the server can write".to_owned()),
            Self::Primary if is_standby => Some("the server is a standby".to_owned()),
            Self::Standby if !is_standby => Some("the server is no standby".to_owned()),
            _ => None,
        }
    }

    /// What is asked for, for the one who runs this.
    pub(super) fn words(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::ReadWrite => Some("the first that can write"),
            Self::ReadOnly => Some("the first that can only read"),
            Self::Primary => Some("the first that is no standby"),
            Self::Standby => Some("the first that is a standby"),
            Self::PreferStandby => Some("a standby, if there is one"),
        }
    }
}

impl Role {
    /// As a server tells it: `session.sql`.
    pub(super) fn parse(told: &str) -> Option<Self> {
        let (standby, read_only) = told.trim().split_once(' ')?;
        Some(Self { is_standby: standby == "t", is_read_only: read_only == "on" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_will_do_by_what_it_is() {
        // A primary, one whose transactions only read unless they say otherwise, and a standby.
        let servers = ["f off\n", "f on\n", "t off\n"].map(|told| Role::parse(told).unwrap());
        for (word, expected) in [
            ("", [true, true, true]),
            ("any", [true, true, true]),
            ("read-write", [true, false, false]),
            ("read-only", [false, true, true]),
            ("primary", [true, true, false]),
            ("standby", [false, false, true]),
        ] {
            let session = Session::parse(word).unwrap();
            assert_eq!(session.rounds(), [session]);
            assert_eq!(servers.map(|server| session.refuses(server).is_none()), expected, "{word}");
        }
        let preferred = Session::parse("prefer-standby").unwrap();
        assert_eq!(preferred.rounds(), [Session::Standby, Session::Any]);
        assert!(Session::parse("Primary").unwrap_err().contains("target_session_attrs"));
    }
}
