//! Comparisons: what a fact is held against.

use std::cmp::Ordering;

use super::version::Version;

/// What stands where something was masked.
const MASK: &str = "[masked:";

/// What a fact has to be: `>= 95`, `version >= 7.2, < 7.2.5`, `!= on`. Every clause holds.
#[derive(Debug, Clone)]
pub struct Comparison {
    kind: Kind,
    clauses: Vec<(Operator, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// The longer ones first: `<=` begins with `<`.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Comparison {
    /// Reads a comparison; why it is none, otherwise.
    ///
    /// Without a word before it, it compares numbers where all its values are numbers (with a unit: `>= 4 GiB`), else texts.
    /// `version` and `text` before it say what is compared.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let worded =
            |word| trimmed.strip_prefix(word).filter(|rest: &&str| rest.starts_with([' ', '=', '<', '>', '!']));
        let (kind, rest) = match (worded("version"), worded("text")) {
            (Some(rest), _) => (Some(Kind::Version), rest),
            (None, Some(rest)) => (Some(Kind::Text), rest),
            (None, None) => (None, trimmed),
        };
        let clauses = rest.split(',').map(clause).collect::<Result<Vec<_>, _>>()?;
        let kind = kind.unwrap_or_else(|| {
            if clauses.iter().all(|(_, value)| quantity(value).is_some()) { Kind::Number } else { Kind::Text }
        });
        for (operator, value) in &clauses {
            let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
            match kind {
                Kind::Text if !equality => {
                    return Err(format!("{value} is no number; for versions write `version` before the comparison"));
                }
                Kind::Version if Version::parse(value).is_none() => return Err(format!("{value} is no version")),
                Kind::Text | Kind::Number | Kind::Version => {}
            }
        }
        Ok(Self { kind, clauses })
    }

    /// Whether a fact is so. None, where that cannot be told: it is masked, or of another kind than what it is held against.
    pub fn holds(&self, fact: &str) -> Option<bool> {
        if fact.contains(MASK) {
            return None;
        }
        let mut all = true;
        for (operator, value) in &self.clauses {
            let order = match self.kind {
                Kind::Text => fact.trim().cmp(value.as_str()),
                Kind::Version => Version::parse(fact)?.cmp(&Version::parse(value)?),
                Kind::Number => compare(quantity(fact)?, quantity(value)?)?,
            };
            all &= operator.takes(order);
        }
        Some(all)
    }
}

impl Operator {
    fn takes(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

fn clause(text: &str) -> Result<(Operator, String), String> {
    let text = text.trim();
    let found = OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?.trim())));
    match found {
        Some((_, "")) => Err(format!("there is nothing behind {text}")),
        Some((operator, value)) => Ok((operator, value.to_owned())),
        None => Err("a comparison begins with one of ==, !=, <, <=, >, >=".to_owned()),
    }
}

/// What a number counts. The bytes of a file system and of a setting are written with units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    None,
    Bytes,
}

/// A number with its unit. Sizes are counted as the kernel and PostgreSQL write them: `kB` and `KiB` are 1024 bytes.
fn quantity(text: &str) -> Option<(f64, Unit)> {
    let text = text.trim();
    let is_sign = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
    let end = text.find(|c| !is_sign(c)).unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let power = match text[end..].trim() {
        "" | "%" => return Some((number, Unit::None)),
        "B" => 0,
        "k" | "K" | "kB" | "KB" | "KiB" => 1,
        "M" | "MB" | "MiB" => 2,
        "G" | "GB" | "GiB" => 3,
        "T" | "TB" | "TiB" => 4,
        _ => return None,
    };
    Some((number * 1024_f64.powi(power), Unit::Bytes))
}

/// Numbers of different units have no order.
fn compare(one: (f64, Unit), other: (f64, Unit)) -> Option<Ordering> {
    if one.1 == other.1 { one.0.partial_cmp(&other.0) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fact_is_compared_as_what_it_is() {
        for (comparison, fact, holds) in [
            (">= 95", "97", Some(true)),
            (">= 95", "97%", Some(true)),
            (">= 95", "9", Some(false)),
            (">= 95", "full", None),
            ("> 10, <= 20", "20", Some(true)),
            ("> 10, <= 20", "21", Some(false)),
            ("< 4 GiB", "3145728 kB", Some(true)),
            ("< 4 GiB", "8 GB", Some(false)),
            ("< 4 GiB", "3145728", None),
            ("== on", " on", Some(true)),
            ("!= on", "off", Some(true)),
            ("!= on", "[masked:password]", None),
            ("version >= 7.2, < 7.2.5", "7.2.4-1", Some(true)),
            ("version >= 7.2, < 7.2.5", "7.2.5", Some(false)),
            ("version < 7.2", "unknown", None),
            ("text == 007", "7", Some(false)),
            ("== 007", "7", Some(true)),
        ] {
            assert_eq!(Comparison::parse(comparison).unwrap().holds(fact), holds, "{fact} {comparison}");
        }
    }

    #[test]
    fn what_is_no_comparison_is_refused_with_a_reason() {
        for (text, why) in [
            ("95", "begins with"),
            ("", "begins with"),
            (">=", "nothing behind"),
            ("> 1,", "begins with"),
            ("< 7.2.5", "`version`"),
            ("version < new", "no version"),
            ("text > a", "no number"),
        ] {
            let refused = Comparison::parse(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_in_one_of_three_orders(fact in -1000i32..1000, value in -1000i32..1000) {
            let holds = |sign: &str| Comparison::parse(&format!("{sign} {value}")).unwrap().holds(&fact.to_string()).unwrap();
            prop_assert_eq!(holds("=="), fact == value);
            prop_assert_eq!(holds("<"), !holds(">="));
            prop_assert_eq!(holds("<="), holds("<") || holds("=="));
            prop_assert_eq!(holds("!="), holds("<") || holds(">"));
        }

        #[test]
        fn any_text_is_compared_or_not_without_a_panic(comparison in "\\PC{0,20}", fact in "\\PC{0,20}") {
            if let Ok(comparison) = Comparison::parse(&comparison) {
                let _ = comparison.holds(&fact);
            }
        }
    }
}
