//! What only looks like a secret, an address or a name.

use std::io::Read as _;

use vouch_diagnostics::sealed::SealedBundle;

use super::dice::{CAPITALS, DIGITS, Dice, HEX, MIXED};

/// Lines that were written by hand: sentences, settings, code, the kernel's messages.
const BY_HAND: &str = include_str!("harmless.txt");
/// How many lines of each made kind there are.
const LINES: usize = 500;

/// A kind of look-alikes.
type Make = fn(&mut Dice) -> String;

const MADE: &[(&str, Make)] = &[
    ("uuids", |dice| {
        let parts = [8, 4, 4, 4, 12].map(|length| dice.text(HEX, length));
        format!("request {} done, trace_id={}", parts.join("-"), dice.text(HEX, 32))
    }),
    ("hashes", |dice| {
        let (commit, digest, short) = (dice.text(HEX, 40), dice.text(HEX, 64), dice.text(HEX, 12));
        format!("commit {commit} sha256:{digest} image {short} md5 {}", dice.text(HEX, 32))
    }),
    ("integrity", |dice| format!("integrity: sha512-{}==, etag \"{}\"", dice.text(MIXED, 86), dice.text(HEX, 16))),
    ("fingerprints", |dice| {
        let pairs: Vec<String> = (0..16).map(|_| dice.text(HEX, 2)).collect();
        format!("MD5:{} SHA256:{} (ED25519)", pairs.join(":"), dice.text(MIXED, 43))
    }),
    ("versions", |dice| {
        let mut number = |end| dice.below(end);
        let (a, b, c, d) = (number(30), number(40), number(60), number(9));
        format!(
            "libx-{a}.{b}.{c}-{d}.x86_64, version {a}.{b}.{c}.{d}, v{a}.{b}.{c}-rc{d}, Chrome/1{a}.0.6{b}9.{c}, foo_{a}.{b}.{c}.{d}-1_amd64.deb"
        )
    }),
    ("kernels", |dice| {
        let (a, b, c) = (dice.below(7), dice.below(20), dice.below(300));
        format!("Linux 6.{a}.{b}-{c}-generic #{c}~22.04.1-Ubuntu SMP, rpm kernel-6.{a}.{b}-{c}.el9.x86_64")
    }),
    ("times", |dice| {
        let (h, m, s) = (dice.below(24), dice.below(60), dice.below(60));
        let fraction = dice.text(DIGITS, 6);
        format!(
            "2026-06-{:02}T{h:02}:{m:02}:{s:02}.{fraction}+02:00 took 00:0{}:{s:02}.{fraction}, up 3 days, {h:02}:{m:02}",
            1 + dice.below(28),
            dice.below(9)
        )
    }),
    ("epochs", |dice| {
        let second = 1_700_000_000 + dice.below(90_000_000);
        let fraction = dice.text(DIGITS, 9);
        format!(
            "at {second} ms={second}{} us={second}{} ns={second}{fraction} ({second}.{fraction})",
            &fraction[..3],
            &fraction[..6]
        )
    }),
    ("counters", |dice| {
        let [received, sent, offset, pid, rows] =
            [12, 14, 16, 5, 18].map(|length: usize| format!("{}{}", 1 + dice.below(9), dice.text(DIGITS, length - 1)));
        format!("rx_bytes {received} tx_bytes {sent} offset={offset} pid {pid} rows {rows}")
    }),
    ("tables", |dice| {
        let numbers: Vec<String> = (0..7).map(|_| dice.text(DIGITS, 4)).collect();
        format!("cpu{} {}", dice.below(64), numbers.join(" "))
    }),
    ("addresses of memory", |dice| {
        format!(
            "[<ffffffff{}>] 0x{} rip 0033:0x{} {}-{} r-xp",
            dice.text(HEX, 8),
            dice.text(HEX, 16),
            dice.text(HEX, 12),
            dice.text(HEX, 12),
            dice.text(HEX, 12)
        )
    }),
    ("devices", |dice| {
        format!(
            "pci 0000:0{}:1f.{} [8086:{}] usb 1-1.{}: idVendor={}",
            dice.below(9),
            dice.below(8),
            dice.text(HEX, 4),
            dice.below(5),
            dice.text(HEX, 4)
        )
    }),
    ("pods", |dice| {
        let letters = "bcdfghjklmnpqrstvwxz2456789";
        format!(
            "pod web-{}-{} node pool-{} container {}",
            dice.text(letters, 9),
            dice.text(letters, 5),
            dice.text(letters, 4),
            dice.text(HEX, 64)
        )
    }),
    ("identifiers", |dice| {
        let (ulid, task) =
            (dice.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 26), dice.text("0123456789abcdefghijklmnopqrstuvwxyz", 25));
        format!(
            "ulid 01{} task {task} serial {} part {}-{}",
            &ulid[2..],
            dice.text(CAPITALS, 12),
            dice.text(CAPITALS, 4),
            dice.text(DIGITS, 6)
        )
    }),
    ("open files", |dice| {
        let mut number = |first: &str, length: usize| format!("{first}{}", dice.text(DIGITS, length - 1));
        format!(
            "java {} root mem REG 253,0 {} {} /usr/lib/x.so sock {} {} TCP",
            number("4", 6),
            number("4", 8),
            number("5", 8),
            number("4", 6),
            number("17", 9)
        )
    }),
    ("parts", |dice| {
        format!(
            "part DE{} rev GB{} AT{} lot {}",
            dice.text(DIGITS, 12),
            dice.text(CAPITALS, 16),
            dice.text(DIGITS, 20),
            dice.text(HEX, 16)
        )
    }),
    ("addresses of the world", |dice| {
        let path = dice.text("abcdefghijklmnopqrstuvwxyz", 8);
        format!(
            "xmlns:{path}=\"http://www.w3.org/2001/{path}\" see https://docs.example.org/{path}, s3://{path}/x, http://localhost:{}/",
            dice.text(DIGITS, 4)
        )
    }),
    ("logs of programs", |dice| {
        let second = dice.below(60);
        let level = ["INFO", "WARN", "ERROR", "DEBUG"][dice.below(4)];
        format!(
            "2026-06-08T12:00:{second:02}Z {level} main: started worker-{} {}",
            dice.below(9),
            ["host=a.conf", "server: nginx", "host: x86_64-linux-gnu"][dice.below(3)]
        )
    }),
];

/// The files of the corpus, with their texts.
pub(super) fn files() -> Vec<(String, String)> {
    let mut dice = Dice(2);
    let mut files = vec![("harmless/by hand.txt".to_owned(), BY_HAND.to_owned())];
    for (kind, make) in MADE {
        let lines: Vec<String> = (0..LINES).map(|_| make(&mut dice)).collect();
        files.push((format!("harmless/{kind}.txt"), lines.join("\n")));
    }
    files
}

/// What was masked of the corpus, line by line.
pub(super) fn changed(bundle: &SealedBundle, files: &[(String, String)]) -> Vec<String> {
    let mut changed = Vec::new();
    for (path, text) in files {
        let entry = bundle.manifest().entries.iter().find(|entry| entry.path == *path).unwrap();
        let mut masked = String::new();
        bundle.content(entry).unwrap().read_to_string(&mut masked).unwrap();
        let lines = text.lines().zip(masked.lines()).filter(|(before, after)| before != after);
        changed.extend(lines.map(|(before, after)| format!("{before}\n    {after}")));
    }
    changed
}
