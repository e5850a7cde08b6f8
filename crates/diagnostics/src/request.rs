//! A request for diagnostics: the file that a partner sends to the end user's site, and that `vouch collect --request` runs.
//!
//! It names a profile and, when more is asked for, the collectors of it that are wanted; and it carries the key of the ticket's
//! pseudonyms, so that a host has the same pseudonym in everything that was collected for one ticket. It is TOML: whoever gets
//! one can read what it asks for.
//!
//! One that a partner's service issued is a **collection ticket**: it has an id of its own, which the bundle's manifest names, and the
//! partner's public key, to which the table of pseudonyms is encrypted.
//!
//! It is not signed. It can only ask for what a profile has that is on the host already, whoever runs it is shown what would be
//! read, and what comes of it is sealed and goes nowhere. Its key is worth keeping: who has it and a bundle can try names.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::pseudonyms::Recipient;

/// The format's version. A reader takes no other.
const FORMAT: u32 = 1;
/// A longer file is not read.
const MAX_BYTES: usize = 64 * 1024;
/// What a person reads first.
const ABOUT: &str = "\
# A request for diagnostics. On the host that it is about, run: vouch collect --request THIS-FILE
# Nothing is read before you agreed to it, and nothing is sent. Keep this file as you would a key: it makes the pseudonyms.
";

/// A request for diagnostics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectionRequest {
    /// The format's version: 1.
    pub format: u32,
    /// The collection ticket that it is: `col_…`; absent where no partner's service issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The ticket that it is for: `tkt_…`.
    pub ticket: String,
    /// The profile: `name/version`.
    pub profile: String,
    /// The collectors that are wanted; all of the profile, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<String>,
    /// What is asked besides, for a person to read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<String>,
    /// The partner's public key (`age1…`), to which the table of pseudonyms is encrypted; without one there is no table. Only a
    /// collection ticket has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Recipient>,
    /// The key of the ticket's pseudonyms.
    pub pseudonym_key: PseudonymKey,
}

/// The key of pseudonyms: 64 hexadecimal digits. It is written into a request and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct PseudonymKey(pub [u8; 32]);

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is no request, or has something that is not known.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// It asks too much.
    #[error("the request is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// It has another format.
    #[error("the request has format {0}, and this program reads format 1")]
    Format(u32),
    /// Something that is asked for is no plain name, or is missing.
    #[error("the request's {0} is missing, too long or has signs that do not belong there")]
    Field(&'static str),
    /// It names collectors that the profile does not have.
    #[error("the profile {profile} has no collector {}: it has {}", .unknown.join(", "), .known.join(", "))]
    Collectors {
        /// The profile.
        profile: String,
        /// What it does not have.
        unknown: Vec<String>,
        /// What it has.
        known: Vec<String>,
    },
    /// It is for another profile.
    #[error("the request is for the profile {wanted}, and this is {given}")]
    Profile {
        /// The profile that it asks for.
        wanted: String,
        /// The profile that is given.
        given: String,
    },
}

impl CollectionRequest {
    /// A request for all of a profile.
    pub fn new(ticket: &str, profile: &str, pseudonym_key: PseudonymKey) -> Self {
        let (ticket, profile) = (ticket.to_owned(), profile.to_owned());
        let (collectors, questions) = (Vec::new(), Vec::new());
        Self { format: FORMAT, id: None, ticket, profile, collectors, questions, recipient: None, pseudonym_key }
    }

    /// The same as a collection ticket of a partner.
    #[must_use]
    pub fn issued(self, id: &str, recipient: Recipient) -> Self {
        Self { id: Some(id.to_owned()), recipient: Some(recipient), ..self }
    }

    /// Reads a request (TOML). A field that it does not know is refused.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        if text.len() > MAX_BYTES {
            return Err(RequestError::TooLong);
        }
        // The message only: the whole error quotes the line, and that may be the key's.
        let request: Self =
            toml::from_str(text).map_err(|error| RequestError::Malformed(error.message().to_owned()))?;
        request.check()?;
        Ok(request)
    }

    /// Writes it, with what a person should know first.
    pub fn write(&self) -> Result<String, RequestError> {
        self.check()?;
        let text = toml::to_string(self).map_err(|error| RequestError::Malformed(error.to_string()))?;
        let file = format!("{ABOUT}{text}");
        if file.len() > MAX_BYTES {
            return Err(RequestError::TooLong);
        }
        Ok(file)
    }

    /// Whether a collector of the profile is wanted.
    pub fn wants(&self, collector: &str) -> bool {
        self.collectors.is_empty() || self.collectors.iter().any(|wanted| wanted == collector)
    }

    /// Whether it can be run with this profile, which has these collectors.
    pub fn fits(&self, profile: &str, collectors: &[&str]) -> Result<(), RequestError> {
        if self.profile != profile {
            return Err(RequestError::Profile { wanted: self.profile.clone(), given: profile.to_owned() });
        }
        let unknown = |wanted: &&String| !collectors.contains(&wanted.as_str());
        let unknown: Vec<String> = self.collectors.iter().filter(unknown).cloned().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let known = collectors.iter().map(|collector| (*collector).to_owned()).collect();
        Err(RequestError::Collectors { profile: profile.to_owned(), unknown, known })
    }

    fn check(&self) -> Result<(), RequestError> {
        if self.format != FORMAT {
            return Err(RequestError::Format(self.format));
        }
        let is_name = |text: &String, signs: &str| {
            (1..=100).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
        };
        let is_question = |text: &String| {
            text.chars().count() <= 2000 && !text.chars().any(|c| c.is_control() && !"\n\r\t".contains(c))
        };
        let fields = [
            ("id", self.id.as_ref().map_or(self.recipient.is_none(), |id| is_name(id, "_"))),
            ("ticket", is_name(&self.ticket, "_-")),
            ("profile", is_name(&self.profile, "-_./")),
            ("collectors", self.collectors.len() <= 100 && self.collectors.iter().all(|name| is_name(name, "-_"))),
            ("questions", self.questions.len() <= 100 && self.questions.iter().all(is_question)),
        ];
        fields.iter().find(|(_, good)| !good).map_or(Ok(()), |(field, _)| Err(RequestError::Field(field)))
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(…)")
    }
}

impl Serialize for PseudonymKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for PseudonymKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let key = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        key.map(Self).ok_or_else(|| serde::de::Error::custom("must be 64 lower-case hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    //! Proves W10.

    use super::*;

    fn request() -> CollectionRequest {
        let mut request = CollectionRequest::new("tkt_01jz", "linux-host/1", PseudonymKey([7; 32]));
        request.collectors = vec!["logs".into(), "disks".into()];
        request.questions = vec!["What happened at 14:10?".into()];
        request
    }

    #[test]
    fn w10_a_request_is_read_as_it_was_written_and_tells_a_person_what_to_do() {
        let text = request().write().unwrap();
        assert!(text.starts_with("# A request") && text.contains("vouch collect --request"));
        assert_eq!(CollectionRequest::parse(&text).unwrap(), request());
        assert!(!format!("{:?}", request()).contains("0707"), "the key is in no log");
    }

    #[test]
    fn w10_a_request_names_collectors_that_the_profile_has_or_is_refused_with_all_that_it_has_not() {
        let request = request();
        assert!(request.wants("logs") && !request.wants("os"));
        assert_eq!(request.fits("linux-host/1", &["os", "logs", "disks"]), Ok(()));
        let refused = request.fits("linux-host/1", &["os", "time"]).unwrap_err();
        assert_eq!(refused.to_string(), "the profile linux-host/1 has no collector logs, disks: it has os, time");
        assert!(matches!(request.fits("linux-host/2", &["logs"]).unwrap_err(), RequestError::Profile { .. }));
        let all = CollectionRequest { collectors: Vec::new(), ..request };
        assert!(all.wants("os"));
    }

    #[test]
    fn w10_a_collection_ticket_has_an_id_and_the_key_of_its_partner() {
        let recipient = crate::pseudonyms::Identity::generate().recipient();
        let issued = request().issued("col_01jz", recipient.clone());
        let text = issued.write().unwrap();
        assert!(text.contains("id = \"col_01jz\"") && text.contains(&format!("recipient = \"{recipient}\"")), "{text}");
        assert_eq!(CollectionRequest::parse(&text).unwrap(), issued);
        let nameless = text.replace("id = \"col_01jz\"\n", "");
        assert_eq!(CollectionRequest::parse(&nameless).unwrap_err(), RequestError::Field("id"));
        let wrong = text.replace(recipient.as_str(), "age1nobody");
        assert!(CollectionRequest::parse(&wrong).unwrap_err().to_string().contains("X25519 key of age"));
    }

    #[test]
    fn a_request_that_is_none_is_refused_and_its_key_is_not_told() {
        let good = request().write().unwrap();
        let refused = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            CollectionRequest::parse(&good.replace(from, to)).unwrap_err()
        };
        assert_eq!(refused("format = 1", "format = 2"), RequestError::Format(2));
        assert_eq!(refused("tkt_01jz", "../x"), RequestError::Field("ticket"));
        assert_eq!(refused("\"logs\"", "\"lo gs\""), RequestError::Field("collectors"));
        assert!(matches!(refused("format = 1", "format = 1\nshell = \"rm\""), RequestError::Malformed(_)));
        let key = refused("0707", "xyz");
        assert!(!key.to_string().contains("0707"), "{key}");
        assert!(matches!(CollectionRequest::parse(&"#".repeat(MAX_BYTES + 1)), Err(RequestError::TooLong)));
    }
}
