//! Who may use the store: the emulators' accounts, or accounts of one's own from settings.

use horus_app::settings::Settings;
use horus_storage::Options;
use horus_storage::auth::{Account, Accounts, WELL_KNOWN_ACCOUNT};
use horus_storage::documents::{self, Key, WELL_KNOWN_KEY};

use super::Plan;
use crate::commands::Failed;

/// `NAME:KEY` of storage accounts, separated by semicolons; keys are base64. Replaces the emulators' account.
pub(crate) const ACCOUNTS: &str = "FUNC_STORAGE_ACCOUNTS";
/// Key of the document account, base64. Replaces the emulators' key.
pub(crate) const DOCUMENT_KEY: &str = "FUNC_STORAGE_DOCUMENT_KEY";

/// The accounts, and whether they are secret.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// The first one is what the verbs use.
    pub(crate) account: Account,
    pub(crate) accounts: Accounts,
    /// As an account, so that it can sign.
    pub(crate) documents: Account,
    pub(crate) document_options: documents::Options,
    /// The key of `account`, where everybody knows it.
    pub(crate) is_well_known: bool,
    /// Likewise for documents.
    pub(crate) documents_are_well_known: bool,
}

impl Keys {
    /// From an app's settings, or those of this process.
    ///
    /// # Errors
    /// When they name accounts that cannot be: says which setting, never what it holds.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Failed> {
        let text = |name: &str| settings.text(name).filter(|text| !text.trim().is_empty());
        Self::parse(text(ACCOUNTS), text(DOCUMENT_KEY))
    }

    /// These, and the well-known ones where the app's settings use them: `UseDevelopmentStorage=true` goes on to work
    /// beside an account of one's own.
    pub(crate) fn beside(mut self, plan: &Plan) -> Self {
        if plan.well_known_account && !self.is_well_known {
            self.is_well_known = true;
            let others = self.accounts.iter().cloned();
            self.accounts = Accounts::new(std::iter::once(Account::well_known()).chain(others));
        }
        if plan.well_known_key && !self.documents_are_well_known {
            self.documents_are_well_known = true;
            self.document_options.keys.push(Key::well_known());
        }
        self
    }

    /// `options` with these accounts.
    pub(crate) fn admitted_to(&self, options: Options) -> Options {
        Options { accounts: self.accounts.clone(), documents: self.document_options.clone(), ..options }
    }

    pub(crate) fn parse(accounts: Option<&str>, document_key: Option<&str>) -> Result<Self, Failed> {
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

    /// Point 5 of the embedded store: settings of the app may name further accounts; the emulators' own stay out
    /// unless something uses them.
    #[test]
    fn settings_add_accounts_to_those_in_use() {
        let pairs = [("FUNC_STORAGE_ACCOUNTS", "mine:c2VjcmV0"), ("FUNC_STORAGE_DOCUMENT_KEY", "c2VjcmV0")];
        let settings = Settings::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let keys = Keys::of(&settings).unwrap();
        let alone = keys.clone().beside(&Plan::default());
        assert!(!alone.accounts.has_well_known_key() && !alone.document_options.accepts_well_known_key());
        let plan = Plan { well_known_account: true, well_known_key: true, ..Plan::default() };
        let both = keys.beside(&plan);
        assert!(both.accounts.get("mine").is_some() && both.accounts.get(WELL_KNOWN_ACCOUNT).is_some());
        assert_eq!(both.document_options.keys.len(), 2);
        assert_eq!(Keys::parse(None, None).unwrap().beside(&plan).document_options.keys.len(), 1);
        let shown = format!("{both:?}");
        assert!(!shown.contains("c2VjcmV0") && !shown.contains("secret"), "{shown}");
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
