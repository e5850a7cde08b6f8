//! A plan: a profile on this host.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::profile::{Collector, Probe, Profile};
use super::{command, probes};
use crate::evidence::{CollectError, Evidence, Found};

/// What will be read of this host. As evidence, it reads it.
#[derive(Debug)]
pub struct Plan {
    title: String,
    now: Timestamp,
    items: Vec<Planned>,
}

/// One thing that will be read.
#[derive(Debug)]
pub struct Planned {
    /// The collector's name.
    pub collector: String,
    /// What the collector collects.
    pub about: String,
    /// Its path within the bundle.
    pub path: String,
    /// How a person would say it: a path, or a command.
    pub title: String,
    /// How large it is about, where that is known before.
    pub size_bytes: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File {
        path: PathBuf,
        tail_bytes: u64,
    },
    Command(Vec<String>),
    Probe(Probe),
    /// What a command or a probe gave. Kept between the passes, so that both see the same.
    Given(Result<Vec<u8>, String>),
}

impl Plan {
    /// Finds out what of a profile is on this host. Nothing is read yet.
    pub fn new(profile: &Profile, now: Timestamp) -> Self {
        let items = profile.collectors.iter().flat_map(plan).collect();
        Self { title: profile.title(), now, items }
    }

    /// What will be read, in order.
    pub fn items(&self) -> &[Planned] {
        &self.items
    }
}

fn plan(collector: &Collector) -> Vec<Planned> {
    let item = |path: String, title: String, size_bytes: u64, source: Source| Planned {
        collector: collector.name.clone(),
        about: collector.about.clone(),
        path,
        title,
        size_bytes,
        source,
    };
    let tail_bytes = collector.tail_bytes;
    let mut items: Vec<Planned> = Vec::new();
    for path in collector.files.iter().flat_map(|file| files(file)) {
        let size = path.metadata().map_or(0, |metadata| metadata.len()).min(tail_bytes);
        let title = path.display().to_string();
        let within = title.trim_start_matches('/').to_owned();
        items.push(item(within, title, size, Source::File { path, tail_bytes }));
    }
    for words in
        collector.commands.iter().filter(|words| words.first().is_some_and(|program| command::find(program).is_some()))
    {
        let name: Vec<String> = words.iter().map(|word| plain(word)).filter(|word| !word.is_empty()).collect();
        let title = words.iter().map(|word| word.escape_debug().to_string()).collect::<Vec<_>>().join(" ");
        items.push(item(format!("commands/{}", name.join("_")), title, 0, Source::Command(words.clone())));
    }
    for probe in &collector.probes {
        items.push(item(
            format!("probes/{}", probe.name()),
            format!("{} (by this program)", probe.name()),
            0,
            Source::Probe(*probe),
        ));
    }
    if items.is_empty() {
        let nothing = "nothing that it reads is on this host";
        let path = format!("collectors/{}", collector.name);
        items.push(item(path, nothing.to_owned(), 0, Source::Given(Err(nothing.to_owned()))));
    }
    items
}

/// The files that a path with `*` stands for. What is found so has to be a file itself: whoever writes into a folder of logs
/// could otherwise have any file collected by a link.
fn files(pattern: &str) -> Vec<PathBuf> {
    if !pattern.contains('*') {
        let path = PathBuf::from(pattern);
        return if path.is_file() { vec![path] } else { Vec::new() };
    }
    let is_file = |path: &PathBuf| path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    glob::glob(pattern).map(|found| found.flatten().filter(is_file).collect()).unwrap_or_default()
}

/// A word of a command as a part of a path.
fn plain(word: &str) -> String {
    let part = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '.' };
    word.chars().take(40).map(part).collect::<String>().trim_matches('.').to_owned()
}

impl Evidence for Plan {
    fn visit(&mut self, each: &mut dyn FnMut(Found<'_>) -> Result<(), CollectError>) -> Result<(), CollectError> {
        let total = self.items.len() as u64;
        for (done, item) in (0..).zip(&mut self.items) {
            let given = match &item.source {
                Source::Command(words) => Some(command::run(words)),
                Source::Probe(probe) => Some(probes::run(*probe, Path::new("/proc"), self.now)),
                Source::File { .. } | Source::Given(_) => None,
            };
            if let Some(given) = given {
                item.source = Source::Given(given);
            }
            let mut opened: Box<dyn Read + '_>;
            let content: Result<&mut dyn Read, String> = match &item.source {
                Source::Given(Ok(bytes)) => {
                    opened = Box::new(bytes.as_slice());
                    Ok(&mut *opened)
                }
                Source::Given(Err(reason)) => Err(reason.clone()),
                Source::File { path, tail_bytes } => match tail(path, *tail_bytes) {
                    Ok(file) => {
                        opened = file;
                        Ok(&mut *opened)
                    }
                    Err(error) => Err(format!("cannot be read: {}", error.kind())),
                },
                Source::Command(_) | Source::Probe(_) => Err("was not run".to_owned()),
            };
            each(Found { path: &item.path, collector: &item.collector, content, done: (done, total) })?;
        }
        Ok(())
    }

    fn profile(&self) -> String {
        self.title.clone()
    }
}

/// The end of a file, from the start of a line, and a line that tells what is not there.
fn tail(path: &Path, most: u64) -> io::Result<Box<dyn Read>> {
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
    use super::*;

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
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("a.log")).unwrap();
        std::fs::write(folder.path().join("b.log"), "x").unwrap();
        let found = files(&format!("{}/*.log", folder.path().display()));
        assert_eq!(found, [folder.path().join("b.log")]);
    }

    #[test]
    fn a_collector_that_finds_nothing_is_planned_with_its_reason() {
        let profile = Profile::parse(
            "name = \"x\"\nversion = 1\n[[collectors]]\nname = \"logs\"\nabout = \"b\"\nfiles = [\"/nowhere/*.log\"]",
        );
        let plan = Plan::new(&profile.unwrap(), Timestamp::UNIX_EPOCH);
        assert!(matches!(&plan.items()[0].source, Source::Given(Err(reason)) if reason.contains("nothing")));
    }
}
