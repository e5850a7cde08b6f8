//! Password files: a line for each server, `host:port:database:user:password`.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What a password file says.
#[derive(Default)]
pub(super) struct Passwords {
    text: Vec<u8>,
}

/// A password file that is not used, although a password was looked for in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unused {
    /// The file.
    pub(super) file: PathBuf,
    /// Why, with what to do. It names nobody and no file.
    pub(super) why: String,
}

impl Passwords {
    /// Reads a file. One that is not there says nothing, and one that others may read is not read, as `libpq` has it.
    pub(super) fn read(file: &Path) -> Result<Self, Unused> {
        let unused = |why: String| Unused { file: file.to_owned(), why };
        let plain = |is_file: bool| if is_file { Ok(()) } else { Err(unused("it is no plain file".to_owned())) };
        let text = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(Self::default()),
            kind => Err(unused(format!("it cannot be read: {kind}"))),
        };
        // Asked before it is opened: whoever opens a pipe waits for somebody who writes.
        match fs::metadata(file) {
            Ok(about) => plain(about.is_file())?,
            Err(error) => return text(error),
        }
        let mut opened = match File::open(file) {
            Ok(opened) => opened,
            Err(error) => return text(error),
        };
        // What is read is what was opened, whatever has its name by now.
        let about = opened.metadata().map_err(|error| unused(format!("it cannot be read: {}", error.kind())))?;
        plain(about.is_file())?;
        if about.permissions().mode() & 0o77 != 0 {
            return Err(unused("others may read it; allow its owner alone: chmod 0600".to_owned()));
        }
        let mut text = Vec::new();
        match opened.read_to_end(&mut text) {
            Ok(_) => Ok(Self { text }),
            Err(error) => Err(unused(format!("it cannot be read: {}", error.kind()))),
        }
    }

    /// The password for a host, port, database and user: of the first line that fits. An error says why that is none.
    pub(super) fn find(&self, wanted: [&str; 4]) -> Result<Option<String>, String> {
        let lines = self.text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        for line in lines.filter(|line| !line.starts_with(b"#")) {
            // A line for another server may be written however its author liked.
            let text = String::from_utf8_lossy(line);
            match (password(&text, wanted), &text) {
                (Some(password), Cow::Borrowed(_)) => return Ok(Some(password)),
                (Some(_), Cow::Owned(_)) => return Err("its line for the server is not UTF-8".to_owned()),
                (None, _) => {}
            }
        }
        Ok(None)
    }
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

    fn said(text: &[u8], host: &str) -> Result<Option<String>, String> {
        Passwords { text: text.to_vec() }.find([host, "1", "d", "u"])
    }

    #[test]
    fn the_first_line_that_fits_counts_in_whatever_letters_the_others_are() {
        let text = b"# *:*:*:*:no\n\nc\xe9:*:*:*:other\na:*:*:*:one\r\n*:*:*:*:tw\xf6\n";
        assert_eq!(said(text, "a"), Ok(Some("one".to_owned())));
        assert!(said(text, "b").unwrap_err().contains("not UTF-8"));
        assert_eq!(said(b"a:*:*:*:one", "b"), Ok(None));
    }

    #[test]
    fn a_file_that_others_may_read_is_told_with_its_cure_and_one_that_is_not_there_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwords");
        fs::write(&file, "a:*:*:*:one\n").unwrap();
        let read = |mode| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            Passwords::read(&file)
        };
        assert_eq!(read(0o600).ok().unwrap().find(["a", "1", "d", "u"]), Ok(Some("one".to_owned())));
        for mode in [0o604, 0o640, 0o660, 0o601] {
            let Unused { file: told, why } = read(mode).err().unwrap();
            assert!(told == file && why.ends_with("chmod 0600"), "{mode:o}: {why}");
        }
        assert!(Passwords::read(folder.path()).err().unwrap().why.contains("no plain file"));
        for nothing in [folder.path().join("none"), file.join("within")] {
            assert_eq!(Passwords::read(&nothing).ok().unwrap().find(["a", "1", "d", "u"]), Ok(None));
        }
    }
}
