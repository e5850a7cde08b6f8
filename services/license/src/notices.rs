//! Sends notices of support contacts by mail.

use vouch_core::{Error, World};
use vouch_storage::Store;
use vouch_storage::outbox::{self, Entry};

use crate::commands::notices::{self, Next};
use crate::domain::notice::NoticeState;
use crate::mail::{Mailer, Refusal};

/// Sends what the outbox holds.
#[derive(Debug)]
pub(crate) struct Notices {
    pub(crate) store: Store,
    pub(crate) world: World,
    pub(crate) mailer: Mailer,
}

impl Notices {
    /// Sends everything that is due.
    pub(crate) async fn send_due(&self) -> Result<(), Error> {
        while let Some(entry) = outbox::claim(&self.store, self.world.now()).await? {
            self.send(&entry).await?;
        }
        Ok(())
    }

    async fn send(&self, entry: &Entry) -> Result<(), Error> {
        let (notice, letter, partners) = match notices::next(&self.store, &self.world, entry).await? {
            Next::Send(notice, letter, partners) => (notice, letter, partners),
            Next::Wait(id, why) => return notices::delay(&self.store, &self.world, entry, id, why).await,
            Next::Drop(id, why) => return self.end(entry, Some((id, NoticeState::Dropped, &[], why))).await,
            Next::Done => return self.end(entry, None).await,
        };
        // Whoever dies between the mail server's answer and the next line sends the letter again, under the same message id.
        match self.mailer.send(&notice, letter, self.world.now()).await {
            Ok(()) => {
                tracing::info!(notice.id = %notice.id, agreement.id = %notice.agreement_id, "a support contact was sent");
                self.end(entry, Some((notice.id, NoticeState::Sent, &partners, ""))).await
            }
            Err(Refusal::ForGood(why)) => {
                tracing::warn!(notice.id = %notice.id, "a mail server refused an address for good");
                self.end(entry, Some((notice.id, NoticeState::Refused, &[], &why))).await
            }
            Err(Refusal::ForNow(why)) => notices::delay(&self.store, &self.world, entry, notice.id, &why).await,
        }
    }

    async fn end(&self, entry: &Entry, outcome: notices::Outcome<'_>) -> Result<(), Error> {
        notices::end(&self.store, &self.world, entry.id, outcome).await
    }
}
