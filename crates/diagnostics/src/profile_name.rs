//! Names of profiles.

use std::fmt;

/// A profile by its name and version: `linux-host/1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// Reads a name: small letters, digits and hyphens, a letter first; a slash; a version from 1.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            name.len() <= 80 && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(plain)
        };
        let is_version = |version: &str| {
            let digits = version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0');
            digits && version.parse::<u32>().is_ok()
        };
        match text.split_once('/') {
            Some((name, version)) if is_name(name) && is_version(version) => Ok(Self(text.to_owned())),
            _ => Err("must be a profile with its version, as in linux-host/1".to_owned()),
        }
    }

    /// The name with its version.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_named_with_its_version() {
        for good in ["linux-host/1", "a/4294967295"] {
            assert_eq!(ProfileName::parse(good).unwrap().as_str(), good);
        }
        for wrong in
            ["", "linux-host", "linux-host/", "linux-host/0", "Linux/1", "/1", "a/01", "a/+1", "a/1/2", "a/4294967296"]
        {
            assert!(ProfileName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
