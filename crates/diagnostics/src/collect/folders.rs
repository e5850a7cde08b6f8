//! Listing a folder: names, sizes, times and rights, and no content.

use std::fmt::Write as _;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::Timestamp;

/// More is not listed.
const MAX_LINES: usize = 50_000;

/// A line for each file and folder beneath a folder, by name. Links are told and not followed.
pub(super) fn list(folder: &Path, depth: usize) -> Result<String, String> {
    let mut listing = Listing { text: String::from("KIND MODE UID GID SIZE MODIFIED PATH\n"), lines: 0 };
    listing.folder(folder, depth).map_err(|error| format!("cannot be listed: {}", error.kind()))?;
    if listing.lines >= MAX_LINES {
        let _ = writeln!(listing.text, "[more than {MAX_LINES} names: what follows was left out]");
    }
    Ok(listing.text)
}

struct Listing {
    text: String,
    lines: usize,
}

impl Listing {
    fn folder(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        let mut paths: Vec<_> = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if self.lines >= MAX_LINES {
                return Ok(());
            }
            self.lines += 1;
            let metadata = match path.symlink_metadata() {
                Ok(metadata) => metadata,
                // A file may go while its folder is read.
                Err(error) => {
                    let _ = writeln!(self.text, "? {}: {}", plain(&path), error.kind());
                    continue;
                }
            };
            self.line(&path, &metadata);
            if metadata.is_dir()
                && depth > 1
                && let Err(error) = self.folder(&path, depth - 1)
            {
                let _ = writeln!(self.text, "? {}: cannot be listed: {}", plain(&path), error.kind());
            }
        }
        Ok(())
    }

    fn line(&mut self, path: &Path, metadata: &Metadata) {
        let kind = match metadata.file_type() {
            kind if kind.is_dir() => 'd',
            kind if kind.is_symlink() => 'l',
            kind if kind.is_file() => '-',
            _ => 's',
        };
        let modified =
            Timestamp::from_second(metadata.mtime()).map_or_else(|_| "-".to_owned(), |time| time.to_string());
        let (mode, user, group, size) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid(), metadata.size());
        let _ = writeln!(self.text, "{kind} {mode:04o} {user} {group} {size} {modified} {}", plain(path));
    }
}

/// A path on one line.
fn plain(path: &Path) -> String {
    path.to_string_lossy().replace(|c: char| c.is_control(), "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_listed_to_its_depth_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b/c")).unwrap();
        std::fs::write(folder.path().join("a/x\ny"), "four").unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
        let text = list(folder.path(), 2).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(' ').collect()).collect();
        let names: Vec<_> = lines.iter().map(|line| (line[0], line[6].rsplit('/').next().unwrap())).collect();
        assert_eq!(names, [("d", "a"), ("d", "b"), ("-", "x?y"), ("l", "link")]);
        assert_eq!(lines[2][4], "4");
        assert_eq!(list(Path::new("/nowhere"), 1).unwrap_err(), "cannot be listed: entity not found");
    }
}
