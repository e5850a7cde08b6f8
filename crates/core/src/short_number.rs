//! Numbers for the phone: short, with a check digit.
//!
//! The check digit is by the Luhn algorithm (ISO/IEC 7812-1, annex B): it finds every single wrong digit and nearly every
//! swap of neighbours.

/// The number with its check digit, in groups of three from the right: `1042` is shown as `10-428`.
pub fn show(number: u64) -> String {
    let digits = format!("{number}{}", check_digit(number));
    let mut shown = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push('-');
        }
        shown.push(digit);
    }
    shown
}

/// Reads a number as it was shown or said: hyphens and blanks do not count. `None` when the check digit is wrong.
pub fn read(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    if !(2..=19).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let with_check: u64 = digits.parse().ok()?;
    let number = with_check / 10;
    (check_digit(number) == with_check % 10 && !digits.starts_with('0')).then_some(number)
}

/// The same for a field of a request: says what is wrong.
pub fn parse(text: &str) -> Result<u64, String> {
    read(text).ok_or_else(|| "must be a number such as 10-428, with its check digit".to_owned())
}

fn check_digit(number: u64) -> u64 {
    let (mut rest, mut sum, mut double) = (number, 0, true);
    while rest > 0 {
        let digit = rest % 10;
        sum += match (double, digit) {
            (true, 5..) => digit * 2 - 9,
            (true, _) => digit * 2,
            (false, _) => digit,
        };
        double = !double;
        rest /= 10;
    }
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    //! Proves W04.

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn w04_a_number_is_short_and_grouped() {
        // 7992739871 with check digit 3 is the standard's own example.
        assert_eq!(show(7_992_739_871), "79-927-398-713");
        assert_eq!(read("79-927-398-713"), Some(7_992_739_871));
    }

    proptest! {
        #[test]
        fn w04_what_is_shown_is_read_back(number in 1_u64..1_000_000_000_000) {
            prop_assert_eq!(read(&show(number)), Some(number));
        }

        #[test]
        fn w04_one_misheard_digit_is_noticed(number in 1_u64..1_000_000_000, place in 0_usize..9, other in 0_u8..10) {
            let mut digits: Vec<u8> = show(number).bytes().filter(u8::is_ascii_digit).collect();
            let place = place % digits.len();
            prop_assume!(digits[place] != b'0' + other);
            digits[place] = b'0' + other;
            prop_assert_eq!(read(&String::from_utf8(digits).unwrap()), None);
        }
    }
}
