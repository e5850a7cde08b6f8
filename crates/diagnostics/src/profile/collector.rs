//! Collectors: what each reads, and how much of it at most.

use std::time::Duration;

use super::{Endpoint, Fields, Given, Query, is_plain, nearest};

/// A longer file is cut at its beginning, unless its collector says otherwise.
const TAIL_BYTES: u64 = 8_000_000;
/// No collector may keep more of a file.
const MOST_TAIL_BYTES: u64 = 16_000_000_000;
/// So many files are read of one pattern, the youngest ones, unless its collector says otherwise.
const FILES: u64 = 1000;
/// A command that takes longer is stopped, unless its collector says otherwise.
const TIMEOUT: Duration = Duration::from_secs(20);
/// No command may take longer.
const MOST_TIMEOUT: Duration = Duration::from_mins(30);
/// More output of a command is left out, unless its collector says otherwise.
const OUTPUT_BYTES: u64 = 16 * 1024 * 1024;
/// Output is held in memory.
const MOST_OUTPUT_BYTES: u64 = 256 * 1024 * 1024;
/// How deep folders are listed, unless its collector says otherwise.
const DEPTH: u64 = 3;
/// Ten years: as long as anybody keeps logs.
const MOST_WINDOW: Duration = Duration::from_hours(10 * 365 * 24);

/// A collector. Its name is the name of the artefact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// Its name: `os`.
    pub name: String,
    /// What it collects, in a few words.
    pub about: String,
    /// Files by absolute paths; `*` stands for any part of a name, `**` for any folders.
    pub files: Vec<String>,
    /// Only files that changed within this time are read.
    pub changed_within: Option<Duration>,
    /// So many files of one pattern are read at most, the youngest ones.
    pub most_files: usize,
    /// How much of a file is kept at most, from its end.
    pub tail_bytes: u64,
    /// Commands with their arguments. They run without a shell.
    pub commands: Vec<Vec<String>>,
    /// A command that takes longer is stopped, and an endpoint that does not answer is given up.
    pub timeout: Duration,
    /// How much of a command's output is kept at most, from its beginning.
    pub output_bytes: u64,
    /// Folders of which the names, sizes and times are listed, and no content.
    pub folders: Vec<String>,
    /// How deep folders are listed.
    pub depth: usize,
    /// What this program finds out itself.
    pub probes: Vec<Probe>,
    /// What PostgreSQL is asked, over the connection that the environment names.
    pub postgresql: Vec<Query>,
    /// Endpoints that are reached over the network, without credentials, for what their certificates and headers say.
    pub endpoints: Vec<Endpoint>,
    /// What a person is asked.
    pub questions: Vec<Question>,
    /// Archives that other tools made: the youngest of each pattern is taken in.
    pub archives: Vec<String>,
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its name.
    pub name: String,
    /// The question.
    pub ask: String,
}

/// What this program finds out itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// What runs, from `/proc`.
    Processes,
    /// What listens, from `/proc/net`, with addresses as they are usually written.
    Sockets,
    /// The clock and the zone.
    Time,
    /// The names of variables of the environment.
    Environment,
}

impl Probe {
    /// Every probe.
    pub const ALL: [Self; 4] = [Self::Processes, Self::Sockets, Self::Time, Self::Environment];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Sockets => "sockets",
            Self::Time => "time",
            Self::Environment => "environment",
        }
    }
}

/// Reads the collectors of a profile.
pub(super) fn read(fields: &mut Fields<'_>) -> Vec<Collector> {
    let tables = fields.tables("collectors");
    if tables.is_empty() && !fields.has("collectors") {
        fields.missing("collectors");
    }
    let mut collectors: Vec<Collector> = Vec::new();
    for mut table in tables {
        let collector = collector(&mut table, &collectors);
        table.done();
        collectors.push(collector);
    }
    collectors
}

fn collector(fields: &mut Fields<'_>, before: &[Collector]) -> Collector {
    let name = name(fields, "collector", &|name| before.iter().any(|other| other.name == name));
    let about = fields.needs_text("about");
    let files = paths(fields, "files");
    let commands = commands(fields);
    let folders = paths(fields, "folders");
    let probes = named(fields, "probes", "probe", &Probe::ALL, Probe::name);
    let postgresql = named(fields, "postgresql", "query", &Query::ALL, Query::name);
    let endpoints = endpoints(fields);
    let questions = questions(fields);
    let archives = paths(fields, "archives");
    let sources = ["files", "commands", "folders", "probes", "postgresql", "endpoints", "questions", "archives"];
    if !sources.iter().any(|source| fields.has(source)) {
        let place = fields.place();
        fields.wrong_unless_unread(
            &place,
            "the collector collects nothing",
            Some(format!("give it one of {}", sources.join(", "))),
        );
    }
    let count = |number: Option<u64>, usual: u64| usize::try_from(number.unwrap_or(usual)).unwrap_or(usize::MAX);
    Collector {
        name,
        about: about.map(|about| about.value.to_owned()).unwrap_or_default(),
        files,
        changed_within: fields.duration("changed_within", MOST_WINDOW),
        most_files: count(fields.number("most_files", 1..=100_000), FILES),
        tail_bytes: fields.size("tail_bytes", 1..=MOST_TAIL_BYTES).unwrap_or(TAIL_BYTES),
        commands,
        timeout: fields.duration("timeout", MOST_TIMEOUT).unwrap_or(TIMEOUT),
        output_bytes: fields.size("output_bytes", 1..=MOST_OUTPUT_BYTES).unwrap_or(OUTPUT_BYTES),
        folders,
        depth: count(fields.number("depth", 1..=32), DEPTH),
        probes,
        postgresql,
        endpoints,
        questions,
        archives,
    }
}

/// The name of a collector, a question or an analyzer: plain, and its own.
pub(crate) fn name(fields: &mut Fields<'_>, what: &str, is_taken: &dyn Fn(&str) -> bool) -> String {
    let Some(name) = fields.needs_text("name") else { return String::new() };
    if !is_plain(name.value) {
        fields.wrong(&name, format!("the name of the {what} has to be of small letters, digits and `-`"));
    } else if is_taken(name.value) {
        fields.wrong(&name, format!("two {what}s are called {}", name.value));
    }
    name.value.to_owned()
}

fn paths(fields: &mut Fields<'_>, field: &'static str) -> Vec<String> {
    let given = fields.texts(field);
    for path in &given {
        if !path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
            fields.wrong(path, "a path has to be absolute and without `..`");
        } else if let Err(error) = glob::Pattern::new(path.value) {
            fields.wrong(path, format!("the path is no pattern: {}", error.msg));
        }
    }
    given.into_iter().map(|path| path.value.to_owned()).collect()
}

fn commands(fields: &mut Fields<'_>) -> Vec<Vec<String>> {
    let given = fields.lists_of_texts("commands");
    for command in &given {
        let program = command.value.first();
        let is_named = |program: &&Given<&str>| {
            !program.value.is_empty()
                && !program.value.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control())
        };
        match program {
            None => fields.wrong(command, "a command has at least the name of a program"),
            Some(program) if !is_named(&program) => {
                fields.wrong_but(
                    program,
                    "a program is named without a folder and without blanks",
                    "arguments are texts of their own: [\"df\", \"-P\"]; programs are looked for in /usr/sbin, /usr/bin, /sbin, /bin",
                );
            }
            Some(_) => {}
        }
    }
    let words =
        |command: Given<Vec<Given<&str>>>| command.value.into_iter().map(|word| word.value.to_owned()).collect();
    given.into_iter().map(words).collect()
}

/// What this program knows by name.
fn named<T: Copy>(
    fields: &mut Fields<'_>,
    field: &'static str,
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Vec<T> {
    let mut found = Vec::new();
    for given in fields.texts(field) {
        if let Some(known) = all.iter().find(|known| name(**known) == given.value) {
            found.push(*known);
            continue;
        }
        let names: Vec<&str> = all.iter().map(|known| name(*known)).collect();
        let help = nearest(given.value, names.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        let help = help.unwrap_or_else(|| format!("known: {}", names.join(", ")));
        fields.wrong_but(&given, format!("there is no {what} {}", given.value), help);
    }
    found
}

fn endpoints(fields: &mut Fields<'_>) -> Vec<Endpoint> {
    let given = fields.texts("endpoints");
    let endpoint = |given: Given<&str>| Endpoint::parse(given.value).map_err(|why| fields.wrong(&given, why)).ok();
    given.into_iter().filter_map(endpoint).collect()
}

fn questions(fields: &mut Fields<'_>) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for mut table in fields.tables("questions") {
        let name = name(&mut table, "question", &|name| questions.iter().any(|other| other.name == name));
        let ask = table.needs_text("ask").map(|ask| ask.value.to_owned()).unwrap_or_default();
        table.done();
        questions.push(Question { name, ask });
    }
    questions
}
