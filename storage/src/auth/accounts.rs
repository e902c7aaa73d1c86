//! The accounts the store answers for, with their keys.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;

/// The emulators' account name, known to every client library.
pub const WELL_KNOWN_ACCOUNT: &str = "devstoreaccount1";
/// The emulators' account key. It is public, so it protects nothing: see [`Accounts::has_well_known_key`].
/// <https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string>
const WELL_KNOWN_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// An account's name and key. The key never shows in `Debug`.
#[derive(Clone)]
pub struct Account {
    name: String,
    /// The key, already taken in: a signature starts from a copy.
    keyed: Hmac<Sha256>,
}

/// Why an account cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Not 3 to 24 lower-case letters and digits.
    #[error("storage account '{0}': a name has 3 to 24 lower-case letters and digits")]
    Name(String),
    /// Not base64, or empty.
    #[error("storage account '{0}': the key is not base64")]
    Key(String),
}

impl Account {
    /// Checks the name and decodes the base64 `key`.
    pub fn new(name: &str, key: &str) -> Result<Self, AccountError> {
        let named = (3..=24).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !named {
            return Err(AccountError::Name(name.to_owned()));
        }
        match STANDARD.decode(key) {
            Ok(key) if !key.is_empty() => {
                let keyed = Hmac::new_from_slice(&key).expect("HMAC takes keys of any length");
                Ok(Self { name: name.to_owned(), keyed })
            }
            _ => Err(AccountError::Key(name.to_owned())),
        }
    }

    /// The emulators' account.
    pub fn well_known() -> Self {
        Self::new(WELL_KNOWN_ACCOUNT, WELL_KNOWN_KEY).expect("the well-known key is base64")
    }

    /// The account's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The base64 signature of `text` under this account's key.
    pub fn sign(&self, text: &str) -> String {
        STANDARD.encode(self.mac(text))
    }

    /// Whether `signature` (base64) is this account's signature of `text`; takes the same time whatever it is.
    pub(crate) fn verifies(&self, text: &str, signature: &str) -> bool {
        let Ok(claimed) = STANDARD.decode(signature) else { return false };
        self.mac(text).as_slice().ct_eq(&claimed).into()
    }

    fn mac(&self, text: &str) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).field("key", &"***").finish()
    }
}

/// All accounts of a store. A handful, so a list is the fastest map.
#[derive(Debug, Clone)]
pub struct Accounts(Vec<Account>);

impl Default for Accounts {
    /// Only the emulators' account.
    fn default() -> Self {
        Self(vec![Account::well_known()])
    }
}

impl Accounts {
    /// Exactly these accounts; a later one of the same name wins.
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        let mut list: Vec<Account> = Vec::new();
        for account in accounts {
            list.retain(|known| known.name != account.name);
            list.push(account);
        }
        Self(list)
    }

    /// The account called `name`.
    pub fn get(&self, name: &str) -> Option<&Account> {
        self.0.iter().find(|account| account.name == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.0.iter()
    }

    /// Whether some account uses the public key. Such a store must not listen beyond the loopback.
    pub fn has_well_known_key(&self) -> bool {
        let public = Account::well_known();
        // Who signs alike has the same key.
        self.0.iter().any(|account| account.mac("") == public.mac(""))
    }
}
