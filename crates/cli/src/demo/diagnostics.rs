//! Diagnostics: by the profile that the vendor publishes, and what is found in them where they arrive.

use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::HumanBytes;
use jiff::SignedDuration;
use serde_json::Value;
use vouch_core::World;

use super::stage::Stage;
use crate::collect;
use crate::identities::Role;
use crate::output::Problem;
use crate::profile::{self, Fetched, Wanted};
use crate::reach::Unanswered;
use crate::refusal::{self, Called};

/// The profile that is fetched, and the file into which.
const PROFILE: (&str, &str) = ("linux-host/1", "linux-host-1.toml");

/// What the sample's admission policy takes for fresh.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// Fetches the vendor's profile and collects by it, or takes an archive in.
pub(super) async fn collect_into(
    stage: &mut Stage,
    out: &Path,
    sealed: &Path,
    archive: Option<&Path>,
) -> Result<(), Problem> {
    // Collecting writes nothing over. A bundle of an earlier demo makes room only for one that is whole.
    let fresh = sealed.with_extension("vouch.new");
    let _ = std::fs::remove_file(&fresh);
    let (path, from) = (fresh.clone(), archive.map(Path::to_owned));
    let name = archive.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let (sent, by) = match name {
        Some(name) => (format!("take in {name}"), None),
        None => (format!("collect by {}", PROFILE.0), Some(fetch(stage, out).await?)),
    };
    let began = Instant::now();
    let by = by.map(|file| file.to_string_lossy().into_owned());
    let collecting = move || collect::collect_to(&path, from.as_deref(), by.as_deref());
    let collected = tokio::task::spawn_blocking(collecting).await;
    let summary = collected.map_err(|error| Problem::new(format!("collecting ended: {error}")))??;
    if World::system().now().duration_since(summary.collected_at) > FRESH {
        let _ = std::fs::remove_file(&fresh);
        let what =
            format!("the archive is of {}, and the sample's vendor takes none older than a day", summary.collected_at);
        return Err(Problem::new(what).next("Make one now, or collect this host: leave --bundle out."));
    }
    std::fs::rename(&fresh, sealed)
        .map_err(|error| Problem::new(format!("{} cannot be written: {error}", sealed.display())))?;
    let masked: u64 = summary.masked.values().sum();
    let left_out = match summary.failed.values().map(Vec::len).sum::<usize>() {
        0 => String::new(),
        count => format!(", {count} left out"),
    };
    let size = HumanBytes(summary.size_bytes);
    let came_back = format!("{} entries{left_out}, {size}, {masked} values masked, sealed", summary.entries);
    stage.tell("end user", &sent, &came_back, began.elapsed());
    Ok(())
}

/// Fetches the profile from the partner, its signature verified; the file in which it lies then.
async fn fetch(stage: &mut Stage, out: &Path) -> Result<PathBuf, Problem> {
    let began = Instant::now();
    let wanted = Wanted { role: Role::Customer, vendor: "acme", title: PROFILE.0, keys: None };
    let fetched = profile::fetch_from(&stage.folder, &wanted).await?;
    let fetched = fetched.map_err(|status| {
        let called = Called::plainly(Role::Customer, "partner.v1.VendorDirectoryService/GetProfile");
        let problem = refusal::problem(&status, &called);
        let problem = Problem { what: format!("{} could not be fetched: {}", PROFILE.0, problem.what), ..problem };
        match Unanswered::of(&status) {
            Some(_) => problem,
            None => problem.next("Start the services with the sample: vouch up, without --bare."),
        }
    })?;
    let file = out.join(PROFILE.1);
    fetched.write(&file)?;
    let Fetched { profile, issuer, .. } = &fetched;
    let (collectors, analyzers) = (profile.collectors.len(), profile.analyzers.len());
    let issuer = profile::named(issuer);
    let told = format!("signed by {issuer}, verified: {collectors} collectors, {analyzers} known problems");
    stage.tell("end user", &format!("fetch {}", profile.title()), &told, began.elapsed());
    Ok(file)
}

/// Waits until the vendor has analysed the bundle of a case, and tells what is known of it.
pub(super) async fn analysed(stage: &mut Stage, case_id: &Value) -> Result<(), Problem> {
    let began = Instant::now();
    let analysis = stage.until_analysed(case_id).await?;
    let profile = analysis["profile"].as_str().unwrap_or_default();
    let findings = analysis["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let by = |verdict: &'static str| findings.iter().filter(move |finding| finding["verdict"] == verdict);
    let issues: Vec<&str> = by("ANALYZER_VERDICT_MATCH").filter_map(|finding| finding["issue"].as_str()).collect();
    let found = if issues.is_empty() { "none".to_owned() } else { issues.join(", ") };
    let untold = match by("ANALYZER_VERDICT_INCONCLUSIVE").count() {
        0 => String::new(),
        count => format!(", {count} cannot be told"),
    };
    let told = match analysis["state"].as_str() {
        Some("ANALYSIS_STATE_DONE") => {
            format!("by {profile}: {} known problems looked for, found: {found}{untold}", findings.len())
        }
        Some("ANALYSIS_STATE_PROFILE_UNKNOWN") => {
            format!("the vendor has published no {profile}: nothing is known to look for")
        }
        _ => return Err(Problem::new(format!("the bundle was not analysed: {analysis}"))),
    };
    stage.tell("engineer", "GetDeskCase", &told, began.elapsed());
    Ok(())
}
