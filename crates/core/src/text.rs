//! Texts that people type: length in characters, no control characters, no blanks at the ends.

/// Reads one line of text with a length in characters within `1..=most`.
pub fn line(text: &str, most: usize) -> Result<String, String> {
    if text.is_empty() {
        return Err(format!("is required (1 to {most} characters)"));
    }
    optional_line(text, most)
}

/// Reads one line of text that may be empty.
pub fn optional_line(text: &str, most: usize) -> Result<String, String> {
    if text.chars().count() > most {
        return Err(format!("must be at most {most} characters"));
    }
    if text.chars().any(is_unwanted) {
        return Err("must not contain control or direction characters".into());
    }
    if text.trim() != text {
        return Err("must not begin or end with a blank".into());
    }
    Ok(text.to_owned())
}

/// Reads text of several lines with a length in characters within `1..=most`: line feeds and tabs are allowed.
pub fn paragraph(text: &str, most: usize) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(format!("is required (1 to {most} characters)"));
    }
    if text.chars().count() > most {
        return Err(format!("must be at most {most} characters"));
    }
    if text.chars().any(|c| is_unwanted(c) && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("must not contain control or direction characters other than line feed and tab".into());
    }
    Ok(text.to_owned())
}

/// Reads an e-mail address into lower case: one `@`, a local part of at most 64 characters, a domain with letters, digits,
/// dots and hyphens; at most 254 characters (RFC 5321, section 4.5.3.1). Quoted local parts are not taken.
pub fn email(text: &str) -> Result<String, String> {
    let wrong = || "must be an e-mail address such as ada@example.com".to_owned();
    let (local, domain) = text.split_once('@').ok_or_else(wrong)?;
    let local_fits = (1..=64).contains(&local.len()) && is_word(local, "!#$%&'*+-/=?^_`{|}~.");
    let domain_fits = domain.split('.').all(|label| {
        (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-') && is_word(label, "-")
    });
    if text.len() <= 254 && local_fits && domain_fits { Ok(lower(text)) } else { Err(wrong()) }
}

/// Whether a text is letters, digits and these marks. Most are ASCII, and need no tables.
fn is_word(text: &str, marks: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.as_bytes().contains(&byte))
        || text.chars().all(|c| c.is_alphanumeric() || marks.contains(c))
}

/// A text in lower case: most are ASCII, and need no tables.
fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

/// Reads a request id: 1 to 64 visible ASCII characters.
pub fn request_id(text: &str) -> Result<String, String> {
    if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("is required: 1 to 64 visible ASCII characters, such as a UUID".into())
    }
}

/// Control characters, and the direction marks and line separators that make a text look like another.
fn is_unwanted(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_refuse_control_characters_blanks_and_excess() {
        assert_eq!(line("Ada Lovelace", 200), Ok("Ada Lovelace".to_owned()));
        assert_eq!(line("Ünïcödé 漢字", 9), Err("must be at most 9 characters".into()));
        for bad in ["", "a\u{0}b", "a\nb", " a", "a ", "a\u{202e}b", "a\u{7f}"] {
            assert!(line(bad, 200).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paragraphs_keep_their_lines() {
        assert!(paragraph("first\n\tsecond", 100).is_ok());
        assert!(paragraph("bell\u{7}", 100).is_err());
        assert!(paragraph("  \n ", 100).is_err());
    }

    #[test]
    fn addresses_are_compared_in_lower_case() {
        assert_eq!(email("Ada@Example.COM"), Ok("ada@example.com".to_owned()));
        for bad in ["", "ada", "@example.com", "ada@", "a da@example.com", "a@b@c", "ada@-x.com", "ada@x..com"] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }
}
