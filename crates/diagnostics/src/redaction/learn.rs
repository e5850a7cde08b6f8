//! The first pass: what has to be masked wherever it stands.

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Read};

use foldhash::fast::RandomState;

use super::anchors::Finder;
use super::hosts::Hosts;
use super::mentions::Mentions;
use super::names::{Learned, NameKind};
use super::pieces::{self, Sizes};
use super::policy::{Policy, PolicyError, Rule};
use super::redactor::Redactor;
use super::span::Found;
use super::syslog::Column;
use super::values;
use crate::Source;

/// More of a file that lists names is not read.
const MAX_LIST: usize = 4 * 1024 * 1024;

/// So many names of users are remembered as they were given.
const MAX_GIVEN: usize = 20_000;

/// Reads everything once and learns names and secrets.
#[derive(Debug)]
pub struct Learner {
    policy: Policy,
    finder: Finder,
    common: BTreeSet<String>,
    learned: Learned,
    hosts: Hosts,
    /// Hosts of addresses and connection strings.
    mentions: Mentions,
    column: Column,
    /// Names of users as texts gave them: a log gives each of them a thousand times.
    given: HashSet<Vec<u8>, RandomState>,
    /// What was found in the last piece, and the room for the next one.
    found: Found,
    room: Vec<u8>,
}

/// Why a name that a person gives cannot be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It has a blank or a sign that names of its kind have not.
    Signs,
    /// It is too short to be told from other words.
    Short,
}

/// A file that lists names, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    Accounts,
    HostName,
    HostNameControl,
    Hosts,
    Resolver,
    Kernel,
    Sessions,
    /// A log whose lines carry the host's name behind the time.
    Log,
}

impl Learner {
    /// A learner that knows nothing yet.
    pub fn new(policy: Policy) -> Result<Self, PolicyError> {
        let finder = Finder::new(&policy)?;
        let common = policy.rules.names.common.iter().cloned().collect();
        let names = policy.names.clone();
        let mut learner = Self {
            policy,
            finder,
            common,
            learned: Learned::default(),
            hosts: Hosts::default(),
            mentions: Mentions::default(),
            column: Column::default(),
            given: HashSet::default(),
            found: Found::default(),
            room: Vec::new(),
        };
        for (kind, name) in &names {
            learner.name(*kind, name, Source::Given);
        }
        Ok(learner)
    }

    /// Never learns this word as a name: it is the name of a product too.
    pub fn keep(&mut self, word: &str) {
        self.common.insert(word.to_lowercase());
        self.finder.keep(word);
    }

    /// Learns a name, unless it is one that every machine has.
    pub fn name(&mut self, kind: NameKind, name: &str, source: Source) {
        self.learned.name(kind, name, source, &self.common);
    }

    /// Learns a name that a person gives, be it a common word.
    pub fn given(&mut self, kind: NameKind, name: &str) -> Result<(), Refused> {
        let may_have_blanks = kind == NameKind::User;
        let is_plain = |c: char| c.is_alphanumeric() || "._-@$\\/".contains(c) || may_have_blanks && c == ' ';
        if !name.chars().all(is_plain) {
            return Err(Refused::Signs);
        }
        let is_known = self.learned.name(kind, name, Source::Given, &BTreeSet::new());
        if is_known { Ok(()) } else { Err(Refused::Short) }
    }

    /// Learns from a line that is no file's, such as where a link leads.
    pub fn line(&mut self, line: &str) {
        self.find(line.as_bytes(), true);
    }

    /// Learns from a file: from one that lists names by what it is, from every one by what is found in it.
    pub fn read(&mut self, path: &str, content: &mut dyn Read) -> io::Result<()> {
        if self.policy.drops(path) {
            return Ok(());
        }
        // As an absolute one, as it is masked: `home/anna` in an archive is the home of a user.
        self.find(format!("/{path}").as_bytes(), true);
        let listing = listing(path, &self.policy);
        let mut seen = 0;
        // What is no text ends the pass; the second one says so.
        let mut room = std::mem::take(&mut self.room);
        let read = pieces::read(content, Sizes::default(), &mut room, &mut |piece, cut| {
            self.find(piece, cut == piece.len());
            match listing {
                // Of a log every line counts: a host that came late is one, too.
                None | Some(Listing::Log) => self.log(&piece[..cut], listing.is_some()),
                Some(listing) if seen < MAX_LIST => {
                    String::from_utf8_lossy(&piece[..cut]).lines().for_each(|line| self.list(listing, line));
                }
                Some(_) => {}
            }
            seen += cut;
            Ok(cut)
        });
        self.room = room;
        read.map(drop)
    }

    /// Makes a redactor of what was learned. The key is the ticket's: under it, pseudonyms are the same in every bundle.
    pub fn finish(mut self, key: &[u8; 32]) -> Result<Redactor, PolicyError> {
        let Self { learned, hosts, mentions, common, .. } = &mut self;
        let theirs = learned.domains(|_| true);
        // Of them there are few, so that hosts within domains find their places behind them, of which texts may name thousands.
        for (kind, name) in mentions.names() {
            learned.name(kind, name, Source::Texts, common);
        }
        for host in hosts.of(&|domain| theirs.contains(domain)) {
            learned.name(NameKind::Host, host, Source::Texts, common);
        }
        let mentioned = learned.domains(|source| source == Source::Texts);
        let is_numbered = |host: &&str| host.ends_with(|last: char| last.is_ascii_digit());
        for host in hosts.of(&|domain| mentioned.contains(domain)).into_iter().filter(is_numbered) {
            learned.name(NameKind::Host, host, Source::Texts, common);
        }
        let mut coverage = learned.coverage();
        // A full name that was not remembered matters where a domain is known.
        coverage.full |= mentions.full || hosts.full && !(theirs.is_empty() && mentioned.is_empty());
        Ok(Redactor::new(self.policy, self.finder.with(&self.learned)?, coverage, key))
    }

    /// What is cut by the end of a piece stands whole in the next one, unless it is the last.
    fn find(&mut self, piece: &[u8], is_last: bool) {
        self.hosts.find(piece);
        let Self { policy, finder, learned, mentions, common, given, found, .. } = self;
        found.clear();
        let end = piece.as_ptr_range().end;
        finder.find(piece, found, &mut |kind, name| {
            if !is_last && name.as_ptr_range().end == end {
                return;
            }
            if kind != NameKind::User {
                mentions.add(name, &policy.rules.names);
                return;
            }
            if given.contains(name) {
                return;
            }
            if given.len() >= MAX_GIVEN {
                given.clear();
            }
            given.insert(name.to_vec());
            learned.name(kind, &String::from_utf8_lossy(name), Source::Texts, common);
        });
        for span in found.spans() {
            let secret = &piece[span.start..span.end];
            let learns = matches!(span.rule, Rule::Password | Rule::Token | Rule::UrlPassword | Rule::Custom(_));
            let is_whole = is_last || span.end < piece.len();
            if learns && is_whole && values::is_peculiar(secret) {
                learned.secret(secret);
            }
        }
    }

    fn list(&mut self, listing: Listing, line: &str) {
        let mut words = line.split_whitespace();
        match listing {
            Listing::Accounts => self.account(line),
            Listing::HostName => words.for_each(|name| self.listed(NameKind::Host, name)),
            Listing::HostNameControl => {
                if let Some((name, value)) = line.split_once(':')
                    && name.trim().ends_with("hostname")
                {
                    self.listed(NameKind::Host, value);
                }
            }
            Listing::Hosts if !line.trim_start().starts_with('#') => {
                words
                    .skip(1)
                    .take_while(|word| !word.starts_with('#'))
                    .for_each(|name| self.listed(NameKind::Host, name));
            }
            Listing::Resolver => {
                if matches!(words.next(), Some("search" | "domain")) {
                    words.for_each(|name| self.listed(NameKind::Domain, name));
                }
            }
            Listing::Kernel => {
                if words.next() == Some("Linux") {
                    words.next().into_iter().for_each(|name| self.listed(NameKind::Host, name));
                }
            }
            Listing::Sessions => {
                let user =
                    words.next().filter(|user| !matches!(*user, "reboot" | "runlevel" | "shutdown" | "wtmp" | "btmp"));
                if let Some(user) = user {
                    self.listed(NameKind::User, user);
                }
            }
            // A remark; and a log is read line by line before.
            Listing::Hosts | Listing::Log => {}
        }
    }

    fn listed(&mut self, kind: NameKind, name: &str) {
        self.name(kind, name, Source::Lists);
    }

    /// Learns the host of each line of a log.
    fn log(&mut self, text: &[u8], is_known: bool) {
        let Self { column, learned, common, .. } = self;
        column.each(text, is_known, &mut |host| {
            learned.name(NameKind::Host, &String::from_utf8_lossy(host), Source::Logs, common);
        });
    }

    /// `anna:x:1000:1000:Anna Example,,,:/home/anna:/bin/bash`: accounts of people.
    fn account(&mut self, line: &str) {
        let fields: Vec<&str> = line.split(':').collect();
        let &[user, _, id, _, person, home, ..] = fields.as_slice() else { return };
        // By login.defs, accounts of people begin at 1000; 65534 is nobody.
        if !id.parse::<u32>().is_ok_and(|id| id >= 1000 && id != 65534) {
            return;
        }
        self.listed(NameKind::User, user);
        let person = person.split(',').next().unwrap_or_default();
        if person.contains(' ') {
            self.listed(NameKind::User, person);
        }
        if let Some(folder) = home.strip_prefix("/home/") {
            self.listed(NameKind::User, folder);
        }
    }
}

fn listing(path: &str, policy: &Policy) -> Option<Listing> {
    let file = path.rsplit('/').next().unwrap_or(path);
    let ends = |whole: &str| path == whole || path.ends_with(&format!("/{whole}"));
    let known = [
        ("etc/passwd", Listing::Accounts),
        ("etc/hostname", Listing::HostName),
        ("proc/sys/kernel/hostname", Listing::HostName),
        ("etc/hosts", Listing::Hosts),
        ("etc/resolv.conf", Listing::Resolver),
    ];
    if let Some((_, listing)) = known.iter().find(|(whole, _)| ends(whole)) {
        return Some(*listing);
    }
    let of_command = path.contains("commands/") || !path.contains('/');
    match file {
        "hostname" | "hostname_-f" | "hostname_-A" | "dnsdomainname" if of_command => Some(Listing::HostName),
        "hostnamectl" | "hostnamectl_status" => Some(Listing::HostNameControl),
        "uname" | "uname_-a" if of_command => Some(Listing::Kernel),
        "last" | "last_-F" | "w" | "who" if of_command => Some(Listing::Sessions),
        // Accounts of people, and those of a directory; the whole list has the system's accounts too.
        "lastlog_-u_1000-60000" | "lastlog_-u_65537-4294967295" => Some(Listing::Sessions),
        _ if policy
            .rules
            .names
            .host_logs
            .iter()
            .any(|log| file == log || file.starts_with(&format!("{log}.")) || file.starts_with("journalctl")) =>
        {
            Some(Listing::Log)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::*;

    fn masked(files: &[(&str, &str)], text: &str) -> String {
        let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
        for (path, content) in files {
            learner.read(path, &mut content.as_bytes()).unwrap();
        }
        let mut out = Vec::new();
        learner.finish(&[7; 32]).unwrap().mask("x", &mut text.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn v07_names_are_learned_from_files_that_list_them() {
        for (path, content, name) in [
            (
                "etc/passwd",
                "root:x:0:0::/root:/bin/sh\nmiller:x:1001:1001:Anna Miller,,,:/home/amiller:/bin/sh",
                "miller",
            ),
            ("x/etc/passwd", "miller:x:1001:1001:Anna Miller,,,:/home/amiller:/bin/sh", "Anna Miller"),
            ("etc/passwd", "m:x:1001:1001::/home/amiller:/bin/sh", "amiller"),
            ("etc/hostname", "kestrel9\n", "kestrel9"),
            ("sos_commands/host/hostname_-f", "kestrel9.birds.example\n", "birds.example"),
            ("etc/hosts", "10.0.0.1 kestrel9.birds.example kestrel9 # x", "kestrel9"),
            ("etc/resolv.conf", "nameserver 10.0.0.1\nsearch birds.example", "birds.example"),
            ("sos_commands/kernel/uname_-a", "Linux kestrel9 6.1.0 #1 SMP", "kestrel9"),
            ("sos_commands/login/lastlog_-u_1000-60000", "Username  Port\nmiller  **Never logged in**", "miller"),
            ("var/log/syslog", "Nov 21 19:51:27 kestrel9 cron[17]: x", "kestrel9"),
            ("var/log/messages.1", "2026-11-21T19:51:27.1+00:00 kestrel9 cron: x", "kestrel9"),
            ("var/log/any.log", "sshd[1]: Accepted publickey for miller from x", "miller"),
            ("a.txt", "cd /home/miller/x", "miller"),
            ("home/x", "in a path: /home/miller", "miller"),
            ("home/miller/x.txt", "x", "miller"),
            ("a.log", "sudo:  kschmidt : TTY=pts/0 ; PWD=/ ; USER=root", "kschmidt"),
            ("a.log", "sudo: kschmidt : user NOT in sudoers ; TTY=pts/0", "kschmidt"),
            ("a.log", "session opened for user root by kschmidt(uid=1001)", "kschmidt"),
            ("a.log", "session opened for user root(uid=0) by kschmidt(uid=1001)", "kschmidt"),
            ("a.log", "systemd-logind[7]: New session 5 of user hhuber.", "hhuber"),
            ("a.log", "systemd[1]: Started Session c5 of User hhuber.", "hhuber"),
            ("a.log", "su: (to root) tgruber on pts/0", "tgruber"),
            ("a.log", "su[17]: (to root) tgruber on none", "tgruber"),
            ("a.log", "FAILED SU (to oracle7) tgruber on pts/1", "tgruber"),
            ("a.log", "FAILED SU (to oracle7) tgruber on pts/1", "oracle7"),
            ("a.log", "CRON[1]: (backupop) CMD (/usr/bin/x)", "backupop"),
            ("a.log", "authentication failure; rhost=10.0.0.1  user=tgruber", "tgruber"),
            ("sos_commands/host/hostnamectl_status", " Static hostname: kestrel9\n", "kestrel9"),
        ] {
            let text = masked(&[(path, content)], &format!("<{name}>"));
            assert!(!text.contains(name), "{path}: {text}");
        }
    }

    #[test]
    fn v07_what_only_stands_where_a_user_would_is_not_learned() {
        for (text, word) in [
            ("a list of user accounts, session of user names", "accounts"),
            ("it is open (to many) people on Mondays", "people"),
            ("the filter(uid=1) and (uid=x)", "and"),
            ("x : tty, (words) cmd", "words"),
            ("session opened for user root by (uid=0)", "by"),
        ] {
            let masked = masked(&[("a.log", text)], &format!("<{word}>"));
            assert_eq!(masked, format!("<{word}>"), "{text}");
        }
    }

    #[test]
    fn v07_coverage_tells_who_told_a_host_and_that_there_were_more() {
        let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
        assert_eq!(learner.given(NameKind::Domain, "birds.example"), Ok(()));
        learner.read("a.txt", &mut "falcon.birds.example\n".as_bytes()).unwrap();
        let coverage = learner.finish(&[7; 32]).unwrap().coverage().clone();
        assert_eq!(coverage.hosts, [(Source::Given, 1), (Source::Texts, 1)].into());
        assert!(!coverage.full);
        let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
        assert_eq!(learner.given(NameKind::Domain, "birds.example"), Ok(()));
        // So many others that one of theirs behind them is not remembered.
        let many: Vec<String> = (0..20_000).map(|number| format!("host{number}.other.example\n")).collect();
        let text = format!("{}falcon.birds.example\n", many.concat());
        learner.read("a.txt", &mut text.as_bytes()).unwrap();
        assert!(learner.finish(&[7; 32]).unwrap().coverage().full);
    }

    #[test]
    fn v07_a_given_name_that_cannot_be_masked_says_why() {
        let mut learner = Learner::new(Policy::standard().unwrap()).unwrap();
        for (kind, name, refused) in [
            (NameKind::Host, "bad host", Refused::Signs),
            (NameKind::Domain, "birds example.org", Refused::Signs),
            (NameKind::User, "O'Brien", Refused::Signs),
            (NameKind::Host, "pg", Refused::Short),
            (NameKind::Domain, "example", Refused::Short),
        ] {
            assert_eq!(learner.given(kind, name), Err(refused), "{name}");
        }
        assert_eq!(learner.given(NameKind::User, "Eva Falke"), Ok(()));
    }

    #[test]
    fn v07_a_secret_found_beside_its_name_is_masked_where_it_stands_alone() {
        let text = masked(&[("app.conf", "db_password = Kx7-quiet-Harbour")], "tried Kx7-quiet-Harbour, no luck");
        assert_eq!(text, "tried [masked:repeated], no luck");
    }

    #[test]
    fn v07_a_host_of_a_learned_domain_is_learned_by_its_bare_name_too() {
        let files = [
            (
                "a-first.log",
                "to falcon.corp.example.org, mail.corp.example.org, db1.corp.example.org, tools.other.example.net",
            ),
            ("etc/resolv.conf", "search corp.example.org\n"),
        ];
        let text = masked(&files, "falcon and FALCON, mail, db1, tools, falcons");
        assert!(text.starts_with("host-") && text.ends_with(", mail, db1, tools, falcons"), "{text}");
        assert!(!text.to_lowercase().contains("falcon "), "{text}");
    }

    #[test]
    fn system_accounts_and_common_words_are_not_learned() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nsshd:x:104:1::/run:/x\nnobody:x:65534:1::/:/x\nubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/x";
        assert_eq!(masked(&[("etc/passwd", accounts)], "root sshd nobody ubuntu"), "root sshd nobody ubuntu");
    }
}
