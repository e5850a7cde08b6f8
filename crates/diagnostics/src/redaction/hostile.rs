//! Texts that are made to hurt: values without an end, and runs of beginnings that lead nowhere.
//!
//! Proves V07.

use super::ahead::tests::take_examined;
use super::pieces::{AHEAD, PIECE};
use super::{Learner, Outcome, Policy, Redactor};

fn redactor() -> Redactor {
    Learner::new(Policy::standard().unwrap()).unwrap().finish(&[7; 32]).unwrap()
}

fn masked(redactor: &mut Redactor, text: &str) -> Option<String> {
    let mut out = Vec::new();
    match redactor.mask("x", &mut text.as_bytes(), &mut out).unwrap() {
        Outcome::Written(_) => Some(String::from_utf8(out).unwrap()),
        Outcome::Dropped(_) => None,
    }
}

/// Bytes that look encoded, with a mark at every place.
fn long(length: usize) -> String {
    "Zq7canary".chars().cycle().take(length).collect()
}

/// What a value stands in: before it and behind it.
const AROUND: &[(&str, &str)] = &[
    ("password=", "\nafter\n"),
    ("x password=", " user=bob\nafter\n"),
    ("password = \"", "\"\nafter\n"),
    ("{\"password\": \"", "\", \"x\": 1}\nafter\n"),
    ("{\"log\": \"{\\\"token\\\":\\\"", "\\\"}\"}\nafter\n"),
    ("password: never closed \"", "\nafter\n"),
    ("password=\"never closed ", "\nafter\n"),
    ("signature=", "\nafter\n"),
    ("{\"sig\":\"", "\"}\nafter\n"),
    ("<password>", "</password>\nafter\n"),
    ("<password>\n", "\n</password>\nafter\n"),
    ("<password><![CDATA[", "]]></password>\nafter\n"),
    ("<password value=\"", "\"/>\nafter\n"),
    ("&lt;password&gt;", "&lt;/password&gt;\nafter\n"),
    ("<entry key=\"password\">", "</entry>\nafter\n"),
    ("password%22%3A%22", "%22\nafter\n"),
    ("{&quot;secret&quot;:&quot;", "&quot;}\nafter\n"),
    ("Authorization: Bearer ", "\nafter\n"),
    ("run --password ", " now\nafter\n"),
    ("password: |\n  ", "\nafter: x\n"),
    ("\"tokens\": [\"a1b2c3\", \"", "\"]\nafter\n"),
    ("\"credentials\": {\"a\": \"", "\"}\nafter\n"),
    ("https://user:", "@host/x\nafter\n"),
    ("jdbc:oracle:thin:scott/", "@host\nafter\n"),
    ("mysql -p", " db\nafter\n"),
    ("curl -u 'bob:", "' https://x/\nafter\n"),
    ("echo ", " | sudo -S ls\nafter\n"),
    ("ghp_1", " x\nafter\n"),
    ("$6$", ":19000\nafter\n"),
    ("https://hooks.slack.com/services/", " x\nafter\n"),
    ("eyJhbGciOiJIUzI1NiJ9.aaaaaaaaaaaaaa.", " x\nafter\n"),
    ("{\"kty\":\"RSA\",\"x\":{\"y\":1},\"d\":\"", "\"}\nafter\n"),
    ("-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----\nafter\n"),
    ("key: \"-----BEGIN RSA PRIVATE KEY-----\\n", "\\n-----END RSA PRIVATE KEY-----\\n\"\nafter\n"),
    ("Private-Lines: 9\n", "\n(after)\n"),
    ("", "@mail.example\nafter\n"),
];

#[test]
fn v07_a_secret_of_any_length_is_masked_to_its_end() {
    let mut redactor = redactor();
    for length in [3000, 170_000] {
        let secret = long(length);
        for (before, behind) in AROUND {
            let text = format!("first\n{before}{secret}{behind}");
            let masked = masked(&mut redactor, &text).unwrap();
            assert!(!masked.contains("canary"), "{before:?} {length}: {} bytes left", masked.len());
            assert!(masked.starts_with("first\n") && masked.contains("after"), "{before:?}");
            assert_eq!(masked.matches('\n').count(), text.matches('\n').count(), "{before:?}: lines stay lines");
        }
    }
}

#[test]
fn v07_a_secret_of_many_lines_is_masked_to_its_end() {
    let lines = format!("{}\n", long(64)).repeat(2500);
    let mut redactor = redactor();
    for (before, behind) in [
        ("KEY_SECRET=\"", "\"\nafter\n"),
        ("<secret>\n", "</secret>\nafter\n"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "-----END OPENSSH PRIVATE KEY-----\nafter\n"),
        // Cut off: nobody knows where it ends, so nothing behind it is kept.
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", ""),
    ] {
        let masked = masked(&mut redactor, &format!("first\n{before}{lines}{behind}")).unwrap();
        assert!(!masked.contains("canary"), "{before:?}");
        assert_eq!(masked.contains("after"), !behind.is_empty(), "{before:?}");
    }
    let logged = "Jun  8 host app[1]: -----BEGIN PRIVATE KEY-----\nJun  8 host app[1]: MIIcanary(1)\nJun  8 host app[1]: MIIcanary\n";
    assert!(!masked(&mut redactor, logged).unwrap().contains("canary"));
}

#[test]
fn v07_a_secret_apart_from_its_name_is_masked_wherever_a_piece_ends() {
    let list = "  \"Zq7canary\",\n".repeat(60);
    let object = "  \"name\": \"Zq7canary\",\n".repeat(60);
    let cases = [
        "\"password\":\n\n\n  \"Zq7canary\"\n".to_owned(),
        "db:\n  password:\n    Zq7canary\n".to_owned(),
        "<name>password</name>\n<value>Zq7canary</value>\n".to_owned(),
        "Private-Lines: 1\nZq7canary\n".to_owned(),
        format!("\"tokens\": [\n{list}]\n"),
        format!("\"credentials\": {{\n{object}}}\n"),
    ];
    let mut redactor = redactor();
    // Where the first piece is cut the first lines of a case stand in turn.
    let border = PIECE - AHEAD;
    for case in cases {
        for shift in case.match_indices('\n').take(4).map(|(feed, _)| feed + 1) {
            let text = format!("{}{case}{}", "\n".repeat(border - shift), "\n".repeat(AHEAD + 40 * 1024));
            assert!(!masked(&mut redactor, &text).unwrap().contains("canary"), "{shift} of {case:.40}");
        }
    }
}

/// Beginnings that are repeated; `␤` is a line end, `␠` a blank at the end of a line.
const RUNS: &str = include_str!("hostile.txt");

#[test]
fn v07_the_work_grows_as_the_text_does() {
    let mut redactor = redactor();
    let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
    let heads =
        [("password=\"", "\\\""), ("password='", "''"), ("password=\"", "\\"), ("\"password\": {", "\"a\":\"b\",")];
    let runs = RUNS.lines().map(|run| ("", run)).chain(heads);
    for (head, run) in runs {
        let run = run.replace('␤', "\n").replace('␠', " ");
        let mut work = |bytes: usize| {
            let text = format!("{head}{}", run.repeat(bytes / run.len()));
            take_examined();
            // The column of a log is read while names are learned.
            learner.read("x", &mut text.as_bytes()).unwrap();
            assert!(masked(&mut redactor, &text).is_some(), "{run}");
            take_examined()
        };
        let (small, large) = (work(8 * 1024), work(32 * 1024));
        assert!(large <= small * 5 + 1024, "{head}{run}: {small}, then {large}");
        assert!(large <= 128 * 32 * 1024, "{head}{run}: {large} for 32 KiB");
    }
}
