//! The policy: what is masked, as data.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use serde::Deserialize;

use super::custom::Pattern;
use super::names::NameKind;
use crate::profile::{CustomRule, CustomRules};
use crate::{Digest, Redaction};

/// The text of `standard/1`.
const STANDARD: &str = include_str!("standard-1.toml");
/// So many characters follow on the beginning of a token of a profile, if it does not say how many.
const LEAST: usize = 8;

/// A redaction policy: names of secrets, beginnings of tokens, words that are no names.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) rules: Rules,
    /// Patterns that a profile added.
    pub(super) patterns: Vec<Pattern>,
    /// Names that a profile says.
    pub(super) names: Vec<(NameKind, String)>,
    /// Names of the rules that a profile added.
    custom: Vec<String>,
    /// Binaries that a profile keeps.
    whole: Files,
    digest: Digest,
}

/// A policy cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the redaction policy cannot be read: {0}")]
pub struct PolicyError(pub(super) String);

impl Policy {
    /// The policy that this program brings along: `standard/1`.
    pub fn standard() -> Result<Self, PolicyError> {
        Self::parse(STANDARD)
    }

    /// Reads a policy (TOML). A field that it does not know is refused.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let rules = toml::from_str(text).map_err(|error| PolicyError(error.message().to_owned()))?;
        let digest = Digest::of(text.as_bytes());
        let (patterns, names, custom) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { rules, patterns, names, custom, whole: Files::default(), digest })
    }

    /// Adds what a profile adds. It keeps its name, since all that it masked it still masks; its digest is of both, one after the other.
    pub fn with(mut self, added: &CustomRules) -> Result<Self, PolicyError> {
        let mistakes: Vec<String> =
            added.mistakes().into_iter().map(|(place, what)| format!("{place} {what}")).collect();
        if !mistakes.is_empty() {
            return Err(PolicyError(mistakes.join("; ")));
        }
        if added.is_empty() {
            return Ok(self);
        }
        for rule in &added.rules {
            let number = u16::try_from(self.custom.len()).map_err(|_| PolicyError("has too many rules".to_owned()))?;
            self.custom.push(rule.name.clone());
            self.add(Rule::Custom(number), rule);
        }
        let kinds =
            [(NameKind::Host, &added.hosts), (NameKind::Domain, &added.domains), (NameKind::User, &added.users)];
        self.names
            .extend(kinds.into_iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, name.clone()))));
        added.drop.iter().for_each(|file| self.rules.drop.add(file));
        added.whole.iter().for_each(|file| self.whole.add(file));
        let text = serde_json::to_vec(added).map_err(|error| PolicyError(error.to_string()))?;
        self.digest = Digest::of(&[self.digest.to_string().as_bytes(), b"\n", &text].concat());
        Ok(self)
    }

    fn add(&mut self, number: Rule, rule: &CustomRule) {
        if !rule.words.is_empty() {
            let names = rule.words.clone();
            self.rules.words.push(Words { rule: number, whole: false, random: false, hexadecimal: false, names });
        } else if let Some(text) = &rule.pattern {
            self.patterns.push(Pattern { rule: number, begin: rule.begin.clone(), text: text.clone() });
        } else {
            let least = rule.least.unwrap_or(LEAST);
            self.rules.tokens.push(Tokens { rule: number, least, exact: false, before: 0, begin: rule.begin.clone() });
        }
    }

    /// The name of a rule in masks and manifests.
    pub(super) fn name_of(&self, rule: Rule) -> &str {
        match rule {
            Rule::Custom(number) => self.custom.get(usize::from(number)).map_or("custom", String::as_str),
            built_in => built_in.name(),
        }
    }

    /// What a manifest says of it: its name with its version, and the digest of its text. What was learned is not the policy's.
    pub fn redaction(&self) -> Redaction {
        let policy = format!("{}/{}", self.rules.name, self.rules.version);
        Redaction { policy, policy_sha256: self.digest, coverage: None }
    }

    /// Whether a file is left out whole, by its path.
    pub(super) fn drops(&self, path: &str) -> bool {
        // Every process has its own view of the network: `proc/17/net/tcp`.
        let of_process = path.rsplit_once("/net/").is_some_and(|(before, file)| {
            let paths = &self.rules.drop.paths;
            before.contains("proc") && paths.iter().any(|dropped| dropped.strip_prefix("proc/net/") == Some(file))
        });
        self.rules.drop.names(path) || of_process
    }

    /// Whether a file is kept as it is, by its path, if it is a binary.
    pub(super) fn keeps(&self, path: &str) -> bool {
        self.whole.names(path)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    name: String,
    version: u32,
    pub(super) words: Vec<Words>,
    pub(super) secret_names: SecretNames,
    pub(super) tokens: Vec<Tokens>,
    pub(super) commands: Vec<Commands>,
    pub(super) pipes: Pipes,
    pub(super) names: Names,
    drop: Files,
}

/// Words that name a secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) rule: Rule,
    /// They count only as a whole part of a name.
    #[serde(default)]
    pub(super) whole: bool,
    /// They count only where the value looks random.
    #[serde(default)]
    pub(super) random: bool,
    /// A long hexadecimal number counts as random too.
    #[serde(default)]
    pub(super) hexadecimal: bool,
    pub(super) names: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretNames {
    pub(super) harmless_endings: HashSet<String, RandomState>,
    pub(super) directives: Vec<String>,
    pub(super) harmless_values: HashSet<String, RandomState>,
    /// Folders with which the one begins that a shell is in: `PWD=/home/anna`.
    pub(super) folders: HashSet<String, RandomState>,
    pub(super) harmless_rows: Vec<String>,
}

/// Tokens that are known by how they begin.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tokens {
    pub(super) rule: Rule,
    /// How many characters follow at least.
    pub(super) least: usize,
    /// Exactly that many capitals and digits follow.
    #[serde(default)]
    pub(super) exact: bool,
    /// At least so many letters and digits stand before what tells it.
    #[serde(default)]
    pub(super) before: usize,
    pub(super) begin: Vec<String>,
}

/// Commands whose passwords are short flags.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Commands {
    pub(super) names: Vec<String>,
    /// Flags whose value is the next word.
    #[serde(default)]
    pub(super) next: Vec<String>,
    /// Flags whose value follows without a blank.
    #[serde(default)]
    pub(super) attached: Vec<String>,
    /// Letters of short flags with which the last word is a password.
    #[serde(default)]
    pub(super) last: String,
}

/// Passwords that one command writes to another: `echo x | sudo -S`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pipes {
    pub(super) writers: Vec<String>,
    /// A command, and the flag with which it reads a password, if it needs one.
    pub(super) readers: Vec<(String, String)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    pub(super) user_phrases: Vec<String>,
    /// Words behind the name of a user in a log.
    pub(super) user_endings: Vec<String>,
    /// Words before the name of a user in settings and lines of logs, where another word may stand too.
    pub(super) user_settings: Vec<String>,
    /// Words before the name of a host in settings and connection strings.
    pub(super) host_settings: Vec<String>,
    /// Schemes whose addresses begin with no host.
    pub(super) hostless_schemes: HashSet<String, RandomState>,
    /// Domains that everybody knows: an address within one is not learned from.
    pub(super) public_domains: HashSet<String, RandomState>,
    pub(super) host_logs: Vec<String>,
    pub(super) common: HashSet<String, RandomState>,
    pub(super) harmless_mail: Vec<String>,
}

/// Files by the last parts of their paths, and by endings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    paths: Vec<String>,
    endings: Vec<String>,
}

impl Files {
    fn names(&self, path: &str) -> bool {
        let ends = |whole: &String| {
            path.strip_suffix(whole.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        self.paths.iter().any(ends) || self.endings.iter().any(|ending| path.ends_with(ending.as_str()))
    }

    /// Adds a path, or `*` and an ending.
    fn add(&mut self, file: &str) {
        match file.strip_prefix('*') {
            Some(ending) => self.endings.push(ending.to_owned()),
            None => self.paths.push(file.to_owned()),
        }
    }
}

/// The rules, as a manifest counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rule {
    PrivateKey,
    Password,
    Token,
    Header,
    UrlPassword,
    Jwt,
    CloudKey,
    ApiKey,
    Webhook,
    LicenceKey,
    CardNumber,
    Iban,
    PasswordHash,
    Repeated,
    Mail,
    Ipv4,
    Ipv6,
    Mac,
    Host,
    Domain,
    User,
    /// A rule of a profile, by its number.
    #[serde(skip)]
    Custom(u16),
}

impl Rule {
    /// The name of one that every policy has, in masks and manifests.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private-key",
            Self::Password => "password",
            Self::Token => "token",
            Self::Header => "header",
            Self::UrlPassword => "url-password",
            Self::Jwt => "jwt",
            Self::CloudKey => "cloud-key",
            Self::ApiKey => "api-key",
            Self::Webhook => "webhook",
            Self::LicenceKey => "licence-key",
            Self::CardNumber => "card-number",
            Self::Iban => "iban",
            Self::PasswordHash => "password-hash",
            Self::Repeated => "repeated",
            Self::Mail => "mail",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Mac => "mac",
            Self::Host => "host",
            Self::Domain => "domain",
            Self::User => "user",
            Self::Custom(_) => "custom",
        }
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use std::collections::BTreeSet;

    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;
    use crate::profile::RULES;

    #[test]
    fn the_rules_whose_names_a_profile_may_not_take_are_those_of_the_policy() {
        for name in RULES {
            let name: StrDeserializer<'_, Error> = name.into_deserializer();
            assert!(Rule::deserialize(name).is_ok_and(|rule| RULES.contains(&rule.name())));
        }
        let words: BTreeSet<&str> = RULES.into_iter().collect();
        assert_eq!(words.len(), RULES.len(), "each once");
    }

    #[test]
    fn v07_the_standard_policy_is_named_with_its_digest() {
        let policy = Policy::standard().unwrap();
        assert_eq!(policy.redaction().policy, "standard/1");
        assert_eq!(policy.redaction().policy_sha256, Digest::of(STANDARD.as_bytes()));
    }

    #[test]
    fn a_policy_with_an_unknown_field_is_refused() {
        let text = STANDARD.replacen("version = 1", "version = 1\nmercy = true", 1);
        assert!(Policy::parse(&text).unwrap_err().to_string().contains("mercy"));
    }

    #[test]
    fn v07_files_that_are_secrets_themselves_are_left_out_whole() {
        let policy = Policy::standard().unwrap();
        for path in
            ["etc/shadow", "a/etc/shadow", "home/x/.ssh/id_rsa", "proc/net/tcp", "proc/25739/net/route", "x/store.jks"]
        {
            assert!(policy.drops(path), "{path}");
        }
        for path in ["etc/passwd", "shadow.log", "proc/net/dev", "var/log/net/tcp", "etc/shadow.conf/x"] {
            assert!(!policy.drops(path), "{path}");
        }
    }

    #[test]
    fn v07_a_profile_adds_to_the_policy_and_changes_its_digest() {
        let rule = CustomRule { name: "badge".into(), words: vec!["badge number".into()], ..CustomRule::default() };
        let added = CustomRules { rules: vec![rule], drop: vec!["*.db".into()], ..CustomRules::default() };
        let standard = Policy::standard().unwrap();
        let policy = standard.clone().with(&added).unwrap();
        assert_eq!(policy.redaction().policy, "standard/1", "all that it masks is still masked");
        assert_ne!(policy.redaction().policy_sha256, standard.redaction().policy_sha256);
        assert!(policy.drops("x/y.db") && policy.drops("etc/shadow") && !standard.drops("x/y.db"));
        let same = standard.clone().with(&CustomRules::default()).unwrap();
        assert_eq!(same.redaction(), standard.redaction(), "nothing added is the policy itself");
    }

    #[test]
    fn v07_every_mistake_in_the_rules_of_a_profile_is_told_at_once() {
        let added: CustomRules = toml::from_str(
            r#"
            hosts = ["ab"]
            drop = ["*"]
            rules = [
              { name = "Badge", words = ["badge number"] },
              { name = "password", words = ["x\ny"] },
              { name = "twice", begin = ["EMP-"], least = 4, pattern = "[" },
              { name = "twice", words = ["badge"], begin = ["BADGE-"] },
              { name = "none", pattern = "x" },
            ]
            "#,
        )
        .unwrap();
        let places: BTreeSet<String> = added.mistakes().into_iter().map(|(place, _)| place).collect();
        let wanted = [
            "drop",
            "hosts",
            "rules[0].name",
            "rules[1].name",
            "rules[1].words",
            "rules[2].least",
            "rules[2].pattern",
            "rules[3]",
            "rules[3].name",
            "rules[4]",
            "rules[4].begin",
        ];
        assert_eq!(places, wanted.map(String::from).into());
        assert!(Policy::standard().unwrap().with(&added).unwrap_err().to_string().contains("rules[2].pattern"));
    }
}
