//! What opens nothing: each refused for its own reason.

use std::time::Instant;

use serde_json::{Value, json};
use vouch_core::id::EscalationTag;
use vouch_diagnostics::{Digest, Manifest};
use vouch_host::uploads::write_blob;
use vouch_proof::{EntitlementProof, KeySet};

use super::stage::Stage;
use super::story::Escalated;
use super::upload;
use crate::identities::{CONTACT, Role};
use crate::output::Problem;
use crate::sample::{self, PRODUCT};
use crate::upload::{Desk, reference};

const GATE: &str = "vendor.v1.EscalationService/EscalateCase";

/// Tries everything that must not open a case.
pub(super) async fn tell(stage: &mut Stage, escalated: &Escalated) -> Result<(), Problem> {
    stage.heading("What opens nothing");
    let customer = json!({ "requestId": stage.request_id() });
    let expected = ["CUSTOMER_MUST_USE_PARTNER"];
    let status = stage.refused(Role::Customer, "asks the vendor for a case", GATE, customer, &expected).await?;
    if !status.message().contains("North Systems") {
        return Err(Problem::new(format!("the customer was not told its partner: {}", status.message())));
    }
    stage.tell("customer", "and is told", status.message(), std::time::Duration::ZERO);

    // A drill of the partner's own, past its service: proven, with the bundle that is at the vendor already.
    let drill = drill(stage, escalated);
    let proof = prove(stage, &drill, escalated.root).await?;
    verify_proof(stage, &proof)?;
    let knock = |stage: &Stage, escalation: &Value, bundle_id: &Value, proof: &str| {
        json!({
            "requestId": stage.request_id(), "escalation": escalation, "bundleId": bundle_id, "proof": proof,
        })
    };
    let request = knock(stage, &drill, &escalated.bundle_id, "");
    stage.refused(Role::Partner, "escalates without a proof", GATE, request, &["PROOF_MISSING"]).await?;
    let request = knock(stage, &drill, &escalated.bundle_id, &proof);
    let expected = ["PROOF_HOLDER_MISMATCH", "BUNDLE_INCOMPLETE"];
    stage.refused(Role::OtherPartner, "escalates with someone else's", GATE, request, &expected).await?;
    let request = knock(stage, &drill, &escalated.bundle_id, &tampered(&proof));
    stage.refused(Role::Partner, "escalates with a tampered one", GATE, request, &["PROOF_INVALID"]).await?;
    let request = knock(stage, &drill, &escalated.bundle_id, &proof);
    stage
        .step(Role::Partner, GATE, request, |answer| {
            format!("with the genuine one: drill {}", answer["case"]["number"].as_str().unwrap_or_default())
        })
        .await?;
    let another = self::drill(stage, escalated);
    let request = knock(stage, &another, &escalated.bundle_id, &proof);
    let expected = ["PROOF_ESCALATION_MISMATCH", "PROOF_USED"];
    stage.refused(Role::Partner, "escalates with a used one", GATE, request, &expected).await?;

    let (bundle_id, root) = without_artefacts(stage, escalated).await?;
    let proof = prove(stage, &another, root).await?;
    let request = knock(stage, &another, &bundle_id, &proof);
    stage.refused(Role::Partner, "escalates with artefacts missing", GATE, request, &["ARTEFACT_MISSING"]).await?;
    corrupted(stage, escalated).await?;

    let request = json!({
        "requestId": stage.request_id(), "escalationId": drill["escalationId"], "reason": "The drill is over.",
    });
    let rpc = "vendor.v1.EscalationService/WithdrawEscalation";
    stage.step(Role::Partner, rpc, request, |_| "the drill is withdrawn".to_owned()).await?;
    Ok(())
}

/// The escalation once more, as a drill under an id of its own.
fn drill(stage: &Stage, escalated: &Escalated) -> Value {
    let mut drill = escalated.escalation.clone();
    drill["escalationId"] = json!(stage.id::<EscalationTag>().to_string());
    drill["createdAt"] = json!(stage.world.now().to_string());
    drill["testCase"] = json!(true);
    drill
}

async fn prove(stage: &Stage, escalation: &Value, root: Digest) -> Result<String, Problem> {
    let license_key = sample::license_key(&stage.folder)?;
    let question = json!({
        "license": { "licenseKey": license_key }, "productId": PRODUCT, "version": escalation["version"],
        "severity": escalation["severity"], "channel": "CHANNEL_PORTAL", "contactEmail": CONTACT,
    });
    let request = json!({
        "question": question, "escalationId": escalation["escalationId"],
        "bundleRoot": data_encoding::BASE64.encode(&root.0), "audience": "vendor.vouch",
    });
    let answer = stage.call(Role::Partner, "license.v1.EntitlementService/IssueEntitlementProof", request).await?;
    answer["proof"].as_str().map(str::to_owned).ok_or_else(|| Problem::new("a proof came without its text"))
}

/// Writes the proof out, and verifies it with no network.
fn verify_proof(stage: &mut Stage, proof: &str) -> Result<(), Problem> {
    let path = stage.write("proof.jws", &format!("{proof}\n"))?;
    let keys = std::fs::read_to_string(path.with_file_name("keys.json"))
        .map_err(|error| Problem::new(format!("keys.json cannot be read: {error}")))?;
    let began = Instant::now();
    let claims = KeySet::from_jwks(&keys).map_err(Problem::new).and_then(|keys| {
        EntitlementProof::verify_origin(proof, &keys).map_err(|error| Problem::new(error.to_string()))
    })?;
    let told = format!("genuine: {} is covered, tier {}", claims.sub, claims.agr.tier);
    stage.tell("anyone", "verify proof.jws", &told, began.elapsed());
    Ok(())
}

/// The proof with one letter of its claims changed.
fn tampered(proof: &str) -> String {
    let middle = proof.len() / 2;
    let other = if proof.as_bytes().get(middle) == Some(&b'A') { "B" } else { "A" };
    format!("{}{other}{}", &proof[..middle], &proof[middle + 1..])
}

/// A bundle whose contents are no required artefacts, but for one: committed and signed like any other. Returns the vendor's id and its
/// root.
async fn without_artefacts(stage: &Stage, escalated: &Escalated) -> Result<(Value, Digest), Problem> {
    let (mut manifest, _) = Manifest::read(&escalated.manifest).map_err(|error| Problem::new(error.to_string()))?;
    // Nothing is left out: its packs would hold what belongs to no entry.
    for entry in manifest.entries.iter_mut().filter(|entry| entry.collector != "os") {
        "attachments".clone_into(&mut entry.collector);
    }
    let (manifest, root) = manifest.write().map_err(|error| Problem::new(error.to_string()))?;
    let ticket_id = escalated.ticket_id.as_str().unwrap_or_default();
    let committed = upload::commit(&stage.folder, ticket_id, &manifest).await?;
    let bundle_id = upload::commit_at_vendor(&stage.folder, &manifest, &committed.manifest_signature).await?;
    Ok((json!(bundle_id), root))
}

async fn corrupted(stage: &mut Stage, escalated: &Escalated) -> Result<(), Problem> {
    let ticket_id = escalated.ticket_id.as_str().unwrap_or_default();
    let desk = Desk::open(&stage.folder, Role::Agent, ticket_id)?;
    let content = stage.world.random::<64>();
    let mut changed = content;
    changed[7] ^= 1;
    let blob = write_blob(&reference(Digest::of(&content), content.len() as u64));
    let began = Instant::now();
    let Err(status) = upload::write(&desk, ticket_id, blob, &changed).await else {
        return Err(Problem::new("a corrupted blob was taken"));
    };
    stage.check_refusal("agent", "uploads a corrupted blob", &status, &["DIGEST_MISMATCH"], began.elapsed())
}
