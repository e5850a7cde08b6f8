//! The column of a log in which the name of the host stands: `Jun  8 12:00:01 web01 sshd[12]: …`, in any file.

use super::ahead::run;

/// No month, day and time take more, with a year and parts of a second.
const MAX_TIME: usize = 40;

/// Programs that write to the system's log without their numbers. Any other word with a colon may be a part of a sentence.
const UNNUMBERED: [&[u8]; 12] = [
    b"kernel",
    b"sudo",
    b"su",
    b"systemd",
    b"sshd",
    b"cron",
    b"crond",
    b"dhclient",
    b"init",
    b"logger",
    b"rsyslogd",
    b"syslog",
];

/// Reads the column, line by line.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// The host of the last line and where it stood: the next is nearly always the same one's.
    last: Vec<u8>,
    at: usize,
}

impl Column {
    /// Shows each host that is another than that of the line before. In a log that is known as one of the system's each line has a host; in any other
    /// file what follows must be a program too.
    pub(super) fn each(&mut self, text: &[u8], is_known: bool, see: &mut dyn FnMut(&[u8])) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text).chain([text.len()]) {
            let line = &text[start..end];
            start = end + 1;
            if !may_begin(line) || self.is_same(line) {
                continue;
            }
            if let Some((start, end)) = host(line, is_known) {
                let host = &line[start..end];
                self.at = start;
                if host != self.last {
                    self.last.clear();
                    self.last.extend_from_slice(host);
                    see(host);
                }
            }
        }
    }

    /// Whether the host of the last line stands in the same place of this one, as a word.
    fn is_same(&self, line: &[u8]) -> bool {
        let is_blank = |at: Option<usize>| at.and_then(|at| line.get(at)) == Some(&b' ');
        let end = self.at + self.last.len();
        !self.last.is_empty()
            && line.get(self.at..end) == Some(self.last.as_slice())
            && is_blank(self.at.checked_sub(1))
            && is_blank(Some(end))
    }
}

/// Whether a line may begin with a time: with a month, a year or a priority. Most lines of other files do not.
fn may_begin(line: &[u8]) -> bool {
    match line {
        [first, second, third, b' ', ..] => {
            first.is_ascii_uppercase() && second.is_ascii_lowercase() && third.is_ascii_lowercase()
        }
        [b'0'..=b'9', _, _, _, b'-', _, _, b'-', _, _, b'T' | b' ', ..] | [b'<', b'0'..=b'9', ..] => true,
        _ => false,
    }
}

/// The host in `Nov 21 19:51:27 host program[1]: …`, or behind a time like `2026-11-21T19:51:27+00:00`; both may stand behind a priority, and with one
/// also as RFC 5424 has it: `<34>1 2026-11-21T19:51:27Z host program 1 - …`.
fn host(whole: &[u8], is_known: bool) -> Option<(usize, usize)> {
    let (line, is_priority) = behind_priority(whole);
    let protocol = line.strip_prefix(b"1 ").filter(|_| is_priority);
    let line = protocol.unwrap_or(line);
    let is_dated = line.len() >= 19 && line[4] == b'-' && line[7] == b'-';
    let is_joined = is_dated && line[10] == b'T';
    let behind_time = if is_joined {
        word(line, 0)?.1
    } else if is_dated {
        word(line, word(line, 0)?.1).filter(|(start, _)| is_time(&line[*start..]))?.1
    } else {
        behind_month(line)?
    };
    let (start, end) = word(line, behind_time)?;
    let (host, behind) = (&line[start..end], &line[end..]);
    // A message without a host begins with its program: `kernel:`, `sshd[17]:`.
    if host.ends_with(b":") || host.iter().any(|byte| b"[]=(){}|,\"".contains(byte)) {
        return None;
    }
    let program = || word(behind, 0).map(|(start, end)| &behind[start..end]);
    let is_told = is_known && (is_joined || !is_dated) || protocol.is_some() && is_joined;
    let follows = is_told || program().is_some_and(|word| is_program(word, is_dated, is_priority));
    let before = whole.len() - line.len();
    follows.then_some((before + start, before + end))
}

/// Whether this is a program that writes to the system's log: with its number, or one that is known. Behind a whole date there are many other logs:
/// there only the kernel has none. A priority says that it is the system's, and a message of a router begins with a sign.
fn is_program(word: &[u8], is_dated: bool, is_priority: bool) -> bool {
    let Some(name) = word.strip_suffix(b":") else { return false };
    let is_numbered = name.strip_suffix(b"]").and_then(|name| {
        let open = name.iter().rposition(|byte| *byte == b'[')?;
        (open > 0 && open + 1 < name.len() && name[open + 1..].iter().all(u8::is_ascii_digit)).then_some(())
    });
    let is_known = || UNNUMBERED.contains(&name) || name.starts_with(b"%") || is_priority && !name.is_empty();
    is_numbered.is_some() || name == b"kernel" || !is_dated && is_known()
}

fn behind_priority(line: &[u8]) -> (&[u8], bool) {
    let Some(rest) = line.strip_prefix(b"<") else { return (line, false) };
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    match rest.get(digits) {
        Some(b'>') if (1..=3).contains(&digits) => (&rest[digits + 1..], true),
        _ => (line, false),
    }
}

/// Where a month, a day, maybe a year, and a time end.
fn behind_month(line: &[u8]) -> Option<usize> {
    let near = &line[..line.len().min(MAX_TIME)];
    let (start, month) = word(near, 0)?;
    let (day, mut end) = word(near, month)?;
    if month - start != 3 || end - day > 2 || !near[day].is_ascii_digit() {
        return None;
    }
    let mut time = word(near, end)?;
    if time.1 - time.0 == 4 && near[time.0..time.1].iter().all(u8::is_ascii_digit) {
        end = time.1;
        time = word(near, end)?;
    }
    is_time(&near[time.0..time.1]).then_some(time.1)
}

/// `12:00:01`, maybe with parts of a second.
fn is_time(word: &[u8]) -> bool {
    word.len() >= 8 && word[0].is_ascii_digit() && word[2] == b':' && word[5] == b':'
}

/// The next word, by its place.
fn word(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = run(line, from, |byte| byte.is_ascii_whitespace());
    let end = run(line, start, |byte| !byte.is_ascii_whitespace());
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::*;

    fn hosts(text: &str, is_known: bool) -> Vec<String> {
        let mut hosts = Vec::new();
        let mut see = |host: &[u8]| hosts.push(String::from_utf8_lossy(host).into_owned());
        Column::default().each(text.as_bytes(), is_known, &mut see);
        hosts
    }

    #[test]
    fn v07_the_host_of_a_line_is_read_in_every_form_and_any_file() {
        for line in [
            "Jun  8 12:00:01 web01 sshd[12]: Accepted",
            "Jun 8 12:00:01 web01 kernel: x",
            "Jun  8 12:00:01 web01 sudo:  kschmidt : TTY=pts/0",
            "Jun 18 12:00:01.123456 web01 CRON[7]: x",
            "Jun  8 2026 12:00:01 web01 %LINK-3-UPDOWN: Interface",
            "2026-06-08T12:00:01+02:00 web01 sshd[12]: x",
            "2026-06-08T12:00:01.123Z web01 kernel: x",
            "2026-06-08 12:00:01 web01 postfix/smtp[12]: x",
            "<34>Jun  8 12:00:01 web01 su: x",
            "<34>1 2026-06-08T12:00:01.003Z web01 su - ID47 - x",
            "<165>1 2026-06-08T12:00:01Z web01 app 12 ID1 [x@1 a=\"b\"] y",
        ] {
            assert_eq!(hosts(line, false), ["web01"], "{line}");
            let last = format!("-- begins --\n{}{line}", "x\n".repeat(3));
            assert_eq!(hosts(&last, false), ["web01"], "the last line of {last}");
        }
    }

    #[test]
    fn v07_what_stands_behind_a_time_in_other_files_is_no_host() {
        for line in [
            "2026-06-08T12:00:01Z INFO main: started",
            "2026-06-08 12:00:01,789 [main] INFO com.example.App - started",
            "2026-06-08T12:00:01Z worker-3 done: 17",
            "2026-06-08 12:00:01 UTC [17]: LOG:  x",
            "Jun  8 12:00:00 kernel: [    0.000000] x",
            "Jun  8 12:00:00 sshd[12]: x",
            "Jun  8 12:00:00 backup done",
            "Jun  8 12:00:01 Failed login: bob",
            "Jun 08, 2026 12:00:01 PM org.foo.Bar x: y",
            "The way 12:00:01 it is: x",
            "<34 x",
            "<34>1",
            "Jun",
            "Jun  8",
            "2026-06-08T",
            "",
        ] {
            assert!(hosts(line, false).is_empty(), "{line}: {:?}", hosts(line, false));
        }
    }

    #[test]
    fn v07_a_log_of_the_system_needs_no_program_behind_the_host() {
        assert_eq!(hosts("2026-06-08T12:00:01Z web01 message\nJun  8 12:00:01 web02 x", true), ["web01", "web02"]);
    }
}
