//! `vouch up`: the three services as processes of their own, on one data folder.

use std::fmt::Write as _;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::folder::{Folder, ISSUERS, PARTNER, SERVICES};
use crate::output::{self, Problem};
use crate::{DataFolder, sample};

#[derive(Args)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// The first of six ports on the loopback address; 0 takes free ones.
    #[arg(long, value_name = "PORT", default_value_t = 7400, value_parser = clap::value_parser!(u16).range(..=65530))]
    port: u16,
    /// Leave the sample catalogue out.
    #[arg(long)]
    bare: bool,
    /// Print the addresses as one line of JSON, for machines.
    #[arg(long)]
    json: bool,
}

/// How long a service may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// A service that runs.
struct Running {
    name: &'static str,
    child: Child,
    /// Held, never written to.
    _leash: Option<ChildStdin>,
    rpc: String,
    ops: String,
    took: Duration,
}

pub(crate) async fn run(arguments: &UpArguments) -> Result<ExitCode, Problem> {
    let folder = Folder::prepare(&arguments.folder.data)?;
    let mut running: Vec<Running> = Vec::new();
    for (index, service) in SERVICES.into_iter().enumerate() {
        let port = |offset: u16| match arguments.port {
            0 => 0,
            first => first + 2 * u16::try_from(index).unwrap_or(0) + offset,
        };
        let address = |name: &str| running.iter().find(|other| other.name == name).map(|other| other.rpc.clone());
        let config = configuration(&folder, service, [port(0), port(1)], &address);
        folder.write(&format!("{service}/config.toml"), &config)?;
        running.push(start(&folder, service).await?);
    }
    let addresses: Value =
        running.iter().map(|one| (one.name.to_owned(), json!(one.rpc))).collect::<serde_json::Map<_, _>>().into();
    folder.write("addresses.json", &addresses.to_string())?;
    let sample = if arguments.bare { None } else { Some(sample::enter(&folder).await?) };
    if arguments.json {
        let license_key = sample.as_ref().map(|sample| sample.license_key.clone());
        output::line(&json!({ "addresses": addresses, "license_key": license_key }).to_string());
    } else {
        tell(&folder, &running, sample.as_ref(), arguments);
    }
    wait(running).await
}

/// A service's configuration on this folder. Written anew at every start: the data are elsewhere.
fn configuration(folder: &Folder, service: &str, ports: [u16; 2], address: &dyn Fn(&str) -> Option<String>) -> String {
    let path = |name: &str| toml::Value::String(folder.path(name).display().to_string()).to_string();
    let mut text = format!(
        "# Written by `vouch up`.\n[listen]\naddress = \"127.0.0.1:{}\"\nops = \"127.0.0.1:{}\"\n\n\
         [tls]\ncertificate = {}\nkey = {}\n\n[store]\naddress = {}\n\n[secrets]\nroot = {}\n\n\
         [log]\nformat = \"text\"\nlevel = \"warn\"\n\n[[trust]]\ndomain = \"vendor.example\"\nbundle = {}\n",
        ports[0],
        ports[1],
        path(&format!("{service}/service.pem")),
        path(&format!("{service}/service-key.pem")),
        toml::Value::String(format!("sqlite:{}", folder.path(&format!("{service}/{service}.db")).display())),
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
        "license" => text.push_str("\n[[workloads]]\nid = \"spiffe://vendor.example/vendor/vendor\"\n"),
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

fn tell(folder: &Folder, running: &[Running], sample: Option<&sample::Sample>, arguments: &UpArguments) {
    for one in running {
        output::done(&format!(
            "{:<8} {}   ready in {} ms, metrics http://{}/metrics",
            one.name,
            one.rpc,
            one.took.as_millis(),
            one.ops
        ));
    }
    output::field("data", &folder.path("").display().to_string());
    output::field("authority", &folder.path("authority/vendor.pem").display().to_string());
    let Some(sample) = sample else { return };
    output::line("");
    output::heading("A covered end user is in the sample catalogue");
    output::field("licence key", &sample.license_key);
    output::field("named contact", sample::CONTACT);
    let default = DataFolder { data: "vouch-data".into() }.data;
    let data = &arguments.folder.data;
    let flag = if *data == default { String::new() } else { format!(" --data {}", data.display()) };
    let key = &sample.license_key;
    // As it was started, so that what is printed can be pasted.
    let vouch = std::env::args().next().unwrap_or_else(|| "vouch".into());
    output::line("");
    output::heading("To try, in another terminal");
    let try_it = [
        (
            "Partner: is the end user covered?",
            format!(
                "{vouch} call{flag} --as partner license.v1.EntitlementService/CheckEntitlement \
                 '{{\"question\":{{\"license\":{{\"licenseKey\":\"{key}\"}},\"contactEmail\":\"{}\"}}}}'",
                sample::CONTACT
            ),
        ),
        (
            "Anybody with a key: whom do I turn to?",
            format!(
                "{vouch} call{flag} --as anyone license.v1.DirectoryService/FindSupportContact \
                 '{{\"licenseKey\":\"{key}\"}}'"
            ),
        ),
        (
            "Partner: prove it, for an escalation and a bundle; then check the proof without a network",
            format!(
                "{vouch} call{flag} --as partner license.v1.EntitlementService/IssueEntitlementProof \
                 '{{\"question\":{{\"license\":{{\"licenseKey\":\"{key}\"}},\"productId\":\"{}\",\"version\":\"7.2.1\",\
                 \"severity\":\"SEVERITY_TWO\",\"channel\":\"CHANNEL_PORTAL\",\"contactEmail\":\"{}\"}},\
                 \"escalationId\":\"esc_01jz0000000000000000000000\",\"bundleRoot\":\"{}\",\"audience\":\"vendor.vouch\"}}' \
                 > proof.json\n  \
                 {vouch} call{flag} --as anyone license.v1.EntitlementService/GetKeySet > keys.json\n  \
                 {vouch} verify proof.json --keys keys.json",
                sample::PRODUCT,
                sample::CONTACT,
                "A".repeat(43) + "="
            ),
        ),
        (
            "Engineer: what is known?",
            format!(
                "{vouch} call{flag} --as engineer vendor.v1.KnowledgeService/SearchArticles \
                 '{{\"productId\":\"atlas-server\",\"query\":\"disk\"}}'"
            ),
        ),
        ("Agent: my end users", format!("{vouch} call{flag} --as agent partner.v1.EndUserService/ListCustomers")),
    ];
    for (what, command) in try_it {
        output::line(&format!("  # {what}"));
        output::line(&format!("  {command}"));
    }
    output::line("");
    output::remark("Ctrl-C stops everything; the data stay.");
}

/// Waits for Ctrl-C, or for a service to end by itself; then stops all of them.
async fn wait(mut running: Vec<Running>) -> Result<ExitCode, Problem> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| Problem::new(format!("signals cannot be listened for: {error}")))?;
    let ended = {
        let ends = running.iter_mut().map(|one| Box::pin(async { (one.name, one.child.wait().await) }));
        let mut ends: Vec<_> = ends.collect();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => None,
            _ = terminated.recv() => None,
            (name, _) = first(&mut ends) => Some(name),
        }
    };
    for one in running.iter().rev() {
        if let Some(id) = one.child.id() {
            // tokio can only kill; a service that is told to stop drains first.
            let _ = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
        }
    }
    for one in &mut running {
        let _ = tokio::time::timeout(READY, one.child.wait()).await;
    }
    match ended {
        None => Ok(ExitCode::SUCCESS),
        Some(name) => Err(Problem::new(format!("the {name} service ended by itself; the others were stopped"))
            .next("Its own words, if it had any, are above.")),
    }
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
