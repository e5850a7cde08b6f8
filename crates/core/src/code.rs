//! Codes: short names that people choose and that never change: of partners, end users, products, tiers, vendors, profiles.

use std::fmt;

/// Declares a code type. A macro, because a function cannot declare types.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads a code: 2 to 64 of `a-z 0-9 -`, beginning with a letter, not ending with a hyphen.
            pub fn parse(text: &str) -> Result<Self, String> {
                check(text).map(|()| Self(text.to_owned()))
            }

            /// The code as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

codes! {
    /// A partner, as the vendor's registry names it.
    PartnerId;
    /// An end-user organisation's account, as the vendor names it.
    EndUserId;
    /// A product.
    ProductId;
    /// A support tier.
    TierId;
    /// A vendor, as a partner's directory names it.
    VendorId;
    /// A profile of diagnostics, as its vendor names it.
    ProfileName;
}

fn check(text: &str) -> Result<(), String> {
    let fits = (2..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits {
        Ok(())
    } else {
        Err("must be 2 to 64 of a-z, 0-9 and hyphen, beginning with a letter and not ending with a hyphen".into())
    }
}

/// A version of a profile of diagnostics: `linux-host/1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileTitle {
    /// The profile.
    pub name: ProfileName,
    /// Its version, from 1.
    pub version: u32,
}

impl ProfileTitle {
    /// Reads a title: a name, a slash, and a version without zeros before it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = || "must be a profile with its version, as in linux-host/1".to_owned();
        let (name, written) = text.split_once('/').ok_or_else(problem)?;
        let version: u32 = written.parse().map_err(|_| problem())?;
        let name = ProfileName::parse(name).map_err(|_| problem())?;
        if version == 0 || version.to_string() != written {
            return Err(problem());
        }
        Ok(Self { name, version })
    }
}

impl fmt::Display for ProfileTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_named_with_its_version() {
        for good in ["linux-host/1", "ab/4294967295"] {
            assert_eq!(ProfileTitle::parse(good).unwrap().to_string(), good);
        }
        for wrong in [
            "",
            "linux-host",
            "linux-host/",
            "linux-host/0",
            "Linux/1",
            "/1",
            "ab/01",
            "ab/+1",
            "ab/1/2",
            "ab/4294967296",
        ] {
            assert!(ProfileTitle::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn codes_are_lower_case_and_short() {
        for good in ["ab", "north-reach", "a1", &"a".repeat(64)] {
            assert!(PartnerId::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", "a", "1a", "-a", "a-", "A1", "a_b", "a b", "é1", &"a".repeat(65)] {
            assert!(PartnerId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
