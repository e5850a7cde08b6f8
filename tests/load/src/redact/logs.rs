//! Log text: the same in every run, and as real as it has to be. A host's log, an application's log in JSON, the log of a web server, and the files
//! that list the names in them. Of a thousand lines a few have a secret; most have an address or a name.

use std::fmt::Write as _;

use crate::drive::spread;

/// Users who log in, and whom the application knows.
const USERS: usize = 40;
/// Hosts of the network.
const HOSTS: usize = 60;
/// Addresses from which the web is asked.
const CLIENTS: usize = 4000;
/// One line of so many has a secret.
const SECRETS: usize = 400;

/// A file, by its path in a report.
pub(crate) struct LogFile {
    pub(crate) path: &'static str,
    pub(crate) text: Vec<u8>,
}

/// Writes a line of a log, by its number.
type Line = fn(&mut Chance, usize, &mut String);

/// Files of about so many bytes together.
pub(crate) fn logs(bytes: usize) -> Vec<LogFile> {
    let mut chance = Chance(0);
    let mut files = vec![
        LogFile { path: "etc/hostname", text: b"wren-42\n".to_vec() },
        LogFile {
            path: "etc/hosts",
            text: list(HOSTS, |n| format!("10.20.{}.{} {}.nest.example {}\n", n / 8, n + 10, host(n), host(n))),
        },
        LogFile {
            path: "etc/passwd",
            text: list(USERS, |n| format!("{0}:x:{1}:100::/home/{0}:/bin/bash\n", user(n), 1000 + n)),
        },
        LogFile { path: "etc/resolv.conf", text: b"search nest.example\nnameserver 10.20.0.2\n".to_vec() },
    ];
    let kinds: [(&str, Line); 3] =
        [("var/log/syslog", system), ("var/log/atlas/atlas.json", application), ("var/log/nginx/access.log", web)];
    for (path, write) in kinds {
        let mut text = String::with_capacity(bytes / 3 + 4096);
        let mut line = 0;
        while text.len() < bytes / 3 {
            write(&mut chance, line, &mut text);
            line += 1;
        }
        files.push(LogFile { path, text: text.into_bytes() });
    }
    files
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 += 1;
        usize::try_from(spread(self.0) % end as u64).unwrap()
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[self.below(16)])).collect()
    }
}

fn list(count: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    (0..count).map(line).collect::<String>().into_bytes()
}

fn host(number: usize) -> String {
    let birds = ["heron", "falcon", "kestrel", "plover", "dunlin", "siskin"];
    format!("{}-{:02}", birds[number % birds.len()], number)
}

fn user(number: usize) -> String {
    let names = ["amara", "bjorn", "chidi", "dalia", "emeka", "freya", "goran", "hilde"];
    format!("{}{}", names[number % names.len()], number)
}

fn client(number: usize) -> String {
    // Networks of many sizes: some clients share one.
    let (network, place) = (number / 7, number % 251);
    format!("{}.{}.{}.{}", 60 + network % 130, network * 7 % 256, network * 13 % 256, place + 1)
}

fn clock(line: usize) -> (usize, usize, usize, usize) {
    let second = line / 9;
    (8 + second / 86_400 % 20, second / 3600 % 24, second / 60 % 60, second % 60)
}

/// `Jun  8 12:00:00 wren-42 sshd[17]: …`
fn system(chance: &mut Chance, line: usize, text: &mut String) {
    let (day, hour, minute, second) = clock(line);
    write!(text, "Jun {day:2} {hour:02}:{minute:02}:{second:02} wren-42 ").unwrap();
    let (pid, who) = (1000 + chance.below(60_000), user(chance.below(USERS)));
    let written = match chance.below(12) {
        0 => writeln!(
            text,
            "sshd[{pid}]: Accepted publickey for {who} from {} port {} ssh2: ED25519 SHA256:{}",
            client(chance.below(CLIENTS)),
            1024 + chance.below(60_000),
            chance.hex(40)
        ),
        1 => writeln!(
            text,
            "sshd[{pid}]: Disconnected from authenticating user root {} port {} [preauth]",
            client(chance.below(CLIENTS)),
            chance.below(60_000)
        ),
        2 => writeln!(text, "CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"),
        3 => writeln!(text, "CRON[{pid}]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)"),
        4 => writeln!(
            text,
            "systemd[1]: Started session-{}.scope - Session {} of User {who}.",
            chance.below(9000),
            chance.below(9000)
        ),
        5 => writeln!(
            text,
            "systemd[1]: apt-daily.service: Deactivated successfully. Consumed {}.{:03}s CPU time.",
            chance.below(90),
            chance.below(1000)
        ),
        6 => writeln!(
            text,
            "kernel: [{:6}.{:06}] audit: type=1400 audit(17800{:05}.{:03}:{}): apparmor=\"ALLOWED\" operation=\"open\" profile=\"/usr/sbin/cupsd\" pid={pid} comm=\"cupsd\"",
            chance.below(900_000),
            chance.below(1_000_000),
            chance.below(90_000),
            chance.below(1000),
            chance.below(9000)
        ),
        7 => writeln!(
            text,
            "kernel: [UFW BLOCK] IN=eth0 OUT= MAC=00:16:3e:5a:{}:{}:00:16:3e:11:22:33:08:00 SRC={} DST=10.20.0.17 LEN=40 TOS=0x00 PREC=0x00 TTL=244 ID={} PROTO=TCP SPT={} DPT=22",
            chance.hex(2),
            chance.hex(2),
            client(chance.below(CLIENTS)),
            chance.below(60_000),
            chance.below(60_000)
        ),
        8 => writeln!(
            text,
            "dhclient[{pid}]: DHCPREQUEST for 10.20.0.{} on eth0 to 10.20.0.2 port 67 (xid=0x{})",
            chance.below(250),
            chance.hex(8)
        ),
        9 => writeln!(
            text,
            "postfix/smtp[{pid}]: {}: to=<{who}@nest.example>, relay={}.nest.example[10.20.1.{}]:25, delay=0.{}, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
            chance.hex(10),
            host(chance.below(HOSTS)),
            chance.below(250),
            chance.below(100)
        ),
        10 => writeln!(
            text,
            "dockerd[{pid}]: time=\"2026-06-08T{hour:02}:{minute:02}:{second:02}.{:09}Z\" level=info msg=\"ignoring event\" container={} module=libcontainerd topic=/tasks/delete",
            chance.below(1_000_000_000),
            chance.hex(64)
        ),
        _ if chance.below(SECRETS / 12) == 0 => writeln!(
            text,
            "backup[{pid}]: running mysqldump -u backup -p{} --single-transaction inventory > /var/backups/inventory.sql",
            chance.hex(14)
        ),
        _ => writeln!(
            text,
            "atlas[{pid}]: connection pool to {}.nest.example:5432 has 17 of 20 connections in use, waited {} ms",
            host(chance.below(HOSTS)),
            chance.below(900)
        ),
    };
    written.unwrap();
}

/// `{"ts":"…","level":"info",…}`
fn application(chance: &mut Chance, line: usize, text: &mut String) {
    let (day, hour, minute, second) = clock(line);
    write!(text, "{{\"ts\":\"2026-06-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z\",", chance.below(1000))
        .unwrap();
    let (trace, elapsed) = (chance.hex(32), chance.below(4000));
    let written = match chance.below(6) {
        0 => writeln!(
            text,
            "\"level\":\"info\",\"logger\":\"atlas.http\",\"msg\":\"request done\",\"trace_id\":\"{trace}\",\"user\":\"{}\",\"status\":200,\"elapsed_ms\":{elapsed},\"bytes\":{}}}",
            user(chance.below(USERS)),
            chance.below(90_000)
        ),
        1 => writeln!(
            text,
            "\"level\":\"debug\",\"logger\":\"atlas.sql\",\"msg\":\"SELECT id, name, updated_at FROM orders WHERE customer_id = $1 ORDER BY id LIMIT 50\",\"trace_id\":\"{trace}\",\"rows\":{},\"elapsed_ms\":{elapsed}}}",
            chance.below(50)
        ),
        2 => writeln!(
            text,
            "\"level\":\"warn\",\"logger\":\"atlas.queue\",\"msg\":\"queue orders-{} is {} messages behind, consumer {}.nest.example\",\"trace_id\":\"{trace}\"}}",
            chance.below(16),
            chance.below(9000),
            host(chance.below(HOSTS))
        ),
        3 => writeln!(
            text,
            "\"level\":\"info\",\"logger\":\"atlas.audit\",\"msg\":\"order changed\",\"order\":\"{}-{}-{}-{}-{}\",\"from\":\"{}\",\"trace_id\":\"{trace}\"}}",
            chance.hex(8),
            chance.hex(4),
            chance.hex(4),
            chance.hex(4),
            chance.hex(12),
            client(chance.below(CLIENTS))
        ),
        4 if chance.below(SECRETS / 6) == 0 => writeln!(
            text,
            "\"level\":\"debug\",\"logger\":\"atlas.client\",\"msg\":\"sending\",\"headers\":{{\"Accept\":\"*/*\",\"Authorization\":\"Bearer {}\"}},\"trace_id\":\"{trace}\"}}",
            chance.hex(40)
        ),
        4 => writeln!(
            text,
            "\"level\":\"info\",\"logger\":\"atlas.session\",\"msg\":\"session renewed\",\"user\":\"{}\",\"valid_minutes\":30,\"trace_id\":\"{trace}\"}}",
            user(chance.below(USERS))
        ),
        _ => writeln!(
            text,
            "\"level\":\"error\",\"logger\":\"atlas.worker\",\"msg\":\"java.lang.IllegalStateException: connection reset\\n\\tat com.example.atlas.Worker.run(Worker.java:{})\\n\\tat java.base/java.lang.Thread.run(Thread.java:840)\",\"trace_id\":\"{trace}\"}}",
            chance.below(900)
        ),
    };
    written.unwrap();
}

/// The combined format of web servers.
fn web(chance: &mut Chance, line: usize, text: &mut String) {
    let (day, hour, minute, second) = clock(line);
    let paths = [
        "/",
        "/orders",
        "/api/v2/orders",
        "/static/app.3f9c2d.js",
        "/static/style.css",
        "/login",
        "/api/v2/customers/search",
        "/health",
    ];
    let agents = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        "curl/8.5.0",
        "atlas-client/7.2.1 (linux; amd64)",
    ];
    let (path, agent) = (paths[chance.below(paths.len())], agents[chance.below(agents.len())]);
    let query = match chance.below(SECRETS) {
        0 => format!("?access_token={}&page=2", chance.hex(40)),
        1..=99 => format!("?page={}&sort=name", chance.below(40)),
        _ => String::new(),
    };
    let status = [200, 200, 200, 200, 304, 404, 302, 500][chance.below(8)];
    writeln!(
        text,
        "{} - - [{day:02}/Jun/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET {path}{query} HTTP/1.1\" {status} {} \"https://atlas.nest.example{path}\" \"{agent}\"",
        client(chance.below(CLIENTS)),
        chance.below(90_000),
    )
    .unwrap();
}
