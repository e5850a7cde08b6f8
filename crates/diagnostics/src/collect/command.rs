//! Running a command: with a clean environment, a deadline and a cap.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use wait_timeout::ChildExt as _;

/// Where programs are looked for: not where the caller's environment says.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Where a program is, if it is on this host.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file())
}

/// Runs a command and gives what it printed, up to so many bytes, or why there is nothing.
pub(super) fn run(command: &[String], deadline: Duration, most: u64) -> Result<Vec<u8>, String> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let program = find(program).ok_or("not on this host")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", FOLDERS.join(":"))
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot be started: {}", error.kind()))?;
    let Some(output) = child.stdout.take() else { return Err("has no output".into()) };
    let (sender, receiver) = mpsc::channel();
    // On a thread of its own: a child of the child may hold the pipe open for ever.
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.take(most).read_to_end(&mut bytes).map(|_| bytes);
        // Nobody listens any more where the deadline is over.
        let _ = sender.send(read);
    });
    let read = receiver.recv_timeout(deadline);
    if read.is_err() {
        // Gone already is as good as stopped.
        let _ = child.kill();
    }
    let status = child.wait_timeout(Duration::from_secs(1)).ok().flatten();
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let bytes = read.map_err(|_| format!("stopped after {} seconds", deadline.as_secs()))?;
    let mut bytes = bytes.map_err(|error| format!("cannot be read: {}", error.kind()))?;
    if bytes.len() as u64 >= most {
        bytes.extend_from_slice(format!("\n[more than {most} bytes: what follows was left out]\n").as_bytes());
    }
    match status {
        // A part is better than nothing: `df` fails for one file system and tells of all others.
        Some(status) if bytes.is_empty() && !status.success() => Err(format!("ended with {status}")),
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<Vec<u8>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        super::run(&words, Duration::from_millis(200), 1000)
    }

    #[test]
    fn a_command_runs_with_a_clean_environment_and_its_failure_has_a_reason() {
        let environment = String::from_utf8(run(&["env"]).unwrap()).unwrap();
        let mut names: Vec<_> =
            environment.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(names, ["LC_ALL", "PATH"]);
        assert_eq!(run(&["false"]).unwrap_err(), "ended with exit status: 1");
        assert_eq!(run(&["no-such-program"]).unwrap_err(), "not on this host");
    }

    #[test]
    fn output_beyond_the_cap_is_left_out_and_told() {
        let output = String::from_utf8(run(&["head", "-c", "5000", "/dev/zero"]).unwrap()).unwrap();
        assert!(output.len() < 1100 && output.contains("[more than 1000 bytes"), "{}", output.len());
    }

    #[test]
    fn a_command_that_does_not_end_is_stopped() {
        assert_eq!(run(&["sleep", "60"]).unwrap_err(), "stopped after 0 seconds");
    }
}
