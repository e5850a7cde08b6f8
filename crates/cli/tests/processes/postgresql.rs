//! `vouch collect` of a PostgreSQL server: asked over the connection that the environment names, in transactions that can only read.
//!
//! Proves B03, V07, V10.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use vouch_diagnostics::sealed::SealedBundle;

use crate::vouch;

/// It stands in a setting and in a query.
const SECRET: &str = "x7QuartzTweet";

/// A throw-away server with a fresh database, as the environment names it.
struct Server {
    folder: PathBuf,
    database: String,
    connection: PgConnection,
}

impl Server {
    /// None, where there is no PostgreSQL.
    async fn start() -> Option<Self> {
        let address = vouch_storage::testing::postgres_group(&["asked"]).await?.replace("{service}", "asked");
        let (before, folder) = address.split_once("?host=").unwrap();
        let database = before.rsplit('/').next().unwrap().to_owned();
        let connection = PgConnection::connect(&address).await.unwrap();
        Some(Self { folder: folder.into(), database, connection })
    }

    async fn run(&mut self, statements: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut self.connection).await.unwrap();
    }

    fn collect(&self, output: &Path) -> Command {
        let mut command = collect(output);
        command.env("PGHOST", &self.folder).env("PGUSER", "vouch").env("PGDATABASE", &self.database);
        command
    }
}

fn collect(output: &Path) -> Command {
    let mut command = vouch();
    for name in ["PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSERVICE"] {
        command.env_remove(name);
    }
    command.args(["collect", "--profile", "postgresql-server", "--output"]).arg(output);
    command
}

fn told(output: Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the server answered, by the name of the query, and why there is no answer.
fn answers(bundle: &Path) -> BTreeMap<String, Result<String, String>> {
    let bundle = SealedBundle::open(bundle).unwrap();
    let mut answers = BTreeMap::new();
    for entry in &bundle.manifest().entries {
        let Some(name) = entry.path.strip_prefix("postgresql/") else { continue };
        let mut text = String::new();
        if entry.failed.is_none() && entry.size_bytes > 0 {
            bundle.content(entry).unwrap().read_to_string(&mut text).unwrap();
        }
        let answer = entry.failed.clone().map_or(Ok(text), Err);
        answers.insert(name.trim_end_matches(".jsonl").to_owned(), answer);
    }
    answers
}

#[tokio::test]
async fn b03_v07_a_server_is_asked_what_the_profile_lists_and_tells_no_secret() {
    let Some(mut server) = Server::start().await else { return };
    server.run(&format!("ALTER SYSTEM SET primary_conninfo = 'host=10.1.2.3 user=repl password={SECRET}'")).await;
    server.run("ALTER SYSTEM SET log_statement = 'all'").await;
    server.run("SELECT pg_reload_conf(), pg_create_physical_replication_slot('nobody_reads', true)").await;
    server
        .run("CREATE TABLE orders (id BIGINT); INSERT INTO orders SELECT generate_series(1, 50); DELETE FROM orders")
        .await;
    server.run("BEGIN").await;
    server.run(&format!("/* who * asks */ SELECT '{SECRET}'")).await;
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("x.vouch");
    let told = told(server.collect(&bundle).args(["--yes", "--json"]).output().unwrap());
    let answers = answers(&bundle);
    assert_eq!(answers.len(), 12, "{answers:?}");
    for (name, answer) in &answers {
        let text = answer.as_ref().unwrap_or_else(|reason| panic!("{name}: {reason}"));
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{name}: {text}");
        assert!(!text.contains(SECRET), "{name}: {text}");
    }
    let answer = |name: &str| answers[name].as_deref().unwrap();
    assert!(answer("settings").contains("[masked:password]") && answer("settings").contains("\"fsync\" : \"off\""));
    assert!(answer("activity").contains("idle in transaction") && answer("activity").contains("\"SELECT\""));
    assert!(answer("slots").contains("nobody_reads") && answer("tables").contains("\"orders\""));
    assert!(answer("databases").contains(&server.database) && answer("extensions").contains("plpgsql"));
    let findings = told["findings"].as_array().unwrap();
    let fsync = findings.iter().find(|finding| finding["issue"] == "PG-2").unwrap();
    assert_eq!(fsync["verdict"], "match", "v10: {fsync}");
    let log = std::fs::read_to_string(server.folder.join("log")).unwrap();
    assert!(log.matches("BEGIN READ ONLY").count() >= 12 && log.contains("SET LOCAL statement_timeout"));
    server.run("ROLLBACK; SELECT pg_drop_replication_slot('nobody_reads')").await;
}

#[tokio::test]
async fn b03_a_service_file_says_where_the_server_is_and_the_preview_tells_it() {
    let Some(server) = Server::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (bundle, file) = (folder.path().join("x.vouch"), folder.path().join("services"));
    let service = format!("[ours]\nhost={}\nuser=vouch\npassword={SECRET}\n", server.folder.display());
    std::fs::write(&file, service).unwrap();
    let with = |words: &[&str]| {
        let mut command = collect(&bundle);
        command.args(words).env("PGSERVICE", "ours").env("PGSERVICEFILE", &file);
        command.stdin(std::process::Stdio::null()).output().unwrap()
    };
    let shown = String::from_utf8(with(&[]).stdout).unwrap();
    for said in ["every setting with its source (asked of PostgreSQL)", "database postgres, as vouch", "can only read"]
    {
        assert!(shown.contains(said), "{said} is missing in:\n{shown}");
    }
    assert!(!shown.contains(SECRET), "{shown}");
    told(with(&["--yes", "--json"]));
    assert!(answers(&bundle).values().all(Result::is_ok), "{:?}", answers(&bundle));
    assert!(!String::from_utf8_lossy(&std::fs::read(&bundle).unwrap()).contains(SECRET));
}

#[tokio::test]
async fn b03_of_several_servers_the_first_that_will_do_is_asked() {
    let Some(server) = Server::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens in the first folder.
    let hosts = format!("{},{}", folder.path().display(), server.folder.display());
    let with = |wanted: &str, words: &[&str]| {
        let mut command = server.collect(&folder.path().join(format!("{wanted}.vouch")));
        command.args(words).env("PGHOST", &hosts).env("PGTARGETSESSIONATTRS", wanted);
        command.stdin(std::process::Stdio::null()).output().unwrap()
    };
    for (wanted, taken) in [("any", true), ("read-write", true), ("prefer-standby", true), ("standby", false)] {
        told(with(wanted, &["--yes", "--json"]));
        let answers = answers(&folder.path().join(format!("{wanted}.vouch")));
        let refused = |answer: &Result<String, String>| {
            let why = answer.as_ref().err().map(String::as_str).unwrap_or_default();
            why.contains("(1: the server cannot be reached") && why.ends_with("; 2: the server is no standby)")
        };
        let is_told = answers.values().all(|answer| if taken { answer.is_ok() } else { refused(answer) });
        assert!(answers.len() == 12 && is_told, "{wanted}: {answers:?}");
    }
    let shown = String::from_utf8(with("primary", &[]).stdout).unwrap();
    for said in [", or else at ", "(the first that is no standby), database "] {
        assert!(shown.contains(said), "{said} is missing in:\n{shown}");
    }
}

#[test]
fn b03_a_server_that_cannot_be_reached_costs_its_answers_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("x.vouch");
    let mut command = collect(&bundle);
    command.args(["--yes", "--json"]).env("PGHOST", folder.path()).env("PGUSER", "anna").env("PGPASSWORD", SECRET);
    let told = told(command.output().unwrap());
    assert!(told["entries"].as_u64().unwrap() > 3, "{told}");
    let answers = answers(&bundle);
    let is_told = |answer: &Result<String, String>| answer.as_ref().is_err_and(|why| why.contains("cannot be reached"));
    assert!(answers.len() == 12 && answers.values().all(is_told), "{answers:?}");
}
