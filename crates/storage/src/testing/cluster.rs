//! A throw-away PostgreSQL cluster, one for each test process.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sqlx::Connection;

const BIN: &str = env!("VOUCH_POSTGRES_BIN");

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);
static DURABLE: AtomicBool = AtomicBool::new(false);
/// A test's data need not survive the machine.
const FLEETING: &str = "-c fsync=off -c full_page_writes=off -c shared_buffers=64MB";
/// PostgreSQL's own settings but for two that every installation gives it: memory, and room for its log.
const LASTING: &str = "-c shared_buffers=1GB -c max_wal_size=4GB";

struct Cluster {
    folder: PathBuf,
    /// Its standard input is the watcher's leash: it ends with this process, and the watcher stops the cluster.
    _watcher: Child,
}

/// Lets the cluster commit as one in production does.
pub(super) fn commit_for_good() {
    DURABLE.store(true, Ordering::SeqCst);
}

/// Creates a fresh database and returns its address.
pub(super) async fn create_database() -> String {
    let name = fresh_name();
    create(&name).await;
    CLUSTER.get_or_init(start).address(&name)
}

/// Creates a fresh database for each name and returns their address, with `{service}` where the name belongs.
pub(super) async fn create_group(names: &[&str]) -> String {
    let group = fresh_name();
    for name in names {
        create(&format!("{group}_{name}")).await;
    }
    CLUSTER.get_or_init(start).address(&format!("{group}_{{service}}"))
}

fn fresh_name() -> String {
    format!("t{}", DATABASES.fetch_add(1, Ordering::SeqCst))
}

async fn create(name: &str) {
    let cluster = CLUSTER.get_or_init(start);
    sqlx::any::install_default_drivers();
    let mut admin = sqlx::AnyConnection::connect(&cluster.address("postgres")).await.expect("the cluster answers");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut admin)
        .await
        .expect("a database is created");
}

impl Cluster {
    fn address(&self, database: &str) -> String {
        // A socket in a folder of its own: no port to collide with, and nothing that the network sees.
        format!("postgres://vouch@localhost/{database}?host={}", self.folder.display())
    }
}

fn start() -> Cluster {
    let folder = tempfile::Builder::new().prefix("vouch-pg-").tempdir().expect("a temporary folder").keep();
    let owner = unprivileged_user();
    if let Some((user, group)) = owner {
        std::os::unix::fs::chown(&folder, Some(user), Some(group)).expect("root gives its folder away");
    }
    let initdb = ["-D", "data", "-U", "vouch", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
    run(command(&format!("{BIN}/initdb"), owner, &folder).args(initdb));

    let mut watcher = command("/bin/sh", owner, &folder)
        .args(["-c", WATCHER, "watcher", BIN])
        .arg(&folder)
        .arg(if DURABLE.load(Ordering::SeqCst) { LASTING } else { FLEETING })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let mut ready = String::new();
    BufReader::new(watcher.stdout.as_mut().expect("piped")).read_line(&mut ready).expect("the watcher speaks");
    assert_eq!(ready.trim(), "ready", "the cluster did not start; see {}/log", folder.display());
    Cluster { folder, _watcher: watcher }
}

/// Starts the cluster, says so, waits for the end of its input, stops the cluster and removes it.
const WATCHER: &str = r#"
"$1/pg_ctl" -D "$2/data" -l "$2/log" -w -t 60 -s \
  -o "-k '$2' -c listen_addresses= -c max_connections=400 $3" \
  start || exit 1
echo ready
read -r _
"$1/pg_ctl" -D "$2/data" -m immediate -s stop
rm -rf "$2"
"#;

fn command(program: &str, owner: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // A group of its own, so that Ctrl-C on the tests does not race with the watcher.
    command.process_group(0);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}

fn run(command: &mut Command) {
    let status = command.status().expect("PostgreSQL's tools start");
    assert!(status.success(), "{command:?} ended with {status}");
}

/// PostgreSQL refuses to run as root: then its own user runs it, or else nobody.
fn unprivileged_user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").map(|process| process.uid()).ok()? != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |name: &str| {
        let fields: Vec<&str> = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f[0] == name)?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody"))
}
