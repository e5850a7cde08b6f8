//! What has to be in a bundle, by category and severity, and how fresh.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Collector, Fields, Profile, nearest};
use crate::Manifest;

/// The severities, as they are written everywhere.
const SEVERITIES: [&str; 4] = ["site-down", "1", "2", "3"];
/// A year: older diagnostics tell of another host.
const MOST_AGE: Duration = Duration::from_hours(366 * 24);

/// Artefacts that some cases need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// The artefacts.
    pub artefacts: Vec<String>,
    /// The categories for which they are; none: every one.
    pub categories: Vec<String>,
    /// The severities for which they are; none: every one.
    pub severities: Vec<String>,
    /// How old they may be.
    pub fresh_within: Option<Duration>,
}

/// The case for which a bundle is collected, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Situation<'a> {
    /// The category, from the vendor's list. Without one, only what every category needs is required.
    pub category: Option<&'a str>,
    /// The severity: `site-down`, `1`, `2` or `3`. Without one, only what every severity needs is required.
    pub severity: Option<&'a str>,
}

/// What a bundle lacks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// An artefact is not there, with the reasons of its collector.
    Artefact {
        /// The artefact.
        artefact: String,
        /// Why there is none, each reason once.
        reasons: Vec<String>,
    },
    /// An artefact is older than it may be.
    Stale {
        /// The artefact.
        artefact: String,
        /// How old it may be.
        fresh_within: Duration,
    },
}

impl Situation<'_> {
    /// Whether a severity is one.
    pub fn is_severity(text: &str) -> bool {
        SEVERITIES.contains(&text)
    }

    fn needs(&self, required: &Required) -> bool {
        let holds = |named: &[String], known: Option<&str>| {
            named.is_empty() || known.is_some_and(|known| named.iter().any(|name| name == known))
        };
        holds(&required.categories, self.category) && holds(&required.severities, self.severity)
    }
}

impl Profile {
    /// The artefacts that a case needs, each with how old it may be.
    pub fn required(&self, situation: &Situation<'_>) -> BTreeMap<&str, Option<Duration>> {
        let mut artefacts: BTreeMap<&str, Option<Duration>> = BTreeMap::new();
        for required in self.required.iter().filter(|required| situation.needs(required)) {
            for artefact in &required.artefacts {
                let age = artefacts.entry(artefact).or_default();
                // Of two ages the stricter one holds.
                *age = age.iter().copied().chain(required.fresh_within).min();
            }
        }
        artefacts
    }

    /// What a bundle lacks for a case: everything at once.
    pub fn lacks(&self, manifest: &Manifest, situation: &Situation<'_>, now: Timestamp) -> Vec<Lack> {
        let present = manifest.artefacts();
        let age = now.duration_since(manifest.collected_at);
        let lack = |(artefact, fresh_within): (&str, Option<Duration>)| {
            if !present.contains(artefact) {
                let failed = manifest.entries.iter().filter(|entry| entry.collector == artefact);
                let mut reasons: Vec<String> = failed.filter_map(|entry| entry.failed.clone()).collect();
                reasons.sort();
                reasons.dedup();
                return Some(Lack::Artefact { artefact: artefact.to_owned(), reasons });
            }
            let fresh_within = fresh_within?;
            let is_stale = SignedDuration::try_from(fresh_within).is_ok_and(|most| age > most);
            is_stale.then(|| Lack::Stale { artefact: artefact.to_owned(), fresh_within })
        };
        self.required(situation).into_iter().filter_map(lack).collect()
    }
}

/// Reads what a profile requires.
pub(super) fn read(fields: &mut Fields<'_>, collectors: &[Collector]) -> Vec<Required> {
    let mut all = Vec::new();
    for mut table in fields.tables("required") {
        let artefacts = table.texts("artefacts");
        if !table.has("artefacts") {
            table.missing("artefacts");
        }
        for artefact in &artefacts {
            let known = || collectors.iter().map(|collector| collector.name.as_str());
            if !known().any(|name| name == artefact.value) {
                let help = nearest(artefact.value, known()).map(|near| format!("did you mean `{near}`?"));
                let message = format!("no collector of this profile makes the artefact {}", artefact.value);
                table.wrong_unless_unread(artefact, message, help);
            }
        }
        let severities = table.texts("severities");
        for severity in severities.iter().filter(|severity| !Situation::is_severity(severity.value)) {
            let help = format!("known: {}", SEVERITIES.join(", "));
            table.wrong_but(severity, format!("there is no severity {}", severity.value), help);
        }
        let categories = table.texts("categories");
        let fresh_within = table.duration("fresh_within", MOST_AGE);
        table.done();
        let [artefacts, categories, severities] = [artefacts, categories, severities]
            .map(|texts| texts.into_iter().map(|text| text.value.to_owned()).collect());
        all.push(Required { artefacts, categories, severities, fresh_within });
    }
    all
}

#[cfg(test)]
mod tests {
    //! Proves Q03, B03.

    use super::*;
    use crate::{Digest, Entry, Masked, Redaction};

    const PROFILE: &str = "name = \"x\"\nversion = 1\n\
        [[collectors]]\nname = \"os\"\nabout = \"a\"\nfiles = [\"/x\"]\n\
        [[collectors]]\nname = \"logs\"\nabout = \"b\"\nfiles = [\"/y\"]\n\
        [[collectors]]\nname = \"dump\"\nabout = \"c\"\nfiles = [\"/z\"]\n\
        [[required]]\nartefacts = [\"os\", \"logs\"]\nfresh_within = \"24 h\"\n\
        [[required]]\nartefacts = [\"logs\", \"dump\"]\nseverities = [\"site-down\", \"1\"]\ncategories = [\"crash\"]\nfresh_within = \"2 h\"\n";

    fn manifest(entries: &[(&str, Option<&str>)]) -> Manifest {
        let entry = |(collector, failed): &(&str, Option<&str>)| Entry {
            path: (*collector).to_owned(),
            media_type: "text/plain".into(),
            size_bytes: 1,
            sha256: Digest::of(b"x"),
            collector: (*collector).to_owned(),
            failed: failed.map(str::to_owned),
            packed: None,
            masked: Masked::default(),
        };
        Manifest {
            format: 1,
            profile: "x/1".into(),
            ticket: None,
            pseudonyms_for: None,
            collected_at: "2026-06-08T12:00:00Z".parse().unwrap(),
            redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
            packs: Vec::new(),
            entries: entries.iter().map(entry).collect(),
        }
    }

    #[test]
    fn q03_what_is_required_is_set_by_category_and_severity() {
        let profile = Profile::parse(PROFILE).unwrap();
        let required = |category, severity| {
            let hours = |age: Option<Duration>| age.map(|age| age.as_secs() / 3600);
            let all = profile.required(&Situation { category, severity }).into_iter();
            all.map(|(name, age)| (name.to_owned(), hours(age))).collect::<Vec<_>>()
        };
        let usual = vec![("logs".to_owned(), Some(24)), ("os".to_owned(), Some(24))];
        assert_eq!(required(None, None), usual);
        assert_eq!(required(Some("crash"), Some("3")), usual);
        assert_eq!(required(Some("install"), Some("1")), usual);
        let urgent = [("dump", 2), ("logs", 2), ("os", 24)].map(|(name, age)| (name.to_owned(), Some(age)));
        assert_eq!(required(Some("crash"), Some("1")), urgent);
    }

    #[test]
    fn b03_what_a_bundle_lacks_is_told_all_at_once_with_the_reasons() {
        let profile = Profile::parse(PROFILE).unwrap();
        let crash = Situation { category: Some("crash"), severity: Some("1") };
        let bundle = manifest(&[("logs", None), ("dump", Some("permission denied"))]);
        let at = |time: &str| profile.lacks(&bundle, &crash, time.parse().unwrap());
        let dump = Lack::Artefact { artefact: "dump".into(), reasons: vec!["permission denied".into()] };
        let os = Lack::Artefact { artefact: "os".into(), reasons: vec![] };
        assert_eq!(at("2026-06-08T14:00:00Z"), [dump.clone(), os.clone()], "two hours old is not older than two hours");
        let stale = Lack::Stale { artefact: "logs".into(), fresh_within: Duration::from_hours(2) };
        assert_eq!(at("2026-06-08T14:00:01Z"), [dump, stale, os]);
        let whole = manifest(&[("os", None), ("logs", None), ("dump", None)]);
        assert_eq!(profile.lacks(&whole, &crash, whole.collected_at), []);
    }
}
