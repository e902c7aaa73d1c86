//! From a connection to an account (spec bindings.md §1.11); one object per connection.

use azure_core::credentials::Secret;
use horus_app::connection::Connection;
use horus_cosmos_client::{Account, Credential};
use parking_lot::Mutex;

use crate::storage::{Storage, identity};

/// The accounts of a host.
#[derive(Debug)]
pub(super) struct Accounts {
    storage: Storage,
    user_agent_suffix: Option<String>,
    known: Mutex<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    connection: Connection,
    regions: Vec<String>,
    account: Account,
}

impl Accounts {
    pub(super) fn new(storage: Storage) -> Self {
        Self { storage, user_agent_suffix: None, known: Mutex::default() }
    }

    pub(super) fn set_user_agent_suffix(&mut self, suffix: Option<String>) {
        self.user_agent_suffix = suffix.filter(|suffix| !suffix.is_empty());
    }

    /// The account behind `connection`; makes no request. The error names keys, never values.
    pub(super) fn account(&self, connection: &Connection, regions: Vec<String>) -> Result<Account, String> {
        let mut known = self.known.lock();
        if let Some(found) =
            known.iter().find(|known| known.connection == *connection && known.regions == regions)
        {
            return Ok(found.account.clone());
        }
        let (endpoint, credential) = match connection {
            Connection::ConnectionString(text) => {
                let part =
                    |key: &str| text.get(key).ok_or_else(|| format!("the connection string has no {key}"));
                (part("AccountEndpoint")?, Credential::Key(Secret::from(part("AccountKey")?.to_owned())))
            }
            Connection::Section(_) => {
                let endpoint =
                    connection.setting("accountEndpoint").ok_or("the section has no accountEndpoint")?;
                (endpoint, Credential::Token(identity::credential(connection, self.storage.transport())?))
            }
        };
        let account = Account::new(endpoint, credential, regions.clone(), self.user_agent_suffix.clone())
            .map_err(|error| error.to_string())?;
        // A store of this process needs no socket. All others are reached the client's own way.
        let account = match self.storage.in_process(account.endpoint()) {
            Some(transport) => account.in_process(transport),
            None => account,
        };
        known.push(Known { connection: connection.clone(), regions, account: account.clone() });
        Ok(account)
    }
}
