//! Hosts where nothing but a host can stand: in addresses (`https://app.corp.example/`) and in connection strings (`host=db01.corp.example`).
//!
//! A text that mentions a host says less than a file that lists it. So only the domain is learned from it, which tells every host within by its full
//! name; a bare name is learned if it ends with a digit, as machines are numbered and words are not, and is masked else only where it stands. What is
//! told of the whole world (`public_domains` of the policy) is not learned.

use std::collections::{BTreeSet, HashSet};

use foldhash::fast::RandomState;

use super::ahead::run;
use super::names::NameKind;
use super::policy::{Names, Rule};
use super::span::{Found, Real, Span};

/// More hosts are not remembered: a log of the web names half of it. Those that come first are learned, and the manifest tells that there were more.
const MAX_MENTIONED: usize = 2_000;
/// A name in DNS has at most 253 bytes.
const MAX_NAME: usize = 253;
/// So many hosts may stand in one address or setting.
const MAX_LIST: usize = 32;
/// No scheme is longer.
const MAX_SCHEME: usize = 20;
/// What may stand between the name of a setting and its value.
const MAX_BEFORE: usize = 8;

/// Hosts that were mentioned, without those that everybody knows.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// What is learned of them: domains, and bare names of hosts.
    seen: HashSet<String, RandomState>,
    /// The one that came last: the next is often the same.
    last: Vec<u8>,
    /// It in small letters.
    lower: String,
    /// There were more.
    pub(super) full: bool,
}

impl Mentions {
    pub(super) fn add(&mut self, name: &[u8], policy: &Names) {
        if self.last == name {
            return;
        }
        self.last.clear();
        self.last.extend_from_slice(name);
        let Ok(name) = str::from_utf8(name) else { return };
        self.lower.clear();
        self.lower.extend(name.chars().flat_map(char::to_lowercase));
        let Some(name) = learned(&self.lower) else { return };
        if self.seen.contains(name) || is_public(&self.lower, policy) {
            return;
        }
        if self.seen.len() < MAX_MENTIONED {
            self.seen.insert(name.to_owned());
        } else {
            self.full = true;
        }
    }

    /// What is learned of them, in order: a domain, or the bare name of a host.
    pub(super) fn names(&self) -> BTreeSet<(NameKind, &str)> {
        let kind = |name: &str| if name.contains('.') { NameKind::Domain } else { NameKind::Host };
        self.seen.iter().map(|name| (kind(name), name.as_str())).collect()
    }
}

/// The domain of a host, or its bare name.
fn learned(name: &str) -> Option<&str> {
    let Some((_, domain)) = name.split_once('.') else { return Some(name) };
    // An address is of numbers alone, and is masked by its shape.
    if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    // Of `corp.example` both parts are the domain's.
    Some(if domain.contains('.') && !is_registry(domain) { domain } else { name })
}

fn is_public(name: &str, policy: &Names) -> bool {
    let mut rest = Some(name);
    while let Some(domain) = rest {
        if policy.public_domains.contains(domain) {
            return true;
        }
        rest = domain.split_once('.').map(|(_, above)| above);
    }
    false
}

/// Whether a domain of two parts is one under which a country's registry gives names out: `co.uk`.
pub(super) fn is_registry(domain: &str) -> bool {
    let kinds = [
        "ac", "co", "com", "edu", "gob", "gov", "go", "id", "ltd", "mil", "ne", "net", "nom", "or", "org", "plc", "sch",
    ];
    domain.split_once('.').is_some_and(|(kind, country)| country.len() == 2 && kinds.contains(&kind))
}

/// The hosts of an address: its sign `://` begins at `sign`, and behind what may stand before them they begin at `start`.
pub(super) fn address(
    text: &[u8],
    (sign, start): (usize, usize),
    policy: &Names,
    found: &mut Found,
    name: &mut dyn FnMut(NameKind, &[u8]),
) {
    each(text, start, &mut |host| {
        let bytes = &text[host.start..host.end];
        // What has three parts is a host's or a bucket's: of either it is theirs.
        if host.parts > 2 || host.parts == 2 && !is_hostless(text, sign, policy) {
            name(NameKind::Host, bytes);
        } else if host.parts == 1 && (host.start == start || host.port) && !is_hostless(text, sign, policy) {
            bare(text, host, policy, found, name);
        }
    });
}

/// The host of an address that is written in codes (`https%3A%2F%2F`), which end at `start`. One without its domain may be anything there.
pub(super) fn coded(text: &[u8], (sign, start): (usize, usize), policy: &Names, name: &mut dyn FnMut(NameKind, &[u8])) {
    each(text, start, &mut |host| {
        if host.parts > 1 && !is_hostless(text, sign, policy) {
            name(NameKind::Host, &text[host.start..host.end]);
        }
    });
}

/// The hosts behind the name of a setting, by its place.
pub(super) fn setting(
    text: &[u8],
    (first, after): (usize, usize),
    policy: &Names,
    found: &mut Found,
    name: &mut dyn FnMut(NameKind, &[u8]),
) {
    let before = |byte: &&u8| matches!(**byte, b' ' | b'"' | b'\'' | b'\\' | b'[' | b'/');
    let mut start = after + text[after..].iter().take(MAX_BEFORE).take_while(before).count();
    if text[start..].get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case(b"tcp:")) {
        start += 4;
    }
    each(text, start, &mut |host| {
        let bytes = &text[host.start..host.end];
        let behind = &text[host.end..];
        // `a.conf` and `x.y` stand behind such words too.
        if host.parts > 2 || host.parts == 2 && host.port {
            let last = bytes.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
            let letters = last.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            if letters > 1 && last.iter().all(u8::is_ascii_alphanumeric) {
                name(NameKind::Host, bytes);
            }
            return;
        }
        let goes_on = host.port || behind.starts_with(b";") || behind.starts_with(b" port=");
        // `"host":"web01"`, also as text within text.
        let is_value = || text[first].eq_ignore_ascii_case(&b'h') && text[host.start - 1] == b'"';
        let is_whole = || matches!(behind, [b'"', ..] | [b'\\', b'"' | b'\\', ..]);
        if host.parts == 1 && (goes_on || is_value() && is_whole() || is_variable(text, first, host)) {
            bare(text, host, policy, found, name);
        }
    });
}

/// Whether a host is the whole value of a variable: `DB_HOST=falcon` at the end of its line.
fn is_variable(text: &[u8], first: usize, host: Host) -> bool {
    let is_last = matches!(text.get(host.end), None | Some(b'\n' | b'\r' | b'"'));
    is_last && text[..first].ends_with(b"_") && &text[first..host.start] == b"HOST="
}

/// A host without its domain is masked where it stands.
fn bare(text: &[u8], host: Host, policy: &Names, found: &mut Found, name: &mut dyn FnMut(NameKind, &[u8])) {
    let bytes = &text[host.start..host.end];
    let is_name = bytes.iter().any(u8::is_ascii_alphabetic);
    let is_common = || policy.common.contains(&String::from_utf8_lossy(bytes).to_lowercase());
    if !is_name || is_common() {
        return;
    }
    found.push(Span::pseudonym(host.start, host.end, Rule::Host, Real::Name));
    if bytes.last().is_some_and(u8::is_ascii_digit) {
        name(NameKind::Host, bytes);
    }
}

/// The name of a host by its place.
#[derive(Clone, Copy)]
struct Host {
    start: usize,
    end: usize,
    parts: usize,
    /// The number of a port stands behind it.
    port: bool,
}

/// Shows each host of a list: `one.example:9092,two.example`.
fn each(text: &[u8], start: usize, see: &mut dyn FnMut(Host)) {
    let mut start = start;
    for _ in 0..MAX_LIST {
        let near = &text[..text.len().min(start + MAX_NAME + 1)];
        let behind = run(near, start, |byte| PARTS[usize::from(byte)]);
        let behind = if text[start..behind].is_ascii() { behind } else { letters(text, start, behind) };
        // What ends a sentence is no part of a name.
        let mut end = behind;
        while end > start && matches!(text[end - 1], b'.' | b'-' | b'_') {
            end -= 1;
        }
        let digits = |at: usize| run(&text[..text.len().min(at + 5)], at, |byte| byte.is_ascii_digit());
        let (sign, sign_end) = self::sign(text, behind);
        let port = matches!(sign, b':' | b',') && digits(sign_end) > sign_end;
        let begins = text.get(start).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        // `web-${ENV}.example` and `db-%s` are no names yet, and behind `user@` comes the host.
        if begins && end > start && end - start <= MAX_NAME && !b"${%*(@=".contains(&sign) {
            let parts = 1 + memchr::memchr_iter(b'.', &text[start..end]).count();
            see(Host { start, end, parts, port });
        }
        let next = if sign == b':' { digits(sign_end) } else { behind };
        if text.get(next) != Some(&b',') {
            return;
        }
        start = next + 1;
    }
}

/// Where letters and digits end, be they of any language: `”` is none.
fn letters(text: &[u8], start: usize, end: usize) -> usize {
    let chunk = text[start..end].utf8_chunks().next();
    let valid = chunk.map_or("", |chunk| chunk.valid());
    start + valid.find(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_')).unwrap_or(valid.len())
}

/// The sign behind a name, and where it ends: it may be written as a code.
fn sign(text: &[u8], at: usize) -> (u8, usize) {
    let codes: [(&[u8], u8); 8] = [
        (b"%2F", b'/'),
        (b"%3A", b':'),
        (b"%3F", b'?'),
        (b"%23", b'#'),
        (b"%26", b'&'),
        (b"%22", b'"'),
        (b"%20", b' '),
        (b"%40", b'@'),
    ];
    let is_here = |code: &[u8]| text.get(at..at + code.len()).is_some_and(|here| here.eq_ignore_ascii_case(code));
    match codes.into_iter().find(|(code, _)| is_here(code)) {
        Some((code, sign)) => (sign, at + code.len()),
        None => (text.get(at).copied().unwrap_or(b' '), at + 1),
    }
}

/// Whether an address begins with no host, by its scheme.
fn is_hostless(text: &[u8], sign: usize, policy: &Names) -> bool {
    let near = &text[sign.saturating_sub(MAX_SCHEME)..sign];
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'+' | b'-' | b'.');
    let length = near.iter().rev().take_while(part).count();
    let scheme = &near[near.len() - length..];
    scheme.is_empty() || policy.hostless_schemes.contains(&String::from_utf8_lossy(scheme).to_lowercase())
}

/// Which bytes a name of a host has.
const PARTS: [bool; 256] = {
    // Beyond ASCII there are letters.
    let mut parts = [true; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        parts[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        byte += 1;
    }
    parts
};

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::super::{Learner, Policy};

    /// A text, masked after what was learned from it alone, with all pseudonyms of hosts and domains as `H` and `D`.
    fn masked(text: &str) -> String {
        let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
        learner.read("a/note.txt", &mut text.as_bytes()).unwrap();
        let mut out = Vec::new();
        learner.finish(&[7; 32]).unwrap().mask("a/note.txt", &mut text.as_bytes(), &mut out).unwrap();
        let mut text = String::from_utf8(out).unwrap();
        for (kind, sign) in [("host-", "H"), ("domain-", "D"), ("user-", "U")] {
            while let Some(at) = text.find(kind) {
                text.replace_range(at..at + kind.len() + 8, sign);
            }
        }
        text
    }

    #[test]
    fn v07_a_host_in_an_address_is_masked_with_its_domain_wherever_it_stands() {
        for (text, expected) in [
            ("see https://app.corp.contoso.example/, or app.corp.contoso.example", "see https://H.D/, or H.D"),
            (
                "jdbc:postgresql://db01.contoso.example:5432/x; db01 and DB01 fell",
                "jdbc:postgresql://H.D:5432/x; H and H fell",
            ),
            (r#"{"to":"https:\/\/app.corp.contoso.example\/x"}"#, r#"{"to":"https:\/\/H.D\/x"}"#),
            ("mongodb://h1.contoso.example:27017,h2.contoso.example:27017/x", "mongodb://H.D:27017,H.D:27017/x"),
            ("https://u:pw/1@app.corp.contoso.example/", "https://U:[masked:url-password]@H.D/"),
            ("http://contoso.example and http://shop.contoso.co.uk; contoso.co.uk", "http://D and http://H.D; D"),
            ("https://www.bmw.example.de. Then bmw.example.de", "https://H.D. Then D"),
            ("ftp://mail.sap.de/ is sap.de", "ftp://H.D/ is D"),
            // A bare name is masked where it stands, and elsewhere if it is numbered.
            ("http://falcon:8080/ is falcon, redis://cache-3 is cache-3", "http://H:8080/ is falcon, redis://H is H"),
            ("amqp://pg/x and http://heron.", "amqp://H/x and http://H."),
            // A name may end with a digit, and with the mark of a quotation behind it.
            ("https://web01.corp.dc1/ and corp.dc1", "https://H.D/ and D"),
            ("jdbc:postgresql://db.prod.zone2/x and db.prod.zone2", "jdbc:postgresql://H.D/x and H.D"),
            ("“https://app.corp.contoso.example” is app.corp.contoso.example", "“https://H.D” is H.D"),
            (
                "to=https%3A%2F%2Fapp.corp.contoso.example%2Fx%3Fa and https%3a%2f%2fapp.corp.contoso.example%3a8080",
                "to=https%3A%2F%2FH.D%2Fx%3Fa and https%3a%2f%2fH.D%3a8080",
            ),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn v07_a_host_in_a_connection_string_is_masked() {
        for (text, expected) in [
            ("Server=tcp:db01.contoso.example,1433;Database=x", "Server=tcp:H.D,1433;Database=x"),
            ("host=falcon port=5432 dbname=x", "host=H port=5432 dbname=x"),
            ("mysql:host=db-07;dbname=x, db-07", "mysql:host=H;dbname=x, H"),
            (
                "bootstrap.servers=kafka1.contoso.example:9092,kafka2.contoso.example:9092",
                "bootstrap.servers=H.D:9092,H.D:9092",
            ),
            ("jdbc:oracle:thin:@//ora1.contoso.example:1521/x", "jdbc:oracle:thin:@//H.D:1521/x"),
            (
                r#"{"host":"app.corp.contoso.example"} {\"host\": \"web.corp.contoso.example\"}"#,
                r#"{"host":"H.D"} {\"host\": \"H.D\"}"#,
            ),
            ("Host: app.corp.contoso.example", "Host: H.D"),
            ("host = app.corp.contoso.example\nserver = db01.contoso.example", "host = H.D\nserver = H.D"),
            (r#"{"host" : "app.corp.contoso.example", "host" : "web01"}"#, r#"{"host" : "H.D", "host" : "H"}"#),
            ("export DB_HOST=falcon\nDB_HOST=localhost", "export DB_HOST=H\nDB_HOST=localhost"),
            ("host=db.prod.zone2", "host=H.D"),
            (
                r#"{"host":"web01"} {\"hostname\": \"heron\"} web01, heron"#,
                r#"{"host":"H"} {\"hostname\": \"H\"} H, heron"#,
            ),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn v07_what_names_no_host_or_one_that_everybody_knows_is_kept() {
        for text in [
            "xmlns=\"http://www.w3.org/2001/XMLSchema\" https://schemas.xmlsoap.org/x https://docs.example.org/a http://localhost:8080/",
            "s3://bucket/x file:///etc/hosts containerd://3f2a9c unix://run/x http://127.0.0.1:80/ http://[::1]/ http://db:5432/",
            "http://$HOST/ http://web-${ENV}.contoso.example/ http://%s:%d/ http://{host}/ http://<host>/ http://*:80/",
            "Server: nginx/1.2, server=apache2 host: x86_64-linux-gnu host=a.conf server: IIS10 host=x.y host=127.0.0.1 {\"server\":\"apache2\",\"host\":\"localhost\"}",
            "DB_HOST=true\nhost = value, the host : one, server = x1, host=a.1.2 http://”x https%3A%2F%2Fdocs.example.org%2F http%3A%2F%2Fdb%2F",
            "ext://sys.stderr s3://a.bucket/x http://payments.default.svc.cluster.local:8080/ https://github.com/contoso/x",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn v07_what_everybody_knows_and_other_spellings_take_no_place_among_the_mentioned() {
        let policy = Policy::standard().unwrap();
        let mut mentions = super::Mentions::default();
        for number in 0..super::MAX_MENTIONED {
            mentions.add(format!("site{number}.github.com").as_bytes(), &policy.rules.names);
            mentions.add(format!("app{number}.Contoso.example").as_bytes(), &policy.rules.names);
        }
        mentions.add(b"APP.CONTOSO.EXAMPLE", &policy.rules.names);
        assert!(!mentions.full && mentions.names().len() == 1, "{:?}", mentions.names());
    }

    #[test]
    fn v07_a_mention_that_the_end_of_a_piece_cuts_is_not_learned() {
        // A piece ends within the name of the host, which stands whole in the next one.
        let host = "https://app.corp.contoso.example/\n";
        let fill = super::super::pieces::PIECE - host.len() / 2 - 4;
        let text = format!("{}\n{host}{}", "x\n".repeat(fill / 2), "x\n".repeat(200_000));
        let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
        learner.read("a/note.txt", &mut text.as_bytes()).unwrap();
        let coverage = learner.finish(&[7; 32]).unwrap().coverage().clone();
        assert_eq!(coverage.hosts, [(crate::Source::Texts, 2)].into(), "the domain and the one above it");
    }

    #[test]
    fn v07_a_log_of_the_whole_web_takes_no_place_from_names_that_are_listed() {
        let lines: Vec<String> = (0..12_000).map(|n| format!("GET / \"https://www.site{n}.example/\"\n")).collect();
        let mut text = lines.concat();
        text.push_str("wren-42 is here");
        let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
        learner.read("access.log", &mut text.as_bytes()).unwrap();
        learner.read("etc/hostname", &mut "wren-42\n".as_bytes()).unwrap();
        let mut redactor = learner.finish(&[7; 32]).unwrap();
        let names = redactor.redaction().coverage.unwrap();
        assert!(names.full && names.hosts.values().sum::<u64>() < 3000, "{names:?}");
        let mut out = Vec::new();
        redactor.mask("access.log", &mut text.as_bytes(), &mut out).unwrap();
        assert!(!String::from_utf8(out).unwrap().contains("wren-42"));
    }
}
