//! Numbers of bank accounts as the world writes them: IBANs (ISO 13616), alone or in groups of four.

use super::numbers::GAPS;
use super::text::{is_end_of_word, is_start_of_word};

/// What an IBAN begins with: two letters of a country, and two digits that check the rest.
const BEGIN: usize = 4;
/// An escape leaves so much before the word at most: `\u0022`.
const ESCAPED: usize = 6;
/// Each country with how what follows is made up there, by the registry of SWIFT: `n` digits, `a` letters, `c` either. So next to nothing of the
/// numbers of commits and the like is one by chance.
const COUNTRIES: &str = "
    AD8n12c AE19n AL8n16c AT16n AZ4a20c BA16n BE12n BG4a6n8c BH4a14c BI23n BR23n1a1c BY4c4n16c CH5n12c CR18n
    CY8n16c CZ20n DE18n DJ23n DK14n DO4c20n EE16n EG25n ES20n FI14n FK2a12n FO14n FR10n11c2n GB4a14n GE2a16n
    GI4a15c GL14n GR7n16c GT24c HN4a20n HR17n HU24n IE4a14n IL19n IQ4a15n IS22n IT1a10n12c JO4a4n18c KW4a22c
    KZ3n13c LB4n20c LC4a24c LI5n12c LT16n LU3n13c LV4a13c LY21n MC10n11c2n MD20c ME18n MK3n10c2n MN16n MR23n
    MT4a5n18c MU4a19n3a NI4a20n NL4a10n NO11n OM3n16c PK4a16c PL24n PS4a21c PT21n QA4a21c RO4a16c RS18n RU14n15c
    SA2n18c SC4a20n3a SD14n SE20n SI15n SK20n SM1a10n12c SO19n ST21n SV4a20n TL19n TN20n TR6n16c UA6n19c VA18n
    VG4a16n XK16n YE4a4n18c
";

/// The place of an IBAN that begins with the word from `start` to `end`: it is all of it, or the first of its groups.
pub(super) fn find(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let begins = |at: &usize| is_start_of_word(text, *at) && pattern(&text[*at..end]).is_some();
    let start = (start..end.min(start + ESCAPED)).find(begins)?;
    let pattern = pattern(&text[start..end])?;
    if end - start > BEGIN {
        return fits(&text[start..end], pattern).then_some((start, end));
    }
    let gap = GAPS.into_iter().find(|gap| text[end..].starts_with(gap))?;
    let (mut written, mut at, mut left) = (text[start..end].to_vec(), end, length(pattern));
    while left > 0 {
        let group = text.get(at..)?.strip_prefix(gap)?.get(..left.min(BEGIN))?;
        if !group.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        written.extend_from_slice(group);
        at += gap.len() + group.len();
        left -= group.len();
    }
    (is_end_of_word(text, at) && fits(&written, pattern)).then_some((start, at))
}

/// What follows in the country that a word names, if it begins as an IBAN does.
fn pattern(word: &[u8]) -> Option<&'static str> {
    let [first, second, b'0'..=b'9', b'0'..=b'9', ..] = word else { return None };
    let country = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    COUNTRIES.split_whitespace().find_map(|known| known.as_bytes().starts_with(&country).then(|| &known[2..]))
}

/// The parts of a pattern: how many characters, and of which kind.
fn parts(pattern: &str) -> impl Iterator<Item = (usize, char)> {
    let part = |text: &str| Some((text[..text.len() - 1].parse().ok()?, text.chars().next_back()?));
    pattern.split_inclusive(char::is_alphabetic).filter_map(part)
}

fn length(pattern: &str) -> usize {
    parts(pattern).map(|(count, _)| count).sum()
}

/// Whether an account has the country's pattern, and check digits that fit.
fn fits(written: &[u8], pattern: &str) -> bool {
    let is_mixed = written.iter().any(u8::is_ascii_lowercase) && written.iter().any(u8::is_ascii_uppercase);
    if is_mixed || written.len() != BEGIN + length(pattern) {
        return false;
    }
    let mut rest = &written[BEGIN..];
    let is_made_so = parts(pattern).all(|(count, kind)| {
        let (part, behind) = rest.split_at(count);
        rest = behind;
        part.iter().all(|byte| match kind {
            'n' => byte.is_ascii_digit(),
            'a' => byte.is_ascii_alphabetic(),
            _ => byte.is_ascii_alphanumeric(),
        })
    });
    is_made_so && checks(written)
}

/// The check of ISO 7064, MOD 97-10: what stands first goes last, letters are the numbers from 10 on, and one is left over.
fn checks(written: &[u8]) -> bool {
    let (first, rest) = written.split_at(BEGIN);
    let left = rest.iter().chain(first).fold(0_u32, |left, byte| match byte {
        b'0'..=b'9' => (left * 10 + u32::from(byte - b'0')) % 97,
        letter => (left * 100 + u32::from(letter.to_ascii_uppercase().saturating_sub(b'A')) + 10) % 97,
    });
    left == 1
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::*;

    fn found(text: &str) -> Option<&str> {
        let start = text.find(|first: char| first.is_ascii_alphanumeric())?;
        let end = start + text[start..].bytes().take_while(u8::is_ascii_alphanumeric).count();
        find(text.as_bytes(), start, end).map(|(start, end)| &text[start..end])
    }

    #[test]
    fn v07_an_account_is_known_by_its_country_its_pattern_and_its_check_digits() {
        // The examples of the registry.
        for account in [
            "DE89370400440532013000",
            "GB29NWBK60161331926819",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "ch9300762011623852957",
            "BE68539007547034",
            "SC18SSCB11010000000000001497USD",
        ] {
            assert_eq!(found(account), Some(account));
            let mut grouped = String::new();
            for (place, letter) in account.chars().enumerate() {
                grouped.extend((place > 0 && place % 4 == 0).then_some(' '));
                grouped.push(letter);
            }
            assert_eq!(found(&format!("{grouped} EUR")), Some(grouped.as_str()));
        }
        assert_eq!(found("%20DE89370400440532013000"), Some("DE89370400440532013000"));
    }

    #[test]
    fn v07_what_only_begins_like_an_account_is_none() {
        for text in [
            "DE88370400440532013000",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "De89370400440532013000",
            "ZZ89370400440532013000",
            "DE89 3704 0044 0532 0130",
            "DE89 3704 0044 0532 0130 000",
            "de89abcdef0123456789ab",
            "DE89",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
