//! The three services as processes of their own, on one data folder: started, and stopped.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::folder::{Folder, ISSUERS, PARTNER, SERVICES};
use crate::output::Problem;

/// Where letters to end users lie, in place of a mail server.
pub(crate) const MAIL: &str = "license/mail";

/// How long a service may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// A service that runs.
pub(crate) struct Running {
    pub(crate) name: &'static str,
    child: Child,
    /// Held, never written to.
    _leash: Option<ChildStdin>,
    /// Where gRPC is served.
    pub(crate) rpc: String,
    /// Where the operator is answered.
    pub(crate) ops: String,
    /// How long it took until it was ready.
    pub(crate) took: Duration,
}

/// The services of a data folder.
pub(crate) struct Services(Vec<Running>);

impl Services {
    /// Starts them one after another. `port` is the first of six, or 0 for free ones; `store` is the address of a database with
    /// `{service}` for the service's name, or `None` for a file in the folder. `log` is what is told at least: `warn`.
    pub(crate) async fn start(folder: &Folder, port: u16, store: Option<&str>, log: &str) -> Result<Self, Problem> {
        if store.is_some_and(|store| !store.contains("{service}")) {
            return Err(Problem::new("the store's address names one database for three services")
                .next("Put {service} where the name of the service belongs: postgres://localhost/vouch_{service}"));
        }
        let mut running: Vec<Running> = Vec::new();
        for (index, service) in SERVICES.into_iter().enumerate() {
            let port = |offset: u16| match port {
                0 => 0,
                first => first + 2 * u16::try_from(index).unwrap_or(0) + offset,
            };
            let address = |name: &str| running.iter().find(|other| other.name == name).map(|other| other.rpc.clone());
            let store = match store {
                Some(store) => store.replace("{service}", service),
                None => format!("sqlite:{}", folder.path(&format!("{service}/{service}.db")).display()),
            };
            let config = configuration(folder, service, [port(0), port(1)], &store, log, &address);
            folder.write(&format!("{service}/config.toml"), &config)?;
            running.push(start(folder, service).await?);
        }
        let services = Self(running);
        folder.write("addresses.json", &services.addresses().to_string())?;
        Ok(services)
    }

    /// Where each serves gRPC.
    pub(crate) fn addresses(&self) -> Value {
        self.0.iter().map(|one| (one.name.to_owned(), json!(one.rpc))).collect::<serde_json::Map<_, _>>().into()
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Running> {
        self.0.iter()
    }

    /// Resolves when one of them ends by itself, with its name.
    pub(crate) async fn ended(&mut self) -> &'static str {
        let ends = self.0.iter_mut().map(|one| Box::pin(async { (one.name, one.child.wait().await) }));
        let mut ends: Vec<_> = ends.collect();
        first(&mut ends).await.0
    }

    /// Stops them, callers before those whom they call, so that nobody is missed on the way.
    pub(crate) async fn stop(mut self) {
        for one in self.0.iter_mut().rev() {
            if let Some(id) = one.child.id() {
                // tokio can only kill; a service that is told to stop drains first.
                let _ = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
            }
            let _ = tokio::time::timeout(READY, one.child.wait()).await;
        }
    }
}

/// Checks that nobody listens on the six ports from the first on; 0 takes free ones.
pub(crate) fn check_ports(first: u16) -> Result<(), Problem> {
    let ports = if first == 0 { 0..0 } else { first..first.saturating_add(6) };
    for port in ports {
        TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
            Problem::new(format!("port {port} cannot be listened on: {error}"))
                .next("Is another `vouch up` running? Name other ports: --port PORT, or --port 0 for free ones.")
        })?;
    }
    Ok(())
}

/// A service's configuration on this folder. Written anew at every start: the data are elsewhere.
fn configuration(
    folder: &Folder,
    service: &str,
    ports: [u16; 2],
    store: &str,
    log: &str,
    address: &dyn Fn(&str) -> Option<String>,
) -> String {
    let path = |name: &str| toml::Value::String(folder.path(name).display().to_string()).to_string();
    let mut text = format!(
        "# Written by `vouch up`.\n[listen]\naddress = \"127.0.0.1:{}\"\nops = \"127.0.0.1:{}\"\n\n\
         [tls]\ncertificate = {}\nkey = {}\n\n[store]\naddress = {}\n\n[secrets]\nroot = {}\n\n\
         [log]\nformat = \"text\"\nlevel = \"{log}\"\n\n[[trust]]\ndomain = \"vendor.example\"\nbundle = {}\n",
        ports[0],
        ports[1],
        path(&format!("{service}/service.pem")),
        path(&format!("{service}/service-key.pem")),
        toml::Value::String(store.to_owned()),
        path(&format!("{service}/root.key")),
        path("authority/vendor.pem"),
    );
    for entry in ISSUERS {
        let _ = write!(
            text,
            "\n[[issuers]]\nissuer = \"{}\"\naudience = \"{service}.vouch\"\nkind = \"{}\"\nalgorithms = [\"ES256\"]\n\
             jwks_file = {}\n",
            entry.issuer,
            entry.kind,
            path(&format!("issuers/{}.jwks", entry.name)),
        );
    }
    let license = address("license").unwrap_or_default();
    let authorities = path("authority/vendor.pem");
    match service {
        "license" => {
            text.push_str("\n[[workloads]]\nid = \"spiffe://vendor.example/vendor/vendor\"\n");
            let _ = write!(text, "\n[mail]\nfrom = \"Acme <support@acme.example>\"\nfolder = {}\n", path(MAIL));
        }
        "vendor" => {
            let _ = write!(text, "\n[license]\naddress = \"{license}\"\nauthorities = {authorities}\n");
            let _ = write!(text, "\n[blobs]\nfolder = {}\n", path("vendor/blobs"));
        }
        _ => {
            let vendor = address("vendor").unwrap_or_default();
            let _ = write!(text, "\n[blobs]\nfolder = {}\n", path("partner/blobs"));
            let _ = write!(
                text,
                "\n[[organisations]]\nid = \"{PARTNER}\"\ncertificate = {}\nkey = {}\n",
                path("identities/partner.pem"),
                path("identities/partner-key.pem"),
            );
            let _ = write!(
                text,
                "\n[[vendors]]\nid = \"acme\"\nname = \"Acme\"\nlicense_address = \"{license}\"\n\
                 vendor_address = \"{vendor}\"\nauthorities = {authorities}\naudience = \"vendor.vouch\"\n"
            );
        }
    }
    text
}

async fn start(folder: &Folder, name: &'static str) -> Result<Running, Problem> {
    let began = Instant::now();
    let cannot = |error: std::io::Error| Problem::new(format!("the {name} service could not be started: {error}"));
    let mut child = Command::new(std::env::current_exe().map_err(cannot)?)
        .args(["serve", name, "--leash", "--config"])
        .arg(folder.path(&format!("{name}/config.toml")))
        // Its standard input is a leash: it ends with this process, however that ends, and the service stops.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        // Ctrl-C is for this process, which then stops its services one by one.
        .process_group(0)
        .spawn()
        .map_err(cannot)?;
    // Taken out of the child: waiting for it would close what it still has.
    let leash = child.stdin.take();
    let stdout = child.stdout.take().ok_or_else(|| Problem::new("a service has no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let failed = || {
        Problem::new(format!("the {name} service did not start"))
            .next("Its own words are above. Is another `vouch up` running on this folder or these ports? Try --port 0.")
    };
    let up = async {
        let (rpc, ops) = listening(&mut lines).await?;
        ready(&ops).await;
        Some((rpc, ops))
    };
    let up = tokio::select! {
        up = tokio::time::timeout(READY, up) => up.ok().flatten(),
        _ = child.wait() => None,
    };
    let (rpc, ops) = up.ok_or_else(failed)?;
    Ok(Running { name, child, _leash: leash, rpc: format!("https://{rpc}"), ops, took: began.elapsed() })
}

/// The addresses that a service prints when it has bound its sockets.
async fn listening(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<(String, String)> {
    let line = lines.next_line().await.ok()??;
    let value = |name: &str| {
        line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    value("rpc").zip(value("ops"))
}

/// Asks the operator's listener until the service is ready.
async fn ready(ops: &str) {
    loop {
        if let Ok(answer) = get(ops, "/readyz").await
            && answer.starts_with("HTTP/1.1 200")
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The first of several futures to end.
async fn first<F: Future + Unpin>(futures: &mut [F]) -> F::Output {
    std::future::poll_fn(|context| {
        for future in futures.iter_mut() {
            if let std::task::Poll::Ready(output) = std::pin::Pin::new(future).poll(context) {
                return std::task::Poll::Ready(output);
            }
        }
        std::task::Poll::Pending
    })
    .await
}
