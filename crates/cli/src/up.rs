//! `vouch up`: the three services on one data folder, until Ctrl-C.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use vouch_host::StopSignals;

use crate::folder::{Folder, PARTNER};
use crate::identities::CONTACT;
use crate::output::{self, Problem};
use crate::services::{MAIL, Services, check_ports};
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
    /// Another database than files in the data folder, such as `postgres://localhost/vouch_{service}`: {service} stands
    /// for the service's name.
    #[arg(long, value_name = "ADDRESS")]
    store: Option<String>,
    /// Print the addresses as one line of JSON, for machines.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &UpArguments) -> Result<ExitCode, Problem> {
    let data = &arguments.folder.data;
    if !data.exists() {
        // A folder that nobody can start on is not left behind.
        check_ports(arguments.port)?;
    }
    let folder = Folder::prepare(data)?;
    check_ports(arguments.port)?;
    let mut signals =
        StopSignals::listen().map_err(|error| Problem::new(format!("signals cannot be listened for: {error}")))?;
    let start = async {
        let services = Services::start(&folder, arguments.port, arguments.store.as_deref(), "warn").await?;
        let sample = if arguments.bare { None } else { Some(sample::enter(&folder).await?) };
        Ok::<_, Problem>((services, sample))
    };
    let (services, sample) = tokio::select! {
        started = start => started?,
        // What was started so far ends with this process.
        () = signals.received() => return Ok(ExitCode::SUCCESS),
    };
    if arguments.json {
        let license_key = sample.as_ref().map(|sample| sample.license_key.clone());
        output::line(&json!({ "addresses": services.addresses(), "license_key": license_key }).to_string());
    } else {
        tell(&folder, &services, sample.as_ref(), arguments);
    }
    wait(services, &mut signals).await
}

fn tell(folder: &Folder, services: &Services, sample: Option<&sample::Sample>, arguments: &UpArguments) {
    for one in services.iter() {
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
    output::field("letters", &format!("{}   in place of a mail server", folder.path(MAIL).display()));
    let Some(sample) = sample else { return };
    output::line("");
    output::heading("A covered end user is in the sample catalogue");
    output::field("licence key", &sample.license_key);
    output::field("named contact", CONTACT);
    let data = &arguments.folder.data;
    let flag = flag(data);
    let key = &sample.license_key;
    let vouch = output::program();
    let file = |name: &str| output::path(&data.join(name));
    let (proof, keys) = (file("proof.json"), file("keys.json"));
    output::line("");
    output::heading("To try, in another terminal");
    let check = format!("entitlement check{flag} --license-key {key}");
    let try_it = [
        ("All of them: the whole story, on these services", format!("{vouch} demo --against {}", output::path(data))),
        ("Partner: is the end user covered?", format!("{vouch} {check} --as partner --contact-email {CONTACT}")),
        (
            "Anybody with a key: whom do I turn to?",
            format!("{vouch} directory find-support-contact{flag} --as anyone --license-key {key}"),
        ),
        (
            "Partner: prove it, for an escalation and a bundle; then check the proof without a network",
            format!(
                "{vouch} entitlement issue-proof{flag} esc_01jz0000000000000000000000 --license-key {key} \
                 --product-id {} --version 7.2.1 --severity 2 --channel portal --contact-email {CONTACT} \
                 --bundle-root {} --audience vendor.vouch --json > {proof}\n  \
                 {vouch} entitlement get-key-set{flag} --json > {keys}\n  \
                 {vouch} verify {proof} --keys {keys}",
                sample::PRODUCT,
                "A".repeat(43) + "="
            ),
        ),
        (
            "Engineer: what is known?",
            format!("{vouch} knowledge search-articles{flag} --as engineer {} --query disk", sample::PRODUCT),
        ),
        ("Engineer: which cases are open?", format!("{vouch} case-desk list-desk-cases{flag}")),
        ("Agent: my end users", format!("{vouch} end-user list-customers{flag}")),
        ("Customer: my tickets", format!("{vouch} ticket list{flag} --as customer")),
        ("Reseller: is the licence in order?", format!("{vouch} {check} --as reseller")),
        ("Administrator: the licences", format!("{vouch} license list{flag}")),
        (
            "Administrator: grant a licence",
            format!(
                "{vouch} license create{flag} --product-id {} --quantity 25 --end-user-id fabrikam \
                 --end-user-name 'Fabrikam Inc' --responsible-partner-id {PARTNER} --valid-from 2026-01-01 --zone UTC",
                sample::PRODUCT
            ),
        ),
        (
            "Administrator: take a catalogue from a file, or from standard input",
            format!(
                "printf 'license_key,product_id,end_user_id,end_user_name,responsible_partner_id,valid_from,zone\\n\
                 OLD-000001,{},fabrikam,Fabrikam Inc,{PARTNER},2026-01-01,UTC\\n' | \
                 {vouch} license import{flag} - --format csv",
                sample::PRODUCT
            ),
        ),
        (
            "Programs: any RPC, JSON in and out",
            format!("{vouch} call{flag} license.v1.LicenseService/ListLicenses '{{\"endUserId\":\"contoso\"}}'"),
        ),
    ];
    output::commands(&try_it);
    output::line("");
    output::heading("Diagnostics, from this host to what is known of them");
    let diagnostics = [
        (
            "End user: what does the vendor want to know of a host? Its signature is verified",
            format!("{vouch} profile fetch linux-host/1{flag}"),
        ),
        (
            "End user: collect by it, redacted and sealed; it shows first what it would read, and sends nothing",
            format!("{vouch} collect --profile linux-host/1 --output host.vouch"),
        ),
        (
            "Agent: a ticket to hand it over with; it prints how to go on, up to what is found in it at the vendor",
            format!("{vouch} demo --against {} --ticket", output::path(data)),
        ),
    ];
    output::commands(&diagnostics);
    output::line("");
    output::remark("Ctrl-C stops everything; the data stay.");
}

/// The flag that names a data folder, with a blank before it; nothing for the folder that is taken without one.
pub(crate) fn flag(data: &Path) -> String {
    if data == Path::new("vouch-data") { String::new() } else { format!(" --data {}", output::path(data)) }
}

/// Waits until this program is told to stop, or for a service to end by itself; then stops all of them.
async fn wait(mut services: Services, signals: &mut StopSignals) -> Result<ExitCode, Problem> {
    let ended = tokio::select! {
        () = signals.received() => None,
        name = services.ended() => Some(name),
    };
    services.stop().await;
    match ended {
        None => Ok(ExitCode::SUCCESS),
        Some(name) => Err(Problem::new(format!("the {name} service ended by itself; the others were stopped"))
            .next("Its own words, if it had any, are above.")),
    }
}
