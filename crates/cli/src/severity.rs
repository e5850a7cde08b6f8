//! How severities are written: `site-down`, `1`, `2`, `3`, in profiles, in answers and on the command line. Their names in the contract are
//! taken as well.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};

/// The numbers among severities, as the contract has them.
const NUMBERS: [(&str, &str); 3] = [("ONE", "1"), ("TWO", "2"), ("THREE", "3")];

/// How a value of the contract's enum is written, by its name without the prefix; `None` where that is its name in small letters.
pub(crate) fn written(short: &str) -> Option<&'static str> {
    NUMBERS.iter().find(|(name, _)| *name == short).map(|(_, written)| *written)
}

/// What else is taken for a severity that is written so, beside its name in the contract.
pub(crate) fn also(written: &str) -> Vec<String> {
    let word = NUMBERS.iter().find(|(_, number)| *number == written).map(|(word, _)| word.to_lowercase());
    word.into_iter()
        .chain([format!("severity-{written}"), format!("SEVERITY_{}", written.replace('-', "_").to_uppercase())])
        .collect()
}

/// Takes a severity in any of its spellings, as it is written.
pub(crate) fn parser() -> ValueParser {
    let values = ["site-down", "1", "2", "3"];
    let spelt = move |given: &str| {
        let is = |value: &&str| {
            given.eq_ignore_ascii_case(value) || spellings(value).iter().any(|one| one.eq_ignore_ascii_case(given))
        };
        values.into_iter().find(is).unwrap_or_default().to_owned()
    };
    let possible = values.map(|value| PossibleValue::new(value).aliases(spellings(value)));
    PossibleValuesParser::new(possible).map(move |given| spelt(&given)).into()
}

/// Every other spelling.
fn spellings(written: &str) -> Vec<String> {
    let name = NUMBERS.iter().find(|(_, number)| *number == written).map(|(word, _)| format!("SEVERITY_{word}"));
    also(written).into_iter().chain(name).collect()
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    #[test]
    fn a_severity_is_taken_in_all_its_spellings_and_written_in_one() {
        let command = || Command::new("x").arg(Arg::new("severity").value_parser(parser()).ignore_case(true));
        let read = |given: &str| {
            let matches = command().try_get_matches_from(["x", given]).ok()?;
            matches.get_one::<String>("severity").cloned()
        };
        for given in ["1", "one", "One", "severity-1", "SEVERITY_1", "SEVERITY_ONE"] {
            assert_eq!(read(given).as_deref(), Some("1"), "{given}");
        }
        for given in ["site-down", "SEVERITY_SITE_DOWN", "severity-site-down"] {
            assert_eq!(read(given).as_deref(), Some("site-down"), "{given}");
        }
        assert!(read("4").is_none() && read("severity").is_none());
    }
}
