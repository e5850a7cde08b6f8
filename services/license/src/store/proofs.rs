//! The record of issued proofs, without the proofs.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::id::{HoldId, LicenseId, ProofId};
use vouch_storage::WriteError;

/// What was vouched for.
#[derive(Debug, Clone)]
pub struct IssuedProof {
    /// The proof's `jti`.
    pub id: ProofId,
    /// The hold that it names.
    pub hold_id: HoldId,
    /// The licence.
    pub license_id: LicenseId,
    /// The licence's revision that was judged.
    pub license_revision: i64,
    /// The bundle.
    pub bundle_root: [u8; 32],
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Records an issue.
pub async fn proof_insert(connection: &mut AnyConnection, proof: &IssuedProof) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO issued_proofs (proof_id, hold_id, license_id, license_revision, bundle_root, issued_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(proof.id.to_string())
    .bind(proof.hold_id.to_string())
    .bind(proof.license_id.to_string())
    .bind(proof.license_revision)
    .bind(proof.bundle_root.as_slice())
    .bind(proof.issued_at.as_microsecond())
    .bind(proof.expires_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}
