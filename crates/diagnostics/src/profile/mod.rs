//! Profiles: what is collected of a kind of host, what a vendor requires of it, and what is looked for in it, as data.
//!
//! A profile is a text (TOML). [`Profile::parse`] takes it whole or names every [`Mistake`] in it: `document` reads field by
//! field, `collector` and `required` say which fields there are; analyzers read their own. Nothing here touches a host.
//!
//! ```toml
//! name = "atlas-server"          # small letters, digits, hyphens
//! version = 1
//! about = "An Atlas server."
//! bundle_bytes = "4 GB"          # what is read of files at most
//! keep = ["atlas"]               # never masked as a name
//!
//! [redaction]
//! users = ["contoso"]            # masked wherever they stand; so are `hosts` and `domains`
//! drop = ["atlas/master.key"]    # left out; `whole` names binaries that are kept as they are
//! [[redaction.rules]]            # a kind of secrets that only this software has
//! name = "badge-number"
//! words = ["badge number"]       # in their names; or how they `begin`, with `least` or a `pattern`
//!
//! [[required]]                   # what a case needs; without severities or categories, every case
//! artefacts = ["logs"]
//! severities = ["site-down", "1"]
//! fresh_within = "4 h"
//!
//! [[collectors]]                 # its name is the artefact's
//! name = "logs"
//! about = "the end of each log"
//! files = ["/var/log/atlas/*.log"]
//! changed_within = "7 days"      # and `most_files`, `tail_bytes`
//! commands = [["atlasctl", "status"]]
//! timeout = "20 s"               # and `output_bytes`
//! folders = ["/var/lib/atlas"]   # names only, to a `depth`
//! probes = ["processes"]
//! postgresql = ["version", "settings"]           # asked of the server that the environment names
//! endpoints = ["https://localhost:8443/health"]
//! questions = [{ name = "steps", ask = "Which steps show the problem?" }]
//! archives = ["/var/tmp/sosreport-*.tar.xz"]
//!
//! [[analyzers]]                  # a known problem, and how it is recognised
//! name = "old-version"
//! title = "This version loses sessions"
//! issue = "ATL-1042"
//! article = "https://support.example/articles/1042"
//! [analyzers.when]               # or `all`, `any`, `not`
//! collector = "logs"
//! file = "commands/atlasctl*"    # a path within the bundle
//! pattern = '^version (?<version>\S+)$'            # or `json`, `yaml` or `ini` with `is`
//! where = { version = "version >= 7.2, < 7.2.5" }
//! ```

mod collector;
mod custom;
mod document;
mod endpoint;
mod mistake;
mod query;
mod redaction;
mod required;
mod shipped;
mod units;
mod words;

use crate::Digest;
use crate::analyzers::Analyzer;

pub(crate) use self::collector::name;
#[cfg(all(test, feature = "collect"))]
pub(crate) use self::custom::RULES;
#[cfg(feature = "collect")]
pub(crate) use self::custom::compile;
pub(crate) use self::document::{Fields, Given};
pub(crate) use self::words::nearest;

pub use self::collector::{Collector, Probe, Question};
pub use self::custom::{CustomRule, CustomRules};
pub use self::endpoint::{Endpoint, Scheme};
pub use self::mistake::{Mistake, Mistakes};
pub use self::query::Query;
pub use self::required::{Lack, Required, Situation};

/// The most that a bundle may hold, unless its profile says otherwise.
const BUNDLE_BYTES: u64 = 4_000_000_000;
/// More is not told of the collectors that there are, in characters.
const TOLD: usize = 1000;
/// So many names that are no collectors are told one by one: what tells them has its limits, too.
const MAX_STRANGERS: usize = 25;
/// No profile may ask for more.
const MOST_BUNDLE_BYTES: u64 = 64_000_000_000;

/// A profile: what is collected of a kind of host.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What it is for, in a sentence.
    pub about: String,
    /// How many bytes of files are read at most. What is beyond is left out, and told.
    pub bundle_bytes: u64,
    /// What has to be there, for which cases.
    pub required: Vec<Required>,
    /// Words that are never masked as names of hosts or users: names of products.
    pub keep: Vec<String>,
    /// What it adds to the redaction policy.
    pub redaction: CustomRules,
    /// Its collectors.
    pub collectors: Vec<Collector>,
    /// What is looked for in what was collected.
    pub analyzers: Vec<Analyzer>,
    digest: Digest,
}

impl Profile {
    /// Reads a profile, or names every mistake in it. A field that is not known is one.
    pub fn parse(text: &str) -> Result<Self, Mistakes> {
        document::read(text, |fields| read(fields, Digest::of(text.as_bytes())))
    }

    /// A profile that this program brings along, by its name.
    pub fn shipped(name: &str) -> Option<Result<Self, Mistakes>> {
        Self::shipped_text(name).map(Self::parse)
    }

    /// The text of a profile that this program brings along, to begin one's own with.
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        shipped::text(name)
    }

    /// The names of the profiles that this program brings along.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        shipped::names()
    }

    /// `name/version`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    /// The digest of its text.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Which of these names are none of its collectors': each by its place, with what to tell of it: 25 of them. With the first one it is told what
    /// there is, with the last one how many more there are.
    pub fn strangers(&self, names: &[String]) -> Vec<(usize, String)> {
        let is_strange = |name: &String| self.collectors.iter().all(|collector| collector.name != *name);
        let mut strangers: Vec<_> = names
            .iter()
            .enumerate()
            .filter(|(_, name)| is_strange(name))
            .map(|(place, _)| (place, "is none of its collectors either".to_owned()))
            .collect();
        let more = strangers.len().saturating_sub(MAX_STRANGERS);
        strangers.truncate(MAX_STRANGERS);
        if let Some((_, told)) = strangers.first_mut() {
            let there = self.collectors.iter().map(|collector| collector.name.as_str()).collect::<Vec<_>>().join(", ");
            let cut = if there.chars().count() > TOLD { " …" } else { "" };
            *told = format!("is no collector of {}, which has: ", self.title());
            told.extend(there.chars().take(TOLD));
            told.push_str(cut);
        }
        if let Some((_, told)) = strangers.last_mut().filter(|_| more > 0) {
            *told = format!("{told}; nor are {more} more");
        }
        strangers
    }
}

fn read(fields: &mut Fields<'_>, digest: Digest) -> Profile {
    let name = fields.needs_text("name");
    if let Some(name) = name.as_ref().filter(|name| !is_plain(name.value)) {
        fields.wrong(name, "the profile's name has to be of small letters, digits and `-`");
    }
    if !fields.has("version") {
        fields.missing("version");
    }
    let version = fields.number("version", 1..=u64::from(u32::MAX)).and_then(|version| u32::try_from(version).ok());
    let about = fields.text("about").map(|about| about.value.to_owned());
    let bundle_bytes = fields.size("bundle_bytes", 1..=MOST_BUNDLE_BYTES).unwrap_or(BUNDLE_BYTES);
    let keep = redaction::names(fields, "keep");
    let redaction = redaction::read(fields);
    let collectors = collector::read(fields);
    let required = required::read(fields, &collectors);
    let analyzers = crate::analyzers::read(fields, &collectors);
    Profile {
        name: name.map(|name| name.value.to_owned()).unwrap_or_default(),
        version: version.unwrap_or_default(),
        about: about.unwrap_or_default(),
        bundle_bytes,
        required,
        keep,
        redaction,
        collectors,
        analyzers,
        digest,
    }
}

/// Whether a name can stand in paths, flags and tables.
pub(crate) fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    //! Proves Q03, V07, W10.

    use super::*;

    fn mistakes(text: &str) -> Vec<(usize, usize, String)> {
        let Mistakes(mistakes) = Profile::parse(text).unwrap_err();
        mistakes.into_iter().map(|mistake| (mistake.line, mistake.column, mistake.message)).collect()
    }

    const LEAST: &str = "name = \"x\"\nversion = 1\n[[collectors]]\nname = \"a\"\nabout = \"b\"\n";

    #[test]
    fn q03_each_profile_that_is_shipped_is_whole() {
        for name in Profile::shipped_names() {
            let profile = Profile::shipped(name).unwrap().unwrap_or_else(|mistakes| panic!("{name}: {mistakes}"));
            assert_eq!(profile.title(), format!("{name}/1"));
            assert!(
                !profile.about.is_empty() && !profile.required.is_empty() && !profile.analyzers.is_empty(),
                "{name}"
            );
        }
        assert_eq!(Profile::shipped_names().count(), 3);
        assert!(Profile::shipped("abacus").is_none());
    }

    #[test]
    fn the_profile_for_a_linux_host_has_the_artefacts_that_vendors_ask_for() {
        let profile = Profile::shipped("linux-host").unwrap().unwrap();
        for name in ["os", "hardware", "disks", "processes", "packages", "logs", "time", "environment"] {
            assert!(profile.collectors.iter().any(|collector| collector.name == name), "{name}");
        }
    }

    #[test]
    fn the_profile_that_is_shown_above_is_one() {
        let shown = include_str!("mod.rs").lines().take_while(|line| line.starts_with("//!"));
        let text: Vec<&str> = shown.map(|line| line.trim_start_matches("//!").trim_start()).collect();
        let text = text.join("\n");
        let profile = Profile::parse(text.split("```toml").nth(1).unwrap().split("```").next().unwrap()).unwrap();
        assert_eq!((profile.title().as_str(), profile.analyzers.len()), ("atlas-server/1", 1));
    }

    #[test]
    fn q03_every_mistake_of_a_profile_is_told_with_its_place() {
        let text = "name = \"Linux Host\"\nversion = 0\nverion = 2\n\n[[collectors]]\nname = \"a\"\nfiles = [\"/etc/x\", \"etc/y\", 7]\n\
                    commands = [[\"/tmp/x\"], []]\nprobes = [\"sokets\"]\ntimeout = \"30\"\n";
        let found = mistakes(text);
        let places: Vec<_> = found.iter().map(|(line, column, _)| (*line, *column)).collect();
        assert_eq!(
            places,
            [(1, 8), (2, 11), (3, 1), (5, 1), (7, 20), (7, 29), (8, 14), (8, 25), (9, 11), (10, 11)],
            "{found:#?}"
        );
        let Mistakes(told) = Profile::parse(text).unwrap_err();
        assert_eq!(told[2].help.as_deref(), Some("did you mean `version`?"));
        assert_eq!((told[4].field.as_str(), told[4].length), ("collectors[0].files[1]", 7));
        assert_eq!(told[8].help.as_deref(), Some("did you mean `sockets`?"));
    }

    #[test]
    fn q03_v07_a_profile_has_rules_of_redaction_and_each_mistake_in_them_has_its_place() {
        let rules = "files = [\"/x\"]\n[redaction]\nhosts = [\"heron\"]\ndrop = [\"*.db\"]\nwhole = [\"state.bin\"]\n\
                     [[redaction.rules]]\nname = \"employee\"\nbegin = [\"EMP-\"]\nleast = 4\n";
        let redaction = Profile::parse(&format!("{LEAST}{rules}")).unwrap().redaction;
        let rule =
            CustomRule { name: "employee".into(), begin: vec!["EMP-".into()], least: Some(4), ..CustomRule::default() };
        assert_eq!((redaction.rules, redaction.hosts), (vec![rule], vec!["heron".to_owned()]));
        assert_eq!((redaction.drop, redaction.whole), (vec!["*.db".to_owned()], vec!["state.bin".to_owned()]));
        let wrong = format!(
            "{LEAST}files = [\"/x\"]\n[redaction]\nhosts = [\"ab\", \"heron\"]\ndrop = [\"*\"]\n\
             [[redaction.rules]]\nname = \"password\"\nwords = [\"x\"]\n[[redaction.rules]]\nname = \"y\"\npattern = '['\n"
        );
        let found = mistakes(&wrong);
        let places: Vec<_> = found.iter().map(|(line, column, _)| (*line, *column)).collect();
        assert_eq!(places, [(8, 10), (9, 8), (11, 8), (12, 9), (13, 1), (13, 1), (15, 11)], "{found:#?}");
    }

    #[test]
    fn w10_names_that_are_no_collectors_are_told_by_their_places_with_what_there_is() {
        let profile = Profile::parse(&format!("{LEAST}files = [\"/x\"]\n")).unwrap();
        let names = ["b", "a", "c"].map(str::to_owned);
        let told = profile.strangers(&names);
        let title = profile.title();
        let expected = [
            (0, format!("is no collector of {title}, which has: a")),
            (2, "is none of its collectors either".to_owned()),
        ];
        assert_eq!(told, expected);
        let many: Vec<_> = (0..100).map(|number| format!("none-{number}")).collect();
        let told = profile.strangers(&many);
        assert_eq!((told.len(), told[24].0), (25, 24));
        assert!(told[24].1.ends_with("; nor are 75 more"), "{told:?}");
        assert!(told.iter().map(|(_, told)| told.len()).sum::<usize>() < 3000);
        assert_eq!(profile.strangers(&names[1..2]), []);
    }

    #[test]
    fn what_may_follow_from_a_slip_of_the_pen_is_not_told_beside_it() {
        let slip = LEAST.replacen("name = \"a\"", "name = a", 1) + "files = [\"/etc/x\"]\n";
        let found = mistakes(&slip);
        assert_eq!(found.iter().map(|(line, _, _)| *line).collect::<Vec<_>>(), [4], "{found:?}");
        let twice = mistakes(&format!("{LEAST}about = \"c\"\nfiles = [\"etc\"]\n"));
        assert_eq!(twice.iter().map(|(line, _, _)| *line).collect::<Vec<_>>(), [6, 7], "{twice:?}");
    }

    #[test]
    fn a_profile_that_asks_for_something_odd_is_refused() {
        for (line, why) in [
            ("shell = \"rm\"\nfiles = [\"/x\"]", "`shell` is not known here"),
            ("files = [\"/var/../etc\"]", "absolute"),
            ("files = [\"/var/[x\"]", "pattern"),
            ("commands = [[\"x y\"]]", "program"),
            ("", "collects nothing"),
            ("files = [\"/x\\u001b\"]", "control character"),
            ("endpoints = [\"ldap://x\"]", "https://"),
            ("postgresql = [\"SELECT 1\"]", "there is no query SELECT 1"),
            ("files = [\"/x\"]\ntail_bytes = 0", "tail_bytes"),
            ("files = [\"/x\"]\n[[collectors]]\nname = \"a\"\nabout = \"c\"\nfiles = [\"/x\"]", "two collectors"),
            ("files = [\"/x\"]\n[[required]]\nartefacts = [\"b\"]", "no collector"),
            ("files = [\"/x\"]\n[[required]]\nartefacts = [\"a\"]\nseverities = [\"9\"]", "severity"),
            ("files = [\"/x\"]\n[redaction]\npolicy = \"lax/1\"", "policy"),
            ("files = [\"/x\"]\n[[redaction.rules]]\nwords = [\"badge\"]", "`name` is missing"),
        ] {
            let found = mistakes(&format!("{LEAST}{line}\n"));
            assert!(found.len() == 1 && found[0].2.contains(why), "{line}: {found:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "(\\PC|\n|\\[\\[collectors\\]\\]|name = |when = |\"){0,60}") {
            let _ = Profile::parse(&text);
        }
    }
}
