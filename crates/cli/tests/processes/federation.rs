//! The three services as processes of their own on fixed ports, with a road to each: killed and started again, cut off.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;
use vouch_contract::pb::partner::v1 as partner;

use crate::front_line::Agent;
use crate::proxy::{Barrier, road};
use crate::up::Up;
use crate::vouch;

/// The services, by the order of their processes, roads and barriers.
const NAMES: [&str; 3] = ["license", "vendor", "partner"];

/// A service as a process of its own, on a fixed port.
pub(crate) struct Process {
    name: &'static str,
    config: PathBuf,
    pub(crate) address: SocketAddr,
    child: Child,
    /// Held, never written to: the service ends with it.
    leash: ChildStdin,
}

impl Process {
    fn start(name: &'static str, data: &Path, address: SocketAddr) -> Self {
        let config = data.join(name).join("config.toml");
        let (child, leash) = spawn(name, &config);
        Self { name, config, address, child, leash }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        (self.child, self.leash) = spawn(self.name, &self.config);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a service and waits until it listens. What it logs is in the data folder.
fn spawn(name: &str, config: &Path) -> (Child, ChildStdin) {
    let log: File = OpenOptions::new().create(true).append(true).open(config.with_file_name("log")).unwrap();
    let mut command = vouch();
    command.args(["serve", name, "--leash", "--config"]).arg(config);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let log = || std::fs::read_to_string(config.with_file_name("log")).unwrap();
    assert!(line.contains("listening"), "{name}: {line:?}\n{}", log());
    let leash = child.stdin.take().unwrap();
    (child, leash)
}

/// The federation on a data folder. Everybody who looks a service up in it goes by that service's road.
pub(crate) struct Federation {
    pub(crate) processes: [Process; 3],
    pub(crate) agent: Agent,
    pub(crate) data: PathBuf,
}

impl Federation {
    /// Starts it with a barrier on each road; they may be one and the same. What it logs at least: `warn`.
    pub(crate) async fn start(data: &Path, barriers: [Barrier; 3], log: &str) -> Self {
        let up = Up::start(data);
        let told = up.told["addresses"].clone();
        up.stop();
        let addresses = [free(), free(), free()];
        let mut roads = Vec::new();
        for (address, barrier) in addresses.into_iter().zip(barriers) {
            roads.push(format!("https://{}", road(address, barrier).await));
        }
        for (index, name) in NAMES.into_iter().enumerate() {
            let path = data.join(name).join("config.toml");
            let mut config = std::fs::read_to_string(&path).unwrap();
            // The first address is that on which it listens; the others are those that it calls, by the roads.
            config = config.replacen("127.0.0.1:0", &addresses[index].to_string(), 1);
            config = config.replace("level = \"warn\"", &format!("level = \"{log}\""));
            for (other, road) in NAMES.into_iter().zip(&roads) {
                config = config.replace(told[other].as_str().unwrap(), road);
            }
            std::fs::write(&path, config).unwrap();
        }
        let looked_up = NAMES.into_iter().zip(&roads).map(|(name, road)| (name.to_owned(), road.as_str().into()));
        std::fs::write(data.join("addresses.json"), Value::Object(looked_up.collect()).to_string()).unwrap();
        let [license, vendor, partner] = addresses;
        let processes = [
            Process::start("license", data, license),
            Process::start("vendor", data, vendor),
            Process::start("partner", data, partner),
        ];
        let agent = Agent::at(data, roads[2].trim_start_matches("https://").parse().unwrap()).await;
        Self { processes, agent, data: data.to_owned() }
    }
}

/// An address that is free now, and below those that systems take for outgoing connections: while a process is killed nobody takes its own.
fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 8000).unwrap();
    let mut addresses =
        std::iter::repeat_with(|| SocketAddr::from(([127, 0, 0, 1], first + NEXT.fetch_add(1, Ordering::Relaxed))));
    addresses.find(|address| std::net::TcpListener::bind(address).is_ok()).unwrap()
}

/// Whether a ticket was handed over, with all that was to be sent for it.
pub(crate) fn is_escalated(ticket: &partner::Ticket) -> bool {
    let escalation = ticket.escalation.clone().unwrap_or_default();
    ticket.state() == partner::TicketState::Escalated && escalation.pending == 0 && escalation.last_sequence > 0
}
