//! Everything that a person has at an end user, read as one state.

use sqlx::AnyConnection;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_storage::StoreError;

use super::{agreements, licenses, online_accounts, sdk_users};
use crate::domain::agreement::Agreement;
use crate::domain::license::License;
use crate::domain::online_account::OnlineAccount;

/// What a person has.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    /// The agreements of the end user.
    pub agreements: Vec<Agreement>,
    /// The licences that name the person a liaison.
    pub licenses: Vec<License>,
    /// The licences of development kits that name the person.
    pub sdk_licenses: Vec<License>,
    /// The person's accounts that were not ended, each with its agreement.
    pub accounts: Vec<(OnlineAccount, Agreement)>,
}

impl Rights {
    /// What a partner is told of it: of licences, those for which it is responsible. Agreements are the end user's as a whole.
    #[must_use]
    pub fn seen_by(mut self, partner: &PartnerId) -> Self {
        for licenses in [&mut self.licenses, &mut self.sdk_licenses] {
            licenses.retain(|license| license.terms.responsible_partner_id == *partner);
        }
        self
    }
}

/// What a person with this address has at an end user.
pub async fn rights_fetch(
    connection: &mut AnyConnection,
    end_user_id: &EndUserId,
    email: &str,
) -> Result<Rights, StoreError> {
    let agreements = agreements::agreement_list_of(connection, end_user_id).await?;
    let mut rights = Rights { agreements, ..Rights::default() };
    for agreement in &rights.agreements {
        let accounts = online_accounts::account_list_of_person(connection, agreement.id, email).await?;
        rights.accounts.extend(accounts.into_iter().map(|account| (account, agreement.clone())));
    }
    for id in licenses::license_list_naming(connection, end_user_id, email).await? {
        rights.licenses.extend(licenses::license_fetch(connection, id).await?);
    }
    for id in sdk_users::license_list_of_user(connection, end_user_id, email).await? {
        rights.sdk_licenses.extend(licenses::license_fetch(connection, id).await?);
    }
    Ok(rights)
}
