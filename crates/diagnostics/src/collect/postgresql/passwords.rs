//! Password files: a line for each server, `host:port:database:user:password`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The password for a host, port, database and user: of the first line that fits. A file that others may read is not read.
pub(super) fn find(file: &Path, wanted: [&str; 4]) -> Option<String> {
    let about = std::fs::metadata(file).ok()?;
    if !about.is_file() || about.permissions().mode() & 0o77 != 0 {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| password(line, wanted))
}

/// The password of a line, where the line fits.
fn password(line: &str, wanted: [&str; 4]) -> Option<String> {
    let mut fields = fields(line).into_iter();
    let fits = wanted.into_iter().all(|wanted| fields.next().is_some_and(|field| field.is_any || field.text == wanted));
    let password = fields.next().filter(|_| fits)?.text;
    (!password.is_empty()).then_some(password)
}

/// What stands between colons.
#[derive(Default)]
struct Field {
    text: String,
    /// Whether it is a star, which fits everything.
    is_any: bool,
}

/// The fields of a line. A colon or a backslash that belongs to one has a backslash before it.
fn fields(line: &str) -> Vec<Field> {
    let (mut fields, mut field, mut is_escaped) = (Vec::new(), Field::default(), false);
    for character in line.chars() {
        match character {
            '\\' if !is_escaped => is_escaped = true,
            ':' if !is_escaped => fields.push(std::mem::take(&mut field)),
            character => {
                field.is_any = field.text.is_empty() && character == '*' && !is_escaped;
                field.text.push(character);
                is_escaped = false;
            }
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_by_its_fields_and_their_stars() {
        let wanted = ["db.example", "5432", "postgres", "anna"];
        for (line, expected) in [
            ("db.example:5432:postgres:anna:secret", Some("secret")),
            ("*:*:*:anna:secret", Some("secret")),
            (r"*:*:*:anna:a\:b\\c", Some(r"a:b\c")),
            ("*:*:*:anna:a:b", Some("a")),
            ("*:*:*:bob:secret", None),
            ("db*:*:*:anna:secret", None),
            (r"\*:*:*:anna:secret", None),
            ("*:*:*:anna:", None),
            ("*:*:anna:secret", None),
            ("", None),
        ] {
            assert_eq!(password(line, wanted).as_deref(), expected, "{line}");
        }
        let v6 = ["::1", "5432", "postgres", "anna"];
        assert_eq!(password(r"\:\:1:*:*:*:secret", v6).as_deref(), Some("secret"));
    }

    #[test]
    fn the_first_line_that_fits_counts_and_a_file_that_others_read_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwords");
        std::fs::write(&file, "# *:*:*:*:no\n\na:*:*:*:one\n*:*:*:*:two\n").unwrap();
        let allow = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        allow(0o600);
        for (host, password) in [("a", "one"), ("b", "two")] {
            assert_eq!(find(&file, [host, "1", "d", "u"]).as_deref(), Some(password));
        }
        allow(0o604);
        assert_eq!(find(&file, ["a", "1", "d", "u"]), None);
        assert_eq!(find(folder.path(), ["a", "1", "d", "u"]), None);
    }
}
