//! Masking and translating back: for all that has a pseudonym, nothing is lost.
//!
//! Proves V07.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{LazyLock, Mutex, PoisonError};

use proptest::prelude::*;
use vouch_diagnostics::pseudonyms::Translation;
use vouch_diagnostics::redaction::{Learner, Outcome, Policy, Redactor};

const NAMES: &[u8] = b"robin:x:1000:1000::/home/robin:/bin/sh\nwagtail:x:1001:1001::/home/wagtail:/bin/sh\n";
const HOSTS: &[u8] = b"10.4.4.4 heron.birds.example heron\n10.4.4.5 kestrel.birds.example\n";

/// Its automata are made once: a property has hundreds of cases.
static REDACTOR: LazyLock<Mutex<Redactor>> = LazyLock::new(|| {
    let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
    learner.read("etc/passwd", &mut &*NAMES).unwrap();
    learner.read("etc/hosts", &mut &*HOSTS).unwrap();
    Mutex::new(learner.finish(&[7; 32]).unwrap())
});

/// A text as it is sealed, and what the table of its collection makes of that.
fn there_and_back(text: &str) -> (String, String) {
    let mut redactor = REDACTOR.lock().unwrap_or_else(PoisonError::into_inner);
    let mut masked = Vec::new();
    assert!(matches!(redactor.mask("a.log", &mut text.as_bytes(), &mut masked).unwrap(), Outcome::Written(_)));
    let masked = String::from_utf8(masked).unwrap();
    let back = Translation::of([redactor.pseudonyms().table("col_1")]).translate(&masked).0;
    (masked, back)
}

/// Something that has a pseudonym, as it is written in small letters.
fn named() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).to_string()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).to_string()),
        any::<[u8; 6]>().prop_map(|bytes| bytes.map(|byte| format!("{byte:02x}")).join(":")),
        "[a-z]{4,9}@[a-z]{4,9}\\.test",
        prop::sample::select(vec!["robin", "wagtail", "heron", "kestrel", "heron.birds.example", "birds.example"])
            .prop_map(str::to_owned),
    ]
}

#[test]
fn v07_what_a_host_is_called_comes_back_as_it_was() {
    let text = "robin@heron: ssh kestrel.birds.example from 10.4.4.4, mail wagtail@birds.example\n";
    let (masked, back) = there_and_back(text);
    for name in ["robin", "wagtail", "heron", "kestrel", "birds", "10.4.4.4"] {
        assert!(!masked.contains(name), "{name} in {masked}");
    }
    assert_eq!(back, text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn v07_masked_and_translated_back_a_text_is_the_same(
        words in prop::collection::vec((named(), prop::sample::select(vec![" ", "\n", ", ", " (", ") ", " via "])), 1..20)
    ) {
        let text: String = words.iter().flat_map(|(name, between)| [name.as_str(), between]).collect();
        let (_, back) = there_and_back(&text);
        prop_assert_eq!(back, text);
    }
}
