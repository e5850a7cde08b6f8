//! Which files a pattern stands for, and the end of each.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What a pattern stands for on this host.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The files, with their sizes, in the order of their names.
    pub(super) found: Vec<(PathBuf, u64)>,
    /// So many more are there, and older.
    pub(super) left_out: usize,
    /// Folders that could not be looked into, and why.
    pub(super) unreadable: Vec<(PathBuf, io::ErrorKind)>,
}

/// Which files are wanted of all that a pattern stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Those that changed within this time.
    pub(super) changed_within: Option<Duration>,
    /// So many of them, the youngest.
    pub(super) most: usize,
}

impl Wanted {
    /// The youngest one, however old.
    pub(super) const YOUNGEST: Self = Self { changed_within: None, most: 1 };
}

/// The files that a path, perhaps with `*`, stands for.
///
/// What is found by a pattern has to be a file itself, in a folder beneath the pattern's own: whoever writes into a folder of logs could
/// otherwise have any file collected by a link.
pub(super) fn find(pattern: &str, wanted: Wanted, now: Timestamp) -> Files {
    let mut files = Files::default();
    let mut found: Vec<(Timestamp, PathBuf, u64)> = Vec::new();
    if pattern.contains(['*', '?', '[']) {
        let root = fixed(pattern).canonicalize().ok();
        let is_beneath = |path: &Path| {
            let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
            folder.zip(root.as_ref()).is_some_and(|(folder, root)| folder.starts_with(root))
        };
        for path in glob::glob(pattern).into_iter().flatten() {
            match path {
                Ok(path) => {
                    let metadata = path.symlink_metadata().ok().filter(Metadata::is_file);
                    if let Some(metadata) = metadata.filter(|_| is_beneath(&path)) {
                        found.push((changed(&metadata), path, metadata.len()));
                    }
                }
                Err(error) => files.unreadable.push((error.path().to_owned(), error.error().kind())),
            }
        }
    } else if let Some(metadata) = Path::new(pattern).metadata().ok().filter(Metadata::is_file) {
        found.push((changed(&metadata), pattern.into(), metadata.len()));
    }
    let window = wanted.changed_within.and_then(|window| SignedDuration::try_from(window).ok());
    found.retain(|(changed, _, _)| window.is_none_or(|window| now.duration_since(*changed) <= window));
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    files.left_out = found.len().saturating_sub(wanted.most);
    found.truncate(wanted.most);
    files.found = found.into_iter().map(|(_, path, size)| (path, size)).collect();
    files.found.sort();
    files
}

/// The folder of a pattern before its first sign.
fn fixed(pattern: &str) -> &Path {
    let sign = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    Path::new(pattern[..sign].rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder }))
}

/// When a file changed; what cannot be told is as young as can be, so that it is not left out for that.
fn changed(metadata: &Metadata) -> Timestamp {
    metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(Timestamp::MAX)
}

/// The end of a file, from the start of a line, and a line that tells what is not there.
pub(super) fn tail(path: &Path, most: u64) -> io::Result<Box<dyn Read>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if length <= most {
        // Files of `/proc` have no length; no file is read further than its cap.
        return Ok(Box::new(file.take(most)));
    }
    let mut from = length - most;
    file.seek(SeekFrom::Start(from))?;
    let mut head = vec![0; 64 * 1024];
    let count = file.read(&mut head)?;
    if let Some(feed) = head[..count].iter().position(|byte| *byte == b'\n') {
        from += feed as u64 + 1;
    }
    file.seek(SeekFrom::Start(from))?;
    let note = format!("[the first {from} bytes of this file were left out]\n");
    Ok(Box::new(io::Cursor::new(note).chain(file.take(length - from))))
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::os::unix::fs::symlink;

    use super::*;

    const ALL: Wanted = Wanted { changed_within: None, most: 100 };

    fn names(files: &Files) -> Vec<String> {
        files.found.iter().map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_end_of_a_long_file_is_kept_from_the_start_of_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        std::fs::write(&path, "first line\nsecond line\nthird line\n").unwrap();
        let mut text = String::new();
        tail(&path, 20).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "[the first 23 bytes of this file were left out]\nthird line\n");
    }

    #[test]
    fn a_link_in_a_folder_of_logs_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("c.log"), "x").unwrap();
        symlink("/etc/passwd", folder.path().join("a.log")).unwrap();
        symlink(elsewhere.path(), folder.path().join("d")).unwrap();
        std::fs::create_dir(folder.path().join("e")).unwrap();
        std::fs::write(folder.path().join("b.log"), "x").unwrap();
        std::fs::write(folder.path().join("e/f.log"), "x").unwrap();
        let found =
            |pattern: &str| names(&find(&format!("{}/{pattern}", folder.path().display()), ALL, Timestamp::UNIX_EPOCH));
        assert_eq!(found("*.log"), ["b.log"]);
        assert_eq!(found("*/*.log"), ["f.log"], "nor is a link to a folder");
    }

    #[test]
    fn only_the_youngest_files_within_the_window_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-06-08T12:00:00Z".parse().unwrap();
        for (name, hours) in [("a.log", 1), ("b.log", 30), ("c.log", 2), ("d.log", 3)] {
            let file = File::create(folder.path().join(name)).unwrap();
            let changed = now - SignedDuration::from_hours(hours);
            file.set_times(FileTimes::new().set_modified(changed.into())).unwrap();
        }
        let pattern = format!("{}/*.log", folder.path().display());
        let day = Wanted { changed_within: Some(Duration::from_hours(24)), most: 2 };
        let files = find(&pattern, day, now);
        assert_eq!((names(&files), files.left_out), (vec!["a.log".to_owned(), "c.log".to_owned()], 1));
        assert_eq!(names(&find(&pattern, Wanted::YOUNGEST, now)), ["a.log"]);
    }

    #[test]
    fn a_pattern_begins_in_the_folder_before_its_first_sign() {
        for (pattern, folder) in [("/var/log/*.log", "/var/log"), ("/*", "/"), ("/var/lo?/x", "/var")] {
            assert_eq!(fixed(pattern), Path::new(folder), "{pattern}");
        }
    }
}
