//! Who may use the store: the emulators' account, or accounts of one's own from the environment.

use horus_storage::auth::{Account, Accounts, WELL_KNOWN_ACCOUNT};
use horus_storage::documents::{self, Key, WELL_KNOWN_KEY};

use crate::commands::Failed;

/// `NAME:KEY` of storage accounts, separated by semicolons; keys are base64. Replaces the emulators' account.
pub(super) const ACCOUNTS: &str = "FUNC_STORAGE_ACCOUNTS";
/// Key of the document account, base64. Replaces the emulators' key.
pub(super) const DOCUMENT_KEY: &str = "FUNC_STORAGE_DOCUMENT_KEY";

/// The accounts, and whether they are secret.
pub(super) struct Keys {
    /// The first one is what the verbs use.
    pub(super) account: Account,
    pub(super) accounts: Accounts,
    /// As an account, so that it can sign.
    pub(super) documents: Account,
    pub(super) document_options: documents::Options,
    /// The key of `account`, where everybody knows it.
    pub(super) is_well_known: bool,
    /// Likewise for documents.
    pub(super) documents_are_well_known: bool,
}

impl Keys {
    /// From the environment.
    pub(super) fn from_env() -> Result<Self, Failed> {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        Self::parse(text(ACCOUNTS).as_deref(), text(DOCUMENT_KEY).as_deref())
    }

    pub(super) fn parse(accounts: Option<&str>, document_key: Option<&str>) -> Result<Self, Failed> {
        let mut list = Vec::new();
        for entry in accounts.unwrap_or_default().split(';').map(str::trim).filter(|entry| !entry.is_empty())
        {
            // The rest may be a key: it is not shown.
            let (name, key) = entry.split_once(':').ok_or_else(|| {
                Failed::new(format!("{ACCOUNTS}: each account is NAME:KEY, separated by semicolons."))
            })?;
            let account = Account::new(name.trim(), key.trim());
            list.push(account.map_err(|error| Failed::new(format!("{ACCOUNTS}: {error}.")))?);
        }
        let wrong = |_| Failed::new(format!("{DOCUMENT_KEY} is not a base64 key."));
        let key = document_key.unwrap_or(WELL_KNOWN_KEY);
        let document_options = documents::Options { keys: vec![Key::parse(key).map_err(|_| wrong(()))?] };
        let documents = Account::new("documents", key.trim()).map_err(|_| wrong(()))?;
        let is_well_known = list.is_empty();
        let accounts = match is_well_known {
            true => Accounts::default(),
            false => Accounts::new(list.iter().cloned()),
        };
        let account = list.into_iter().next().or_else(|| accounts.get(WELL_KNOWN_ACCOUNT).cloned());
        Ok(Self {
            account: account.expect("the default has the well-known account"),
            accounts,
            documents,
            documents_are_well_known: document_options.accepts_well_known_key(),
            document_options,
            is_well_known,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_ones_own_replace_the_well_known_one() {
        let keys = Keys::parse(None, None).unwrap();
        assert_eq!(keys.account.name(), WELL_KNOWN_ACCOUNT);
        assert!(keys.is_well_known && keys.documents_are_well_known);
        let keys = Keys::parse(Some("mine:c2VjcmV0; other:a2V5;"), Some("c2VjcmV0")).unwrap();
        assert_eq!(keys.account.name(), "mine");
        assert!(keys.accounts.get("other").is_some() && keys.accounts.get(WELL_KNOWN_ACCOUNT).is_none());
        assert!(!keys.is_well_known && !keys.documents_are_well_known && !keys.accounts.has_well_known_key());
    }

    #[test]
    fn mistakes_name_the_variable_and_never_the_key() {
        for (accounts, key) in
            [(Some("hunter2"), None), (Some("mine:hunter2!"), None), (None, Some("hunter2!"))]
        {
            let Err(error) = Keys::parse(accounts, key) else { panic!("{accounts:?} {key:?}") };
            assert!(
                error.message.contains("FUNC_STORAGE_") && !error.message.contains("hunter2"),
                "{}",
                error.message
            );
        }
    }
}
