//! The same as the fast way does, by the slowest and simplest: each anchor is looked for at each place, each sign is looked at, and what was found
//! is settled as a whole. Only tests mask so.
//!
//! Proves V07.

use std::fmt::Write as _;
use std::sync::{LazyLock, Mutex};

use proptest::prelude::*;

use super::automaton::Hit;
use super::pieces::Sizes;
use super::span::{Found, Span};
use super::{Learner, Outcome, Policy, Redactor, shapes};

/// All places of all patterns, in the order of where they end, and the longest first.
pub(super) fn hits(text: &[u8], patterns: &[&[u8]]) -> Vec<Hit> {
    let ends_with = |end: usize, pattern: &[u8]| {
        let start = end.checked_sub(pattern.len());
        start.is_some_and(|start| text[start..end].eq_ignore_ascii_case(pattern))
    };
    let mut order: Vec<usize> = (0..patterns.len()).collect();
    order.sort_by_key(|pattern| usize::MAX - patterns[*pattern].len());
    let at = |end: usize| {
        order.iter().filter(move |pattern| ends_with(end, patterns[**pattern])).map(move |pattern| (*pattern, end))
    };
    (1..=text.len())
        .flat_map(at)
        .map(|(pattern, end)| Hit { pattern, start: end - patterns[pattern].len(), end })
        .collect()
}

/// Spans in order without overlaps: secrets that overlap become one, and a name or an address stays if nothing before it or above it was kept.
pub(super) fn settled(found: &[Span]) -> Vec<Span> {
    let mut spans: Vec<Span> = found.iter().filter(|span| span.start < span.end).copied().collect();
    spans.sort_by_key(|span| (span.start, usize::MAX - span.end));
    let mut settled: Vec<Span> = Vec::new();
    for secret in spans.iter().filter(|span| span.is_secret()) {
        match settled.last_mut() {
            Some(last) if secret.start < last.end => last.end = last.end.max(secret.end),
            _ => settled.push(*secret),
        }
    }
    for name in spans.iter().filter(|span| !span.is_secret()) {
        if settled.iter().all(|kept| name.end <= kept.start || kept.end <= name.start) {
            settled.push(*name);
        }
    }
    settled.sort_by_key(|span| span.start);
    settled
}

/// Knows hosts, users and secrets of its own.
fn redactor() -> Redactor {
    let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
    for (path, text) in [
        ("etc/hostname", "wren-42\n"),
        ("etc/hosts", "10.0.0.1 heron-01.nest.example heron-01\n10.0.0.2 falcon-02.deep.nest.example falcon-02\n"),
        ("etc/passwd", "amara1:x:1001:100:Amara Falke:/home/amara1:/bin/sh\n"),
        ("a.conf", "password = Kx7-quiet-Harbour\npassword = Harbour-Kx7-quiet\n"),
    ] {
        learner.read(path, &mut text.as_bytes()).unwrap();
    }
    learner.finish(&[7; 32]).unwrap()
}

/// Its automata are made once.
static SHARED: LazyLock<Mutex<Redactor>> = LazyLock::new(|| Mutex::new(redactor()));

fn masked(redactor: &mut Redactor, text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let outcome = redactor.mask("x", &mut &text[..], &mut out).unwrap();
    matches!(outcome, Outcome::Written(_)).then_some(out)
}

/// Numbers that look like chance (Steele, Lea and Flood's splitmix64, 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    fn digits(&mut self, kinds: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(kinds[self.below(kinds.len())])).collect()
    }
}

/// A line of a log, as they are, with something to mask in most of them.
fn line(chance: &mut Chance, out: &mut String) {
    let (second, number, port) = (chance.below(60), chance.below(100_000), chance.below(60_000));
    let (hex, address) =
        (chance.digits(b"0123456789abcdef", 40), format!("10.20.{}.{}", chance.below(256), chance.below(256)));
    let written = match chance.below(10) {
        0 => writeln!(
            out,
            "Jun  8 12:00:{second:02} wren-42 sshd[{number}]: Accepted publickey for amara1 from {address} port {port} ssh2: ED25519 SHA256:{hex}"
        ),
        1 => writeln!(
            out,
            "Jun  8 12:00:{second:02} wren-42 kernel: [UFW BLOCK] IN=eth0 MAC=00:16:3e:5a:{}:{}:00:16:3e:11:22:33:08:00 SRC={address} DPT=22",
            &hex[..2],
            &hex[2..4]
        ),
        2 => writeln!(
            out,
            "{{\"ts\":\"2026-06-08T12:00:{second:02}.{number:06}Z\",\"trace_id\":\"{}\",\"user\":\"amara1\",\"elapsed_ms\":{number}}}",
            &hex[..32]
        ),
        3 => writeln!(
            out,
            "{address} - - [08/Jun/2026:12:00:{second:02} +0000] \"GET /x?access_token={hex}&page=2 HTTP/1.1\" 200 {number} \"https://bob:{}@heron-01.nest.example/\"",
            &hex[..9]
        ),
        4 => writeln!(
            out,
            "{{\"headers\":{{\"Authorization\":\"Bearer {hex}\"}},\"order\":\"{}-{}-{}\"}}",
            &hex[..8],
            &hex[8..12],
            &hex[12..24]
        ),
        5 => writeln!(
            out,
            "postfix: to=<amara1@nest.example>, relay=falcon-02.deep.nest.example[{address}]:25, delay=0.{second}, tried Kx7-quiet-Harbour-Kx7-quiet"
        ),
        6 => writeln!(
            out,
            "password:\n  {hex}\npaid with 4111 1111 1111 1111 and 5500005555555559, peer 2001:db8::{}:1",
            &hex[..4]
        ),
        7 => writeln!(out, "-----BEGIN PRIVATE KEY-----\n{hex}\n{hex}\n-----END PRIVATE KEY-----"),
        8 => writeln!(
            out,
            "key VJ5K2-8QWER-{}-ZX81A-77KLM in 0011.2233.{} via ip-10-0-0-{second}",
            hex[..5].to_uppercase(),
            &hex[..4]
        ),
        _ => writeln!(
            out,
            "systemd[1]: session-{number}.scope: Consumed {second}.{:03}s CPU time in /home/amara1/x",
            port % 1000
        ),
    };
    written.unwrap();
}

#[test]
fn v07_shapes_are_found_wherever_the_slow_way_finds_them() {
    let kinds: [&[u8]; 9] = [
        b"0123456789.- ",
        b"0123456789abcdef:.",
        b"0011:.-",
        b"09aF:%3A.- ",
        b"AB12- ",
        b"41 1-",
        b"0123456789abcdefABCXYZ \n",
        b"ip-10.:%&\xc2\xa0 n\\",
        b"DE8937- \\n%2",
    ];
    let mut chance = Chance(7);
    let mut shown = 0;
    for round in 0..6000 {
        let kinds = kinds[round % kinds.len()];
        let mut text: Vec<u8> = (0..chance.below(400)).map(|_| kinds[chance.below(kinds.len())]).collect();
        // Something real in the middle of it, and at the border of a block.
        let real: [&[u8]; 14] = [
            b"10.11.12.13",
            b"2001:db8::7",
            b"00:16:3e:5a:01:02",
            b"4111 1111 1111 1111",
            b"4111%201111%201111%201111",
            b"5500005555555559",
            b"0011.2233.4455",
            b"ip-10-0-0-1",
            b"fe80%3A%3A1",
            b"ABCD1-EFGH2-JKLM3-NPQR4-STUV5",
            b"DE89370400440532013000",
            b"GB29 NWBK 6016 1331 9268 19",
            b"\\nNO93%208601%201117%20947",
            b"\\u0022BE68539007547034",
        ];
        let (at, real) = (chance.below(text.len() + 1), real[chance.below(real.len())]);
        let alone = if round % 2 == 0 { &b" "[..] } else { b"" };
        text.splice(at..at, [alone, real, alone].concat());
        let (mut fast, mut slow) = (Found::default(), Found::default());
        shapes::find(&text, &mut fast);
        shapes::find_slowly(&text, &mut slow);
        assert_eq!(fast.spans(), slow.spans(), "{}", String::from_utf8_lossy(&text));
        shown += slow.spans().len();
    }
    assert!(shown > 2500, "{shown}");
}

#[test]
fn v07_a_licence_key_is_found_wherever_it_stands() {
    // Its last character checks the others.
    let spaced = "0123A 4567B 89CDE FGHJK MNPQ";
    let check = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().find(|last| {
        let mut found = Found::default();
        shapes::find_slowly(format!("{spaced}{last}").as_bytes(), &mut found);
        !found.spans().is_empty()
    });
    let spaced = format!("{spaced}{}", check.unwrap());
    for key in [spaced.clone(), spaced.replace(' ', ""), spaced.replace(' ', "-")] {
        for (before, behind) in
            [("", ""), ("=", ";"), ("words before ", " words after"), ("\\n", "\\n"), ("%20", "%20")]
        {
            for fill in 0..140 {
                let text = format!("{}{before}{key}{behind}", " ".repeat(fill));
                let (mut fast, mut slow) = (Found::default(), Found::default());
                shapes::find(text.as_bytes(), &mut fast);
                shapes::find_slowly(text.as_bytes(), &mut slow);
                assert_eq!(fast.spans(), slow.spans(), "{text}");
                assert!(!slow.spans().is_empty() || behind.starts_with(['\\', '%']), "{text}");
            }
        }
    }
}

#[test]
fn v07_logs_are_masked_as_the_slow_way_masks_them_wherever_they_are_cut() {
    let (mut text, mut chance, mut redactor) = (String::new(), Chance(1), redactor());
    while text.len() < 24 * 1024 {
        line(&mut chance, &mut text);
    }
    let expected = String::from_utf8(redactor.mask_slowly(text.as_bytes())).unwrap();
    assert!(expected.contains("[masked:private-key]") && expected.contains("[masked:repeated]"));
    for piece in (5000..5300).chain([16 * 1024, 1 << 20]) {
        redactor.sizes = Sizes { piece, ahead: 2048 };
        let masked = String::from_utf8(masked(&mut redactor, text.as_bytes()).unwrap()).unwrap();
        let differs = masked.lines().zip(expected.lines()).find(|(one, other)| one != other);
        assert!(masked == expected, "pieces of {piece}: {differs:?}");
    }
}

proptest! {
    #[test]
    fn v07_tricky_text_is_masked_as_the_slow_way_masks_it(parts in prop::collection::vec(prop::sample::select(vec![
        "password", "=", ":", "\"", "\\", "'", "token", " ", "\n", "{", "}", ",", "://", "@", "nest.example", "heron-01", ".", "amara1",
        "AMARA1", "Amara Falke", "wren-42", "Kx7-quiet-Harbour", "Harbour-Kx7-quiet", "-p", "mysql", "-----BEGIN ", "PRIVATE KEY-----", "eyJ",
        "1.2.3.4", "10.0.0.1-10.0.0.9", "::", "fe80::1", "00:11:22:33:44:55", "12:34:56", "2026-06-08", "4111 1111 1111 1111", "41", "%20", "%3A",
        "\u{fc}", "session", "key", "0011.2233.4455", "ip-10-0-0-1", "a1b2c3d4e5f60718", "ABCD1-EFGH2-JKLM3-NPQR4-STUV5", "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19", "host=", "db01.nest.example", "falcon:8080", ",", ";", "user=", "user:", "(uid=", "(to ", " of user ", "session 7",
        "%3A%2F%2F", "sess", "PWD=/", "ST-956-",
    ]), 0..60)) {
        let text = parts.concat();
        let mut shared = SHARED.lock().unwrap();
        let (fast, slow) = (masked(&mut shared, text.as_bytes()), shared.mask_slowly(text.as_bytes()));
        prop_assert_eq!(fast.map(|fast| String::from_utf8_lossy(&fast).into_owned()), Some(String::from_utf8_lossy(&slow).into_owned()));
    }
}
