//! Import and export of licences.

use tokio::sync::mpsc;
use tonic::{Status, Streaming};
use vouch_contract::pb::license::v1 as pb;
use vouch_core::id::LicenseId;
use vouch_core::{Error, Violations, World, id, text};
use vouch_host::Page;

use super::Handlers;
use super::licenses::read::{EXPORT, read_kept_state, read_terms};
use crate::commands::import::{self, Batch, Imported, Row, digest_key_id};
use crate::domain::agreement::Liaison;
use crate::domain::license::License;
use crate::domain::license_key::{KeyDigest, LicenseKey};
use crate::domain::resale::Resale;
use crate::store::facts::key_digest;
use crate::store::licenses::{LicenseFilter, license_list};

/// How many licences one request may carry.
const MOST: usize = 2000;

/// A request that was read.
#[derive(Debug)]
struct Taken {
    licenses: Batch,
    /// What could not be read, by its place.
    unreadable: Vec<(usize, Violations)>,
    rehearse: bool,
}

impl Handlers {
    /// Takes one request after the other, until the caller ends. The next one is read while the database works on this one.
    pub(super) async fn import(
        self,
        mut requests: Streaming<pb::ImportLicensesRequest>,
        answers: mpsc::Sender<Result<pb::ImportLicensesResponse, Status>>,
    ) -> Result<(), Status> {
        let (sender, mut batches) = mpsc::channel(1);
        let reading = async {
            while let Some(request) = vouch_host::next_message(&mut requests, self.rpc.domain).await.transpose() {
                let batch = match request {
                    Ok(request) => self.batch(request).await.map_err(|error| self.rpc.status(&error)),
                    Err(status) => Err(status),
                };
                let is_last = batch.is_err();
                if sender.send(batch).await.is_err() || is_last {
                    break;
                }
            }
            drop(sender);
            // The batches under way decide how it ends.
            std::future::pending().await
        };
        let taking = async {
            while let Some(batch) = batches.recv().await {
                let taken = self.take(batch?).await.map_err(|error| self.rpc.status(&error))?;
                if answers.send(Ok(taken)).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        tokio::select! {
            never = reading => never,
            ended = taking => ended,
        }
    }

    /// Reads a request, beside the runtime's own threads: that is a good part of the work.
    async fn batch(&self, request: pb::ImportLicensesRequest) -> Result<Taken, Error> {
        if request.licenses.len() > MOST {
            return Err(Error::field("licenses", format!("must be at most {MOST}")));
        }
        let handlers = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let (mut licenses, mut unreadable) = (Vec::with_capacity(request.licenses.len()), Vec::new());
            for (place, license) in request.licenses.into_iter().enumerate() {
                match handlers.read(license) {
                    Ok((license, keeps_id)) => licenses.push(Row { place, license, keeps_id }),
                    Err(violations) => unreadable.push((place, violations)),
                }
            }
            Ok(Taken {
                licenses: Batch::of(handlers.store().dialect(), licenses)?,
                unreadable,
                rehearse: request.dry_run,
            })
        });
        reading.await.map_err(Error::internal)?
    }

    async fn take(&self, batch: Taken) -> Result<pb::ImportLicensesResponse, Error> {
        let imported = import::take(self.store(), &batch.licenses, batch.rehearse).await?;
        let Imported { created, unchanged, mut problems, facts_revision } = imported;
        problems.extend(batch.unreadable);
        problems.sort_by_key(|(place, _)| *place);
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        Ok(pb::ImportLicensesResponse {
            created: count(created),
            unchanged: count(unchanged),
            problems: problems.into_iter().map(|(place, v)| problem(count(place), &v)).collect(),
            facts_revision: if batch.rehearse { 0 } else { facts_revision },
        })
    }

    /// Reads a licence as another system kept it.
    fn read(&self, imported: pb::ImportedLicense) -> Result<(License, bool), Violations> {
        let mut v = Violations::new();
        let keeps_id = imported.license.as_ref().is_some_and(|license| !license.license_id.is_empty());
        let key = self.read_key(&imported, &mut v);
        let world = self.world();
        let license = v.nested("license", imported.license, |license, v| read_license(license, key, world, v));
        v.finish(license.map(|license| (license, keeps_id)))
    }

    /// The digest of a key, and its last group where the key is there.
    fn read_key(&self, imported: &pb::ImportedLicense, v: &mut Violations) -> Option<(KeyDigest, Option<String>)> {
        match (imported.license_key.is_empty(), imported.key_digest.is_empty()) {
            (false, true) => {
                let key = v.take("license_key", LicenseKey::parse(&imported.license_key))?;
                Some((key_digest(self.secrets(), &key), Some(key.hint().to_owned())))
            }
            (true, false) => {
                let digest = <[u8; 32]>::try_from(imported.key_digest.as_ref()).map_err(|_| "must have 32 bytes");
                let digest = v.take("key_digest", digest);
                if imported.digest_key_id != digest_key_id(self.secrets()) {
                    v.add("digest_key_id", "is not this service's: its digests find nothing here");
                }
                digest.map(|digest| (KeyDigest(digest), None))
            }
            (true, true) => v.take("license_key", Err("is required, or key_digest")),
            (false, false) => v.take("key_digest", Err("must be empty where license_key is given")),
        }
    }

    /// A page of licences as import takes them.
    pub(super) async fn export(&self, page: Page) -> Result<pb::ExportLicensesResponse, Error> {
        let mut snapshot = self.store().snapshot().await?;
        let mut licenses = license_list(&mut snapshot, &LicenseFilter::default(), &page).await?;
        let info = page.cut(&mut licenses, EXPORT, |license| license.id.to_string());
        let digest_key_id = digest_key_id(self.secrets());
        let exported = licenses.into_iter().map(|license| pb::ImportedLicense {
            key_digest: license.key.0.to_vec().into(),
            digest_key_id: digest_key_id.clone(),
            license_key: String::new(),
            license: Some(license.into()),
        });
        Ok(pb::ExportLicensesResponse { licenses: exported.collect(), page: Some(info) })
    }
}

/// Reads a licence whose key was read beside it: its digest, and its last group where that is known.
fn read_license(
    mut license: pb::License,
    key: Option<(KeyDigest, Option<String>)>,
    world: &World,
    v: &mut Violations,
) -> Option<License> {
    // As export gives them: their names here are this service's to give.
    for liaison in &mut license.liaisons {
        (liaison.contact_id, liaison.named_at) = (String::new(), None);
    }
    let id = match license.license_id.as_str() {
        "" => Some(world.id()),
        text => v.take("license_id", id::parse(text)),
    };
    let id: Option<LicenseId> = id;
    let state = v.take("state", read_kept_state(license.state));
    let state_note = v.take("state_note", text::optional_line(&license.state_note, 500));
    let key_hint = v.take("key_hint", text::optional_line(&license.key_hint, 5));
    let granted = read_terms(license, v)?;
    let (key, hint) = key?;
    let now = world.now();
    let named = granted.liaisons.into_iter().map(|person| Liaison { id: world.id(), person, named_at: now });
    Some(License {
        id: id?,
        key,
        key_hint: hint.or(key_hint)?,
        terms: granted.terms,
        state: state?,
        state_note: state_note?,
        liaisons: named.collect(),
        resale: Resale::default(),
        revision: 1,
        created_at: now,
    })
}

fn problem(place: i32, violations: &Violations) -> pb::ImportProblem {
    let fields = violations.iter().map(|violation| pb::FieldProblem {
        field: violation.field.clone(),
        description: violation.description.clone(),
    });
    pb::ImportProblem { place, fields: fields.collect() }
}
