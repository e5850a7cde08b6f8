//! Kinds of secrets, addresses and names.

use super::dice::{CAPITALS, CROCKFORD, DIGITS, Dice, HEX, MIXED, check_digit};

/// A kind of what has to be masked.
pub(super) struct Kind {
    /// The rule that is for it.
    pub(super) rule: &'static str,
    /// The name that a value of it stands behind. What tells itself has a name that tells nothing.
    pub(super) name: &'static str,
    pub(super) make: fn(&mut Dice) -> Secret,
}

/// A secret as it is written, and what may be found nowhere.
pub(super) struct Secret {
    pub(super) written: String,
    pub(super) needle: String,
}

/// A secret that is looked for as it is written.
fn whole(written: String) -> Secret {
    Secret { needle: written.clone(), written }
}

/// A secret behind what everybody knows.
fn behind(known: &str, secret: String) -> Secret {
    Secret { written: format!("{known}{secret}"), needle: secret }
}

fn around(before: &str, secret: &str, after: &str) -> Secret {
    Secret { written: format!("{before}{secret}{after}"), needle: secret.to_owned() }
}

/// Every kind.
pub(super) const KINDS: &[Kind] = &[
    // Behind names that tell.
    Kind { rule: "password", name: "password", make: |dice| whole(dice.secret(14)) },
    Kind { rule: "password", name: "db_passwd", make: |dice| whole(format!("{}!{}", dice.secret(7), dice.secret(5))) },
    Kind { rule: "password", name: "passphrase", make: |dice| whole(dice.text("abcdefghijklmnopqrstuvwxyz", 12)) },
    Kind { rule: "password", name: "userPwd", make: |dice| whole(dice.text(DIGITS, 10)) },
    Kind { rule: "token", name: "api_key", make: |dice| whole(dice.text(HEX, 32)) },
    Kind { rule: "token", name: "access-token", make: |dice| whole(dice.secret(40)) },
    Kind {
        rule: "token",
        name: "clientSecret",
        make: |dice| whole(format!("{}/{}", dice.secret(16), dice.secret(16))),
    },
    Kind { rule: "token", name: "license_key", make: |dice| whole(format!("acme-{}", dice.secret(9))) },
    // Numbers of sessions, as cookies name them.
    Kind { rule: "token", name: "session", make: |dice| whole(format!("a7{}", dice.text(HEX, 30))) },
    Kind { rule: "token", name: "sess", make: |dice| whole(format!("a7{}", dice.text(HEX, 30))) },
    Kind { rule: "token", name: "X-Amz-Signature", make: |dice| whole(format!("a7{}", dice.text(HEX, 62))) },
    Kind { rule: "token", name: "SAMLResponse", make: |dice| whole(format!("PHNh{}", dice.secret(90))) },
    Kind { rule: "token", name: "sessionid", make: |dice| whole(dice.secret(32)) },
    Kind { rule: "token", name: "PHPSESSID", make: |dice| whole(dice.secret(26)) },
    Kind { rule: "token", name: "JSESSIONID", make: |dice| whole(dice.text("0123456789ABCDEF", 32)) },
    // Tokens that are known by how they begin.
    Kind {
        rule: "jwt",
        name: "note",
        make: |dice| around(&format!("eyJhbGciOiJIUzI1NiJ9.eyJ{}.", dice.secret(30)), &dice.secret(43), ""),
    },
    Kind { rule: "cloud-key", name: "note", make: |dice| behind("AKIA", dice.text(CAPITALS, 16)) },
    Kind { rule: "cloud-key", name: "note", make: |dice| behind("SCW", dice.text(CAPITALS, 17)) },
    Kind { rule: "cloud-key", name: "note", make: |dice| behind("LTAI", dice.secret(20)) },
    Kind {
        rule: "cloud-key",
        name: "note",
        make: |dice| around(&format!("{}8Q~", dice.secret(3)), &dice.secret(34), ""),
    },
    Kind { rule: "cloud-key", name: "note", make: |dice| behind("IQoJb3JpZ2lu", dice.secret(80)) },
    Kind {
        rule: "cloud-key",
        name: "note",
        make: |dice| around(&format!("{}.atlasv1.", dice.secret(14)), &dice.secret(60), ""),
    },
    Kind { rule: "cloud-key", name: "note", make: |dice| behind("dop_v1_", dice.text(HEX, 64)) },
    Kind { rule: "api-key", name: "note", make: |dice| behind("AIzaSy", dice.secret(33)) },
    Kind { rule: "api-key", name: "note", make: |dice| behind("ya29.", dice.secret(60)) },
    Kind { rule: "api-key", name: "note", make: |dice| behind("ghp_", dice.secret(36)) },
    Kind { rule: "api-key", name: "note", make: |dice| behind("glpat-", dice.secret(20)) },
    Kind {
        rule: "api-key",
        name: "note",
        make: |dice| around("xoxb-", &format!("{}-{}", dice.text(DIGITS, 12), dice.secret(24)), ""),
    },
    Kind { rule: "api-key", name: "note", make: |dice| behind("sk_live_", dice.secret(24)) },
    Kind { rule: "api-key", name: "note", make: |dice| behind("sk-ant-api03-", dice.secret(40)) },
    Kind {
        rule: "api-key",
        name: "note",
        make: |dice| around(&format!("ST-9{}-", dice.text(DIGITS, 2)), &dice.secret(24), "-cas01"),
    },
    Kind { rule: "api-key", name: "note", make: |dice| behind("hvs.", dice.secret(24)) },
    Kind { rule: "api-key", name: "note", make: |dice| behind("npm_", dice.secret(36)) },
    Kind {
        rule: "api-key",
        name: "note",
        make: |dice| around(&format!("{}:AA", dice.text(DIGITS, 10)), &dice.secret(33), ""),
    },
    Kind { rule: "api-key", name: "note", make: |dice| around("", &dice.text(HEX, 32), "-us12") },
    Kind {
        rule: "webhook",
        name: "note",
        make: |dice| {
            around(
                "https://hooks.slack.com/services/",
                &format!("T{}/B{}/{}", dice.text(CAPITALS, 8), dice.text(CAPITALS, 8), dice.secret(24)),
                "",
            )
        },
    },
    Kind {
        rule: "password-hash",
        name: "note",
        make: |dice| around(&format!("$6${}$", dice.secret(8)), &dice.secret(86), ""),
    },
    Kind { rule: "password-hash", name: "note", make: |dice| around("$2b$12$", &dice.secret(53), "") },
    Kind { rule: "url-password", name: "note", make: |dice| around("postgres://app:", &dice.secret(12), "@db/x") },
    Kind { rule: "private-key", name: "note", make: pem },
    // Numbers with a check digit.
    Kind { rule: "licence-key", name: "note", make: |dice| whole(grouped(&licence_key(dice), "-")) },
    Kind { rule: "licence-key", name: "note", make: |dice| whole(grouped(&licence_key(dice), "-").to_lowercase()) },
    Kind { rule: "licence-key", name: "note", make: |dice| whole(licence_key(dice)) },
    Kind { rule: "licence-key", name: "note", make: |dice| whole(grouped(&licence_key(dice), " ")) },
    Kind {
        rule: "licence-key",
        name: "note",
        make: |dice| whole(grouped(&format!("{}7", dice.text("BCDFGHJKMPQRTVWXY2346789", 24)), "-")),
    },
    Kind { rule: "card-number", name: "note", make: |dice| whole(card(dice, "4", 16)) },
    Kind { rule: "card-number", name: "note", make: |dice| whole(in_groups(&card(dice, "4", 16), &[4, 4, 4, 4], " ")) },
    Kind {
        rule: "card-number",
        name: "note",
        make: |dice| whole(in_groups(&card(dice, "54", 16), &[4, 4, 4, 4], "-")),
    },
    Kind {
        rule: "card-number",
        name: "note",
        make: |dice| whole(in_groups(&card(dice, "2301", 16), &[4, 4, 4, 4], ".")),
    },
    Kind { rule: "card-number", name: "note", make: |dice| whole(in_groups(&card(dice, "37", 15), &[4, 6, 5], " ")) },
    Kind { rule: "card-number", name: "note", make: |dice| whole(in_groups(&card(dice, "36", 14), &[4, 6, 4], "-")) },
    Kind {
        rule: "card-number",
        name: "note",
        make: |dice| whole(in_groups(&card(dice, "6012", 16), &[4, 4, 4, 4], "\u{a0}")),
    },
    Kind { rule: "card-number", name: "note", make: |dice| whole(card(dice, "6234", 19)) },
    Kind { rule: "iban", name: "note", make: |dice| whole(iban("DE", &dice.text(DIGITS, 18))) },
    Kind { rule: "iban", name: "note", make: |dice| whole(iban("BE", &dice.text(DIGITS, 12)).to_lowercase()) },
    Kind {
        rule: "iban",
        name: "note",
        make: |dice| {
            let account = iban("GB", &format!("NWBK{}", dice.text(DIGITS, 14)));
            whole(in_groups(&account, &[4, 4, 4, 4, 4, 2], " "))
        },
    },
    Kind {
        rule: "iban",
        name: "note",
        make: |dice| {
            let account = iban("FR", &format!("{}{}", dice.text(DIGITS, 10), dice.text(DIGITS, 13)));
            whole(in_groups(&account, &[4, 4, 4, 4, 4, 4, 3], "-"))
        },
    },
    // Addresses.
    Kind {
        rule: "mail",
        name: "note",
        make: |dice| whole(format!("{}.{}@{}.example", word(dice), word(dice), word(dice))),
    },
    Kind {
        rule: "ipv4",
        name: "note",
        make: |dice| whole(format!("10.{}.{}.{}", octet(dice), octet(dice), octet(dice))),
    },
    Kind {
        rule: "ipv4",
        name: "note",
        make: |dice| whole(format!("93.{}.{}.{}", octet(dice), octet(dice), octet(dice))),
    },
    Kind {
        rule: "ipv6",
        name: "note",
        make: |dice| whole(format!("2001:db8:{}:{}::{}", dice.text(HEX, 4), dice.text(HEX, 4), dice.text(HEX, 4))),
    },
    Kind {
        rule: "ipv6",
        name: "note",
        make: |dice| {
            whole(format!("fe80::{}", (0..4).map(|_| format!("a{}", dice.text(HEX, 3))).collect::<Vec<_>>().join(":")))
        },
    },
    Kind { rule: "mac", name: "note", make: |dice| whole(mac(dice, 2, ":")) },
    Kind { rule: "mac", name: "note", make: |dice| whole(mac(dice, 2, "-")) },
    Kind { rule: "mac", name: "note", make: |dice| whole(mac(dice, 4, ".")) },
    // Names that a file of the bundle lists.
    Kind { rule: "host", name: "note", make: |dice| whole(format!("{}-{}", word(dice), dice.text(DIGITS, 3))) },
    Kind { rule: "domain", name: "note", make: |dice| whole(format!("{}.{}.example", word(dice), word(dice))) },
    Kind { rule: "user", name: "note", make: |dice| whole(word(dice)) },
    // A rule of the profile.
    Kind {
        rule: "badge",
        name: "badge-number",
        make: |dice| whole(format!("{}-{}", dice.text(DIGITS, 4), dice.text(DIGITS, 4))),
    },
    Kind { rule: "employee", name: "note", make: |dice| behind("EMP-", dice.text(DIGITS, 9)) },
];

fn pem(dice: &mut Dice) -> Secret {
    let needle = dice.secret(64);
    let lines: Vec<String> = (0..4).map(|_| format!("{}\n", dice.text(MIXED, 64))).collect();
    let written = format!("-----BEGIN RSA PRIVATE KEY-----\n{}{needle}\n-----END RSA PRIVATE KEY-----", lines.concat());
    Secret { written, needle }
}

/// A word that is in no list of words.
fn word(dice: &mut Dice) -> String {
    let parts: Vec<String> =
        (0..3).map(|_| format!("{}{}", dice.text("bdgklmnprtvz", 1), dice.text("aeiou", 1))).collect();
    format!("{}{}", parts.concat(), dice.text("kqxz", 3))
}

fn octet(dice: &mut Dice) -> usize {
    100 + dice.below(155)
}

fn mac(dice: &mut Dice, size: usize, sign: &str) -> String {
    let bytes = format!("0a{}", dice.text(HEX, 10));
    in_groups(&bytes, &vec![size; 12 / size], sign)
}

/// As `vouch` makes them: 24 characters of chance, and one that checks them.
fn licence_key(dice: &mut Dice) -> String {
    // With a digit in each of the first two groups: a key without any is one of ten thousand.
    let random = format!("{}7{}", dice.text(CROCKFORD, 4), dice.text(CROCKFORD, 19));
    let values: Vec<usize> = random.chars().map(|c| CROCKFORD.find(c).unwrap()).collect();
    format!("{random}{}", &CROCKFORD[check_digit(&values, 32)..][..1])
}

fn grouped(key: &str, sign: &str) -> String {
    in_groups(key, &[5; 5], sign)
}

fn card(dice: &mut Dice, begin: &str, length: usize) -> String {
    let number = format!("{begin}{}", dice.text(DIGITS, length - 1 - begin.len()));
    let values: Vec<usize> = number.bytes().map(|digit| usize::from(digit - b'0')).collect();
    format!("{number}{}", check_digit(&values, 10))
}

/// The account of a country with its check digits: what is left over by 97, with them, is one.
fn iban(country: &str, account: &str) -> String {
    let number = format!("{account}{country}00").chars().fold(0_u32, |left, letter| {
        let value = letter.to_digit(36).unwrap();
        (left * if value < 10 { 10 } else { 100 } + value) % 97
    });
    format!("{country}{:02}{account}", 98 - number)
}

fn in_groups(text: &str, sizes: &[usize], sign: &str) -> String {
    let mut rest = text;
    let groups: Vec<&str> = sizes
        .iter()
        .map(|size| {
            let (group, behind) = rest.split_at(*size);
            rest = behind;
            group
        })
        .collect();
    groups.join(sign)
}
