//! A plan: a profile on this host.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::files::{self, Wanted};
#[cfg(feature = "postgresql")]
use super::postgresql::Server;
use super::{command, endpoints, folders, probes};
use crate::archive::{ArchiveEvidence, Limits};
use crate::evidence::{CollectError, Evidence, Found};
#[cfg(feature = "postgresql")]
use crate::profile::Query;
use crate::profile::{Collector, Endpoint, Probe, Profile};

/// What will be read of this host. As evidence, it reads it.
#[derive(Debug)]
pub struct Plan {
    title: String,
    now: Timestamp,
    items: Vec<Planned>,
    /// Asked for all items over one connection. `None` where nothing is asked of one.
    #[cfg(feature = "postgresql")]
    server: Option<Server>,
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
    /// What a person is asked for it. Without an [answer](Plan::answer), it is told that nobody answered.
    pub question: Option<String>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File {
        path: PathBuf,
        tail_bytes: u64,
    },
    Command {
        words: Vec<String>,
        timeout: Duration,
        output_bytes: u64,
    },
    Folder {
        path: PathBuf,
        depth: usize,
    },
    Probe(Probe),
    #[cfg(feature = "postgresql")]
    Query {
        query: Query,
        timeout: Duration,
        output_bytes: u64,
    },
    Endpoint {
        endpoint: Endpoint,
        timeout: Duration,
    },
    Archive(PathBuf),
    /// What a command, a probe, a server, an endpoint or a person gave. Kept between the passes, so that both see the same.
    Given(Result<Vec<u8>, String>),
}

impl Plan {
    /// Finds out what of a profile is on this host, and which server the environment names. Nothing of them is read yet, but for what says how
    /// to reach that server: its service file and its password file.
    pub fn new(profile: &Profile, now: Timestamp) -> Self {
        let mut items: Vec<Planned> = profile.collectors.iter().flat_map(|collector| plan(collector, now)).collect();
        let mut left = profile.bundle_bytes;
        for item in &mut items {
            if let Some(less) = left.checked_sub(item.size_bytes) {
                left = less;
                continue;
            }
            let reason = format!("left out: this profile reads at most {} bytes of files", profile.bundle_bytes);
            item.source = Source::Given(Err(reason));
            item.size_bytes = 0;
        }
        #[cfg(feature = "postgresql")]
        let asks = items.iter().any(|item| matches!(item.source, Source::Query { .. }));
        Self {
            title: profile.title(),
            now,
            items,
            #[cfg(feature = "postgresql")]
            server: asks.then(Server::named),
        }
    }

    /// What will be read, in order.
    pub fn items(&self) -> &[Planned] {
        &self.items
    }

    /// How many endpoints it reaches over the network. Without any, it uses none.
    pub fn endpoints(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.source, Source::Endpoint { .. })).count()
    }

    /// The PostgreSQL server that it asks, and as whom, if it asks one.
    #[cfg(feature = "postgresql")]
    pub fn server(&self) -> Option<String> {
        self.server.as_ref().map(Server::place)
    }

    /// Takes the answer to a collector's question; whether there is such a question. An answer without a letter is none.
    pub fn answer(&mut self, collector: &str, question: &str, text: &str) -> bool {
        let path = answer(collector, question);
        let asked = self.items.iter_mut().find(|item| item.path == path);
        let Some((item, ask)) = asked.and_then(|item| item.question.clone().map(|ask| (item, ask))) else {
            return false;
        };
        if !text.trim().is_empty() {
            item.source = Source::Given(Ok(format!("{ask}\n\n{}\n", text.trim()).into_bytes()));
        }
        true
    }
}

/// Where the answer to a question stands within the bundle.
fn answer(collector: &str, question: &str) -> String {
    format!("answers/{collector}/{question}")
}

fn plan(collector: &Collector, now: Timestamp) -> Vec<Planned> {
    let item = |path: String, title: String, size_bytes: u64, source: Source| Planned {
        collector: collector.name.clone(),
        about: collector.about.clone(),
        path,
        title,
        size_bytes,
        question: None,
        source,
    };
    let mut items: Vec<Planned> = Vec::new();
    let mut left_out = 0;
    let wanted = Wanted { changed_within: collector.changed_within, most: collector.most_files };
    for pattern in &collector.files {
        let files = files::find(pattern, wanted, now);
        for (path, size) in files.found {
            let tail_bytes = collector.tail_bytes;
            items.push(item(within(&path), shown(&path), size.min(tail_bytes), Source::File { path, tail_bytes }));
        }
        for (path, kind) in files.unreadable {
            let reason = format!("cannot be looked into: {kind}");
            items.push(item(within(&path), format!("{} {reason}", shown(&path)), 0, Source::Given(Err(reason))));
        }
        left_out += files.left_out;
    }
    let is_here = |words: &&Vec<String>| words.first().is_some_and(|program| command::find(program).is_some());
    for words in collector.commands.iter().filter(is_here) {
        let name: Vec<String> = words.iter().map(|word| plain(word)).filter(|word| !word.is_empty()).collect();
        let title = words.iter().map(|word| word.escape_debug().to_string()).collect::<Vec<_>>().join(" ");
        let Collector { timeout, output_bytes, .. } = *collector;
        let source = Source::Command { words: words.clone(), timeout, output_bytes };
        items.push(item(format!("commands/{}", name.join("_")), title, 0, source));
    }
    for folder in collector.folders.iter().map(Path::new).filter(|folder| folder.is_dir()) {
        let source = Source::Folder { path: folder.to_owned(), depth: collector.depth };
        items.push(item(format!("folders/{}", within(folder)), format!("names within {}", shown(folder)), 0, source));
    }
    for probe in &collector.probes {
        let (path, title) = (format!("probes/{}", probe.name()), format!("{} (by this program)", probe.name()));
        items.push(item(path, title, 0, Source::Probe(*probe)));
    }
    for query in &collector.postgresql {
        let (path, title) =
            (format!("postgresql/{}.jsonl", query.name()), format!("{} (asked of PostgreSQL)", query.about()));
        #[cfg(feature = "postgresql")]
        let source = Source::Query { query: *query, timeout: collector.timeout, output_bytes: collector.output_bytes };
        #[cfg(not(feature = "postgresql"))]
        let source = Source::Given(Err("this program was built without PostgreSQL".to_owned()));
        items.push(item(path, title, 0, source));
    }
    for (number, endpoint) in (1..).zip(&collector.endpoints) {
        let source = Source::Endpoint { endpoint: endpoint.clone(), timeout: collector.timeout };
        let path = format!("endpoints/{}-{number}", collector.name);
        items.push(item(path, format!("{endpoint} (over the network)"), 0, source));
    }
    for question in &collector.questions {
        let (path, title) = (answer(&collector.name, &question.name), format!("the answer to: {}", question.ask));
        let nobody = Source::Given(Err("nobody answered this".to_owned()));
        items.push(Planned { question: Some(question.ask.clone()), ..item(path, title, 0, nobody) });
    }
    for (number, pattern) in (1..).zip(&collector.archives) {
        for (path, size) in files::find(pattern, Wanted::YOUNGEST, now).found {
            let within = format!("archives/{}-{number}", collector.name);
            items.push(item(within, format!("the archive {}", shown(&path)), size, Source::Archive(path)));
        }
    }
    if left_out > 0 {
        let reason = format!("{left_out} older files were left out");
        items.push(item(format!("collectors/{}", collector.name), reason.clone(), 0, Source::Given(Err(reason))));
    } else if items.is_empty() {
        let nothing = "nothing that it reads is on this host".to_owned();
        items.push(item(format!("collectors/{}", collector.name), nothing.clone(), 0, Source::Given(Err(nothing))));
    }
    items
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A path of this host within the bundle.
fn within(path: &Path) -> String {
    shown(path).trim_start_matches('/').to_owned()
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
                Source::Command { words, timeout, output_bytes } => Some(command::run(words, *timeout, *output_bytes)),
                Source::Probe(probe) => Some(probes::run(*probe, Path::new("/proc"), self.now)),
                #[cfg(feature = "postgresql")]
                Source::Query { query, timeout, output_bytes } => {
                    self.server.as_mut().map(|server| server.ask(*query, *timeout, *output_bytes))
                }
                Source::Endpoint { endpoint, timeout } => {
                    Some(endpoints::ask(endpoint, *timeout, self.now).map(String::into_bytes))
                }
                Source::Folder { path, depth } => Some(folders::list(path, *depth).map(String::into_bytes)),
                Source::File { .. } | Source::Archive(_) | Source::Given(_) => None,
            };
            if let Some(given) = given {
                item.source = Source::Given(given);
            }
            item.visit((done, total), each)?;
        }
        #[cfg(feature = "postgresql")]
        if let Some(server) = &mut self.server {
            server.close();
        }
        Ok(())
    }

    fn profile(&self) -> String {
        self.title.clone()
    }
}

impl Planned {
    fn visit(
        &self,
        done: (u64, u64),
        each: &mut dyn FnMut(Found<'_>) -> Result<(), CollectError>,
    ) -> Result<(), CollectError> {
        let mut opened: Box<dyn Read + '_>;
        let content: Result<&mut dyn Read, String> = match &self.source {
            Source::Given(Ok(bytes)) => {
                opened = Box::new(bytes.as_slice());
                Ok(&mut *opened)
            }
            Source::Given(Err(reason)) => Err(reason.clone()),
            Source::File { path, tail_bytes } => match files::tail(path, *tail_bytes) {
                Ok(file) => {
                    opened = file;
                    Ok(&mut *opened)
                }
                Err(error) => Err(format!("cannot be read: {}", error.kind())),
            },
            Source::Archive(path) => match self.visit_archive(path, done, each) {
                Ok(()) => return Ok(()),
                // An archive that is damaged costs what is in it and behind the damage, and nothing else.
                Err(CollectError::Archive(reason)) => Err(reason.to_string()),
                Err(other) => return Err(other),
            },
            #[cfg(feature = "postgresql")]
            Source::Query { .. } => Err("was not asked".to_owned()),
            Source::Command { .. } | Source::Endpoint { .. } | Source::Folder { .. } | Source::Probe(_) => {
                Err("was not run".to_owned())
            }
        };
        each(Found { path: &self.path, collector: &self.collector, content, link: None, changed_at: None, done })
    }

    fn visit_archive(
        &self,
        path: &Path,
        done: (u64, u64),
        each: &mut dyn FnMut(Found<'_>) -> Result<(), CollectError>,
    ) -> Result<(), CollectError> {
        ArchiveEvidence::open(path, Limits::default())?.visit(&mut |found| {
            let path = format!("{}/{}", self.path, found.path);
            let content = found.content.map(|content| content as &mut dyn Read);
            each(Found { path: &path, collector: &self.collector, content, done, ..found })
        })
    }
}

#[cfg(test)]
mod tests {
    //! Proves Q11, B03.

    use super::*;

    fn plan_of(collector: &str) -> Plan {
        let text = format!("name = \"x\"\nversion = 1\n[[collectors]]\nname = \"logs\"\nabout = \"b\"\n{collector}");
        Plan::new(&Profile::parse(&text).unwrap(), Timestamp::UNIX_EPOCH)
    }

    fn visited(plan: &mut Plan) -> Vec<(String, Result<String, String>)> {
        let mut all = Vec::new();
        plan.visit(&mut |found| {
            let mut text = String::new();
            let content = found.content.map(|content| content.read_to_string(&mut text).map(|_| text).unwrap());
            all.push((found.path.to_owned(), content));
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn a_collector_that_finds_nothing_is_planned_with_its_reason() {
        let found = visited(&mut plan_of("files = [\"/nowhere/*.log\"]"));
        assert_eq!(found, [("collectors/logs".into(), Err("nothing that it reads is on this host".into()))]);
    }

    #[test]
    fn files_beyond_the_caps_are_left_out_and_told() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::write(folder.path().join(name), "12345678").unwrap();
        }
        let files = format!("files = [\"{}/*\"]\n", folder.path().display());
        let few = visited(&mut plan_of(&format!("{files}most_files = 2")));
        assert_eq!(few.len(), 3);
        assert_eq!(few[2], ("collectors/logs".into(), Err("1 older files were left out".into())));
        let profile = format!(
            "name = \"x\"\nversion = 1\nbundle_bytes = 20\n[[collectors]]\nname = \"logs\"\nabout = \"b\"\n{files}"
        );
        let small = visited(&mut Plan::new(&Profile::parse(&profile).unwrap(), Timestamp::UNIX_EPOCH));
        assert!(small[1].1.is_ok() && small[2].1.as_ref().unwrap_err().contains("at most 20 bytes"), "{small:?}");
    }

    #[test]
    fn q11_a_person_is_asked_for_the_steps_and_an_open_question_is_told() {
        let mut plan = plan_of(
            "questions = [{ name = \"expected\", ask = \"What did you expect?\" }, { name = \"actual\", ask = \"What happened?\" }]",
        );
        assert!(plan.answer("logs", "expected", " a report \n") && plan.answer("logs", "actual", "  "));
        assert!(!plan.answer("logs", "none", "x") && !plan.answer("os", "expected", "x"));
        assert_eq!(
            visited(&mut plan),
            [
                ("answers/logs/expected".into(), Ok("What did you expect?\n\na report\n".into())),
                ("answers/logs/actual".into(), Err("nobody answered this".into())),
            ]
        );
    }

    #[test]
    fn b03_the_youngest_archive_of_another_tool_is_taken_in_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        archive.append_data(&mut header, "etc/x", b"1\n".as_slice()).unwrap();
        let bytes = archive.into_inner().unwrap();
        let pattern = format!("archives = [\"{}/*.tar\"]", folder.path().display());
        std::fs::write(folder.path().join("a.tar"), &bytes).unwrap();
        assert_eq!(visited(&mut plan_of(&pattern)), [("archives/logs-1/etc/x".into(), Ok("1\n".into()))]);
        std::fs::write(folder.path().join("a.tar"), &bytes[..600]).unwrap();
        let damaged = visited(&mut plan_of(&pattern));
        let (path, last) = damaged.last().unwrap();
        assert!(path == "archives/logs-1" && last.as_ref().unwrap_err().contains("damaged"), "{damaged:?}");
    }

    #[test]
    fn folders_and_commands_are_read_once_for_both_passes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "x").unwrap();
        let mut plan =
            plan_of(&format!("folders = [\"{0}\"]\ncommands = [[\"ls\", \"{0}\"]]", folder.path().display()));
        let first = visited(&mut plan);
        std::fs::write(folder.path().join("b"), "x").unwrap();
        assert_eq!(visited(&mut plan), first);
        assert_eq!(first[0].1.as_deref(), Ok("a\n"));
        assert!(first[1].0.starts_with("folders/") && first[1].1.as_ref().unwrap().contains("/a\n"), "{first:?}");
    }
}
