//! What this program finds out itself, from `/proc`.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::profile::Probe;

/// Runs a probe.
pub(super) fn run(probe: Probe, proc: &Path, now: Timestamp) -> Result<Vec<u8>, String> {
    match probe {
        Probe::Processes => processes(proc),
        Probe::Sockets => sockets(proc),
        Probe::Time => Ok(time(now)),
        Probe::Environment => Ok(environment()),
    }
    .map(String::into_bytes)
}

/// A line for each process: id, parent, user, state, threads, resident memory, command line.
fn processes(proc: &Path) -> Result<String, String> {
    let folder = std::fs::read_dir(proc).map_err(|error| format!("/proc cannot be read: {}", error.kind()))?;
    let mut ids: Vec<u32> = folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    let mut text = String::from("    PID    PPID    UID S THREADS    RSS_KIB COMMAND\n");
    for id in ids {
        let folder = proc.join(id.to_string());
        // A process may end while its folder is read.
        let Ok(status) = std::fs::read_to_string(folder.join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()).unwrap_or("-")
        };
        let words = std::fs::read(folder.join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace(['\0', '\n'], " ");
        let command =
            if words.trim().is_empty() { format!("[{}]", field("Name")) } else { words.trim_end().to_owned() };
        let _ = writeln!(
            text,
            "{id:>7} {:>7} {:>6} {} {:>7} {:>10} {command}",
            field("PPid"),
            field("Uid"),
            field("State"),
            field("Threads"),
            field("VmRSS")
        );
    }
    Ok(text)
}

/// A line for each socket that listens. The kernel writes addresses as hexadecimal words, which no rule of redaction reads.
fn sockets(proc: &Path) -> Result<String, String> {
    let mut text = String::from("PROTOCOL LOCAL UID\n");
    let mut read = false;
    for protocol in ["tcp", "tcp6", "udp", "udp6"] {
        let Ok(table) = std::fs::read_to_string(proc.join("net").join(protocol)) else { continue };
        read = true;
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let &[_, local, _, state, _, _, _, user, ..] = fields.as_slice() else { continue };
            // 0A is LISTEN; a socket of UDP has no such state.
            if protocol.starts_with("tcp") && state != "0A" {
                continue;
            }
            if let Some(address) = address(local) {
                let _ = writeln!(text, "{protocol} {address} {user}");
            }
        }
    }
    if read { Ok(text) } else { Err("/proc/net cannot be read".into()) }
}

/// `0100007F:1F90` is `127.0.0.1:8080`: words of four bytes in the order of the machine, the port in that of the network.
fn address(text: &str) -> Option<String> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match address.len() {
        8 => Some(format!("{}:{port}", Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
            }
            Some(format!("[{}]:{port}", Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

fn time(now: Timestamp) -> String {
    let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    let name = zone.iana_name().unwrap_or("unknown").to_owned();
    format!("utc {now}\nlocal {}\nzone {name}\n", now.to_zoned(zone))
}

/// Names only: values hold secrets.
fn environment() -> String {
    let mut names: Vec<String> = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names.into_iter().fold(String::new(), |text, name| text + &name + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_kernel_are_written_as_people_do() {
        if cfg!(target_endian = "little") {
            assert_eq!(address("0100007F:1F90").unwrap(), "127.0.0.1:8080");
            assert_eq!(address("00000000000000000000000001000000:0016").unwrap(), "[::1]:22");
        }
        assert_eq!(address("xyz"), None);
    }

    #[test]
    fn processes_are_told_with_their_command_lines() {
        let text = processes(Path::new("/proc")).unwrap();
        let own = format!("{:>7} ", std::process::id());
        assert!(text.lines().any(|line| line.starts_with(&own)), "{text}");
    }
}
