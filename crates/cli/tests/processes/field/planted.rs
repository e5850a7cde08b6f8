//! What is planted in a report: secrets, names and addresses of every kind, in many formats and places; and what only looks so.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::report::tar;

/// A file that is put into a report.
pub(super) struct Plant {
    /// Its path within the report.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

/// The log that an engineer reads, and what is looked for in it.
pub(super) const LOG: &str = "var/log/spoold.log";
pub(super) const SEARCHED: &str = "the spool has no room left";
/// In how many lines of the log that stands.
pub(super) const LINES_SEARCHED: usize = 40;
/// How many lines the log has.
const LINES: usize = 60_000;

/// What only looks like a secret, and stays.
pub(super) const HARMLESS: (&str, &str) = (
    "var/lib/vouch-field/harmless.txt",
    "OpenSSL 3.0.17, version 1.2.3.4, libfoo-1.2.3.4-5.deb, build 6.1.0-12-amd64
id 550e8400-e29b-41d4-a716-446655440000, commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12
at 12:34:56 and 2026-06-08T12:34:56.789+02:00, took 00:00:01.5, range 10:20:30
password authentication is disabled
PasswordAuthentication no
token_count: 5, max_tokens=4096, unexpected token } in line 3
password: ${DB_PASSWORD}
password=********
listening on 0.0.0.0:80, 127.0.0.1:8080, [::]:443, netmask 255.255.255.0
getty@tty1.service, chacha20-poly1305@openssh.com, git@github.com
rx_bytes 492953187742 offset=49295318774200 pid 51773
the secret is stored in the vault; the token was revoked
",
);

/// Texts: a path, a content, and what of both may be found nowhere.
const TEXTS: &[(&str, &str, &[&str])] = &[
    (
        "etc/vouch-field/app.ini",
        "[db]\nhost = db1.tarnhollow.example\nuser = wexcombe\npassword = Plover-71-Ternside\n",
        &["tarnhollow", "wexcombe", "Plover-71-Ternside"],
    ),
    (
        "etc/vouch-field/app.json",
        r#"{"port":1,"clientSecret":"brant-52-Gadwallow","log":"{\"api_key\":\"smew63Garganeyfield\"}"}"#,
        &["brant-52-Gadwallow", "smew63Garganeyfield"],
    ),
    (
        "etc/vouch-field/app.yaml",
        "db:\n  passphrase: Scoter16Wigeonmere\n  auth:\n    token: \"Pochard27Shovelling\"\n",
        &["Scoter16Wigeonmere", "Pochard27Shovelling"],
    ),
    (
        "etc/vouch-field/app.xml",
        "<c n=\"1\" password=\"Dabchick35Grebemarsh\"><api-key>Merlin46Kestrelling</api-key></c>\n",
        &["Dabchick35Grebemarsh", "Merlin46Kestrelling"],
    ),
    (
        "etc/vouch-field/url.conf",
        "store=postgres://app:Dotterel29Quernside@db/x\nping=https://x/?n=1&access_token=Whimbrel38Turnstones&y=2\n",
        &["Dotterel29Quernside", "Whimbrel38Turnstones"],
    ),
    (
        "etc/vouch-field/cloud.env",
        "AWS_ACCESS_KEY_ID=AKIAVOUCHFIELD7PLANT\nAWS_SECRET_ACCESS_KEY=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\n",
        &["VOUCHFIELD7PLANT", "Godwitmarsh", "Dunlinshore"],
    ),
    (
        "etc/vouch-field/key.pem",
        "-----BEGIN PRIVATE KEY-----\nMIIVouchFieldPlantedKey7aQmFzZTY0Cg\nRVouchFieldSecondLine8Zm9yS2V5\n-----END PRIVATE KEY-----\n",
        &["VouchFieldPlantedKey7a", "VouchFieldSecondLine8"],
    ),
    (
        "var/log/vouch-field/requests.log",
        "> Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJ2b3VjaEZpZWxkUGxhbnQiOjd9.c2lnVm91Y2hGaWVsZFBsYW50Nw\n\
         > Cookie: sid=Avocet79Phalarope; a=1\n\
         jwt eyJhbGciOiJIUzI1NiJ9.eyJ2b3VjaEZpZWxkT3RoZXIiOjd9.c2lnVm91Y2hGaWVsZE90aGVyNw was refused\n",
        &["eyJ2b3VjaEZpZWxkUGxhbnQ", "c2lnVm91Y2hGaWVsZFBsYW50", "Avocet79", "eyJ2b3VjaEZpZWxkT3RoZXI", "ZE90aGVyNw"],
    ),
    (
        "var/log/vouch-field/commands.log",
        "root 17 0.0 mysql -pBittern80Heronshaw app\nsshpass -p Egret91Spoonbills ssh x\n\
         echo Knot02Sanderlings | sudo -S id\nlicence key BQ7FC-KDPR7-T8RWX-K3MHJ-9QHT7 was entered\n\
         paid with 4929 5318 7742 0061 by isolde.warnock@tarnhollow.example\n",
        &["Bittern80", "Egret91", "Knot02", "BQ7FC-KDPR7", "K3MHJ", "4929 5318", "7742 0061", "isolde.warnock"],
    ),
    (
        "var/log/vouch-field/net.log",
        "peer 10.83.147.219:443 and 93.184.77.203, 2001:db8:8c4f:71d2::9ab3, 0a:7c:91:e4:5d:b2 on quernstone-417\n\
         Jun  8 12:00:00 quernstone-417 sshd[1]: Accepted publickey for wexcombe from 10.83.147.219 port 1\n",
        &["10.83.147.219", "93.184.77.203", "8c4f:71d2", "7c:91:e4:5d", "quernstone"],
    ),
    // Names of files.
    ("home/wexcombe/notes-quernstone-417.txt", "Nothing is in here.\n", &["wexcombe", "quernstone"]),
    ("var/log/vouch-field/isolde.warnock@tarnhollow.example.log", "Nothing.\n", &["isolde.warnock", "tarnhollow"]),
    ("var/log/vouch-field/peer-10.83.147.220/password=Ruff13Lapwinging.log", "No.\n", &["10.83.147.220", "Ruff13"]),
    // What lists the names comes last: they are to be masked in all that comes before.
    (
        "var/lib/vouch-field/etc/shadow",
        "wexcombe:$6$Whinchat24$Stonechatting:19000:0\n",
        &["Whinchat24", "Stonechatting"],
    ),
    (
        "var/lib/vouch-field/etc/hosts",
        "10.83.147.219 quernstone-417.tarnhollow.example quernstone-417\n",
        &["quernstone"],
    ),
    ("var/lib/vouch-field/etc/resolv.conf", "nameserver 10.83.147.1\nsearch tarnhollow.example\n", &["10.83.147.1"]),
    (
        "var/lib/vouch-field/etc/passwd",
        "wexcombe:x:1700:1700:Isolde Warnock,,,:/home/wexcombe:/bin/sh\n",
        &["Isolde Warnock", "wexcombe"],
    ),
];

/// What stands in a file that is packed or written in another way, each a secret of its own.
const WIDE: (&str, &str) = ("[app]\r\npassword = Sanderling95Widewater\r\nhost = quernstone-417\r\n", "Sanderling95");
const NESTED: (&str, &str) = ("db_password = Redshank84Nestledown\n", "Redshank84");
const DEEP: (&str, &str) = ("{\"token\": \"Oystercatcher06Deepdale\"}", "Oystercatcher06");
const BINARY: (&str, &str) = ("\u{7f}ELF\0\u{1}\0password=Turnstone17Blobbing\0", "Turnstone17");

/// Every file, and what may be found nowhere.
pub(super) fn plant() -> (Vec<Plant>, Vec<&'static str>) {
    let (mut plants, mut needles) = (vec![file(LOG, log().into_bytes())], Vec::new());
    plants.push(file(HARMLESS.0, HARMLESS.1.into()));
    let wide = [0xff, 0xfe].into_iter().chain(WIDE.0.encode_utf16().flat_map(u16::to_le_bytes));
    plants.push(file("var/lib/vouch-field/windows.txt", wide.collect()));
    let deep = gzip(&tar(&[("inner/deep.json", DEEP.0.as_bytes())]));
    let nested = tar(&[("inner/app.conf", NESTED.0.as_bytes()), ("inner/deep.tar.gz", &deep)]);
    plants.push(file("var/lib/vouch-field/backup.tar.gz", gzip(&nested)));
    plants.push(file("var/lib/vouch-field/core", BINARY.0.into()));
    for (text, needle) in [WIDE, NESTED, DEEP, BINARY] {
        assert!(text.contains(needle), "{needle}");
        needles.push(needle);
    }
    for (path, text, planted) in TEXTS {
        for needle in *planted {
            assert!(path.contains(needle) || text.contains(needle), "{needle} is not in {path}");
        }
        needles.extend_from_slice(planted);
        plants.push(file(path, text.as_bytes().to_vec()));
    }
    needles.sort_unstable();
    needles.dedup();
    (plants, needles)
}

fn file(path: &str, content: Vec<u8>) -> Plant {
    Plant { path: path.to_owned(), content }
}

/// A log of some megabytes: what travels long enough to be cut.
fn log() -> String {
    let line = |at: usize| {
        let what = match at % (LINES / LINES_SEARCHED) {
            0 => SEARCHED.to_owned(),
            1 => format!("job {at} of wexcombe came from 10.83.147.219"),
            _ => format!("job {at} was printed, {} pages in 2.5 s", at % 17),
        };
        format!("Jun  8 12:{:02}:{:02} quernstone-417 spoold[17]: {what}\n", at / 60 % 60, at % 60)
    };
    (0..LINES).map(line).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}
