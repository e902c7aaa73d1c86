//! Keys: who may call functions and the admin API (spec host.md §3.4 and §5).
//!
//! [`Keys`] answers from memory. Documents are read when a key is first shown, and again once what is in memory is
//! older than the store's freshness: a second for files, a minute for blobs.

mod access;
mod document;
mod generate;
mod mount;
mod store;
mod token;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use horus_app::log::Log;
use horus_app::{Secret, Settings};
use horus_bindings::storage::Storage;
use parking_lot::RwLock;

pub use access::{Access, Admission, Level};
use document::{Author, Unreadable};
use generate::{Kind, generate};
use mount::Mount;
use store::{Stamp, Store};
use token::Tokens;

/// Category of what is logged here.
const CATEGORY: &str = "Host.Secrets";
/// Document of the host's own keys; a function's is named after it.
const HOST_DOCUMENT: &str = "host.json";
/// Name under which the admin API knows the master key.
const MASTER: &str = "_master";

/// A key and its name, which ignores case.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Name.
    pub name: Arc<str>,
    /// Value.
    pub value: Secret,
}

impl Key {
    fn new(name: &str, value: &str) -> Self {
        Self { name: name.into(), value: Secret::new(value) }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.name)
    }
}

/// Keys that are not a single function's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKeys {
    /// Opens everything.
    pub master: Key,
    /// Open all functions.
    pub functions: Vec<Key>,
    /// Open one extension's webhook each.
    pub systems: Vec<Key>,
}

/// Which keys are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Host keys for all functions.
    Host,
    /// Keys of extensions; the master key is found here as `_master`.
    System,
    /// Keys of this function, in the app's spelling.
    Function(&'a str),
}

/// Why keys cannot be read or changed. Never contains a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// There is no place for keys.
    #[error("{0}")]
    Disabled(String),
    /// The place for keys is given by somebody else.
    #[error("KubernetesSecretsRepository is readonly when no AzureWebJobsKubernetesSecretName is specified.")]
    ReadOnly,
    /// The store failed.
    #[error("The keys cannot be read or written: {0}")]
    Store(String),
    /// A document is damaged. It is not touched: whoever repairs it keeps their keys.
    #[error("The document of keys '{document}' cannot be used: {reason}. Repair or remove it.")]
    Damaged {
        /// Its name.
        document: String,
        /// What is wrong.
        reason: String,
    },
    /// The document was replaced too often because it could not be decrypted.
    #[error(
        "AZFD0007: The document of keys '{document}' has more than 10 copies that could not be decrypted. Remove the copies named '*.snapshot.*' to let new keys be made."
    )]
    TooManySnapshots {
        /// Its name.
        document: String,
    },
}

/// What a change of a key did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key as it is now.
    pub key: Key,
    /// Whether it is new rather than replaced.
    pub created: bool,
}

enum Repository {
    Documents(Store),
    Mount(Mount),
    Disabled(String),
}

#[derive(Debug, Clone)]
struct Cached<T> {
    keys: Arc<T>,
    stamp: Option<Stamp>,
    checked: Instant,
}

#[derive(Default)]
struct Cache {
    host: Option<Cached<HostKeys>>,
    functions: HashMap<String, Cached<Vec<Key>>>,
}

struct Service {
    repository: Repository,
    author: Author,
    cache: RwLock<Cache>,
    /// One reader or writer of the store at a time. Held across awaits on purpose, but never on the way of a
    /// request that finds its keys in memory.
    store: tokio::sync::Mutex<()>,
    tokens: Option<Tokens>,
    isolated: bool,
    log: Log,
}

/// The keys of one app. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Service>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0.repository {
            Repository::Documents(Store::Files { .. }) => "Keys(files)",
            Repository::Documents(Store::Blobs { .. }) => "Keys(blobs)",
            Repository::Mount(_) => "Keys(mount)",
            Repository::Disabled(_) => "Keys(disabled)",
        })
    }
}

impl Keys {
    /// The keys that `settings` point to (spec host.md §5.1); `default_folder` is used by `files` when
    /// `FUNCTIONS_SECRETS_PATH` is not set. Performs no I/O.
    pub fn open(
        settings: &Settings,
        storage: &Storage,
        host_id: &str,
        instance: &str,
        default_folder: PathBuf,
        log: Log,
    ) -> Self {
        let repository = repository(settings, storage, host_id, default_folder);
        let author = Author {
            host_name: settings.text("WEBSITE_HOSTNAME").map(str::to_owned),
            instance: instance.to_owned(),
        };
        Self(Arc::new(Service {
            repository,
            author,
            cache: RwLock::default(),
            store: tokio::sync::Mutex::default(),
            tokens: Tokens::from_settings(settings),
            isolated: settings.flag("FUNCTIONS_ADMIN_ISOLATION_ENABLED"),
            log,
        }))
    }

    /// What the bearer of `presented` may do: with host keys anywhere, with a function's own keys only where
    /// `function` is that function.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub async fn access(&self, presented: &str, function: Option<&str>) -> Result<Access, KeysError> {
        if presented.is_empty() || matches!(self.0.repository, Repository::Disabled(_)) {
            return Ok(Access::ANONYMOUS);
        }
        if let Some(access) = access::by_host_key(&*self.host().await?, presented) {
            return Ok(access);
        }
        let Some(function) = function else { return Ok(Access::ANONYMOUS) };
        let keys = self.function(function).await?;
        Ok(access::by_function_key(&keys, presented).unwrap_or(Access::ANONYMOUS))
    }

    /// What the bearer of `presented` may do by a function's own key, whichever function that is, as far as keys are in
    /// memory: enough to tell a key that is not enough from one that is none, without a look at the store.
    pub fn known_access(&self, presented: &str) -> Access {
        let cache = self.0.cache.read();
        let mut keys = cache.functions.values();
        keys.find_map(|cached| access::by_function_key(&cached.keys, presented)).unwrap_or(Access::ANONYMOUS)
    }

    /// What the bearer of a platform token (the text after `Bearer `) may do.
    pub fn token_access(&self, token: &str) -> Access {
        let valid =
            self.0.tokens.as_ref().is_some_and(|tokens| tokens.accepts(token, Utc::now().timestamp()));
        if valid { Access::PLATFORM } else { Access::ANONYMOUS }
    }

    /// Whether the admin API is open to the platform alone (`FUNCTIONS_ADMIN_ISOLATION_ENABLED`).
    pub fn is_isolated(&self) -> bool {
        self.0.isolated
    }

    /// The host's keys; they are made when there are none.
    ///
    /// # Errors
    /// When they can be neither read nor made.
    pub async fn host(&self) -> Result<Arc<HostKeys>, KeysError> {
        let cached = self.0.cache.read().host.clone();
        if let Some(cached) = &cached
            && cached.checked.elapsed() < self.freshness()
        {
            return Ok(cached.keys.clone());
        }
        // While somebody else asks the store, what was true a moment ago is good enough.
        let Some(_store) = self.turn(cached.is_some()).await else {
            return Ok(cached.expect("checked by turn").keys);
        };
        if let Some(fresh) = self.0.cache.read().host.clone()
            && fresh.checked.elapsed() < self.freshness()
        {
            return Ok(fresh.keys);
        }
        let loaded = match &self.0.repository {
            Repository::Disabled(why) => return Err(KeysError::Disabled(why.clone())),
            Repository::Mount(mount) => mount.host().await.map(|keys| (keys, None)),
            Repository::Documents(store) => {
                let stamp = store.stamp(HOST_DOCUMENT).await;
                match unchanged(&cached, stamp) {
                    Some(keys) => Ok((HostKeys::clone(&keys), stamp)),
                    None => self.load_host(store).await,
                }
            }
        };
        let entry = self.settle(cached, loaded)?;
        self.0.cache.write().host = Some(entry.clone());
        Ok(entry.keys)
    }

    /// The keys of `function`; they are made when there are none.
    ///
    /// # Errors
    /// When they can be neither read nor made.
    pub async fn function(&self, function: &str) -> Result<Arc<Vec<Key>>, KeysError> {
        let cached = self.0.cache.read().functions.get(function).cloned();
        if let Some(cached) = &cached
            && cached.checked.elapsed() < self.freshness()
        {
            return Ok(cached.keys.clone());
        }
        let Some(_store) = self.turn(cached.is_some()).await else {
            return Ok(cached.expect("checked by turn").keys);
        };
        if let Some(fresh) = self.0.cache.read().functions.get(function).cloned()
            && fresh.checked.elapsed() < self.freshness()
        {
            return Ok(fresh.keys);
        }
        let loaded = match &self.0.repository {
            Repository::Disabled(why) => return Err(KeysError::Disabled(why.clone())),
            Repository::Mount(mount) => mount.function(function).await.map(|keys| (keys, None)),
            Repository::Documents(store) => {
                let stamp = store.stamp(&document_name(function)).await;
                match unchanged(&cached, stamp) {
                    Some(keys) => Ok((Vec::clone(&keys), stamp)),
                    None => self.load_function(store, function).await,
                }
            }
        };
        let entry = self.settle(cached, loaded)?;
        self.0.cache.write().functions.insert(function.to_owned(), entry.clone());
        Ok(entry.keys)
    }

    /// The keys of `scope`, without the master key.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list(&self, scope: Scope<'_>) -> Result<Vec<Key>, KeysError> {
        Ok(match scope {
            Scope::Host => self.host().await?.functions.clone(),
            Scope::System => self.host().await?.systems.clone(),
            Scope::Function(function) => self.function(function).await?.to_vec(),
        })
    }

    /// One key of `scope`. The master key is `_master` among the system keys and nowhere else.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub async fn get(&self, scope: Scope<'_>, name: &str) -> Result<Option<Key>, KeysError> {
        if name.eq_ignore_ascii_case(MASTER) {
            let is_system = scope == Scope::System;
            return Ok(if is_system { Some(master_of(&*self.host().await?)) } else { None });
        }
        Ok(self.list(scope).await?.into_iter().find(|key| key.name.eq_ignore_ascii_case(name)))
    }

    /// Sets key `name` to `value`, or to a new random value. `_master` in either host scope is the master key.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn set(
        &self,
        scope: Scope<'_>,
        name: &str,
        value: Option<Secret>,
    ) -> Result<Change, KeysError> {
        let kind = match scope {
            Scope::System => Kind::System,
            Scope::Host | Scope::Function(_) => Kind::Function,
        };
        if name.eq_ignore_ascii_case(MASTER) && !matches!(scope, Scope::Function(_)) {
            let value = value.unwrap_or_else(|| generate(Kind::Master));
            let created = false;
            return self
                .change_host(|keys| {
                    keys.master.value = value;
                    Some(Change { key: master_of(keys), created })
                })
                .await
                .map(|change| change.expect("a master key always changes"));
        }
        let key = Key { name: name.into(), value: value.unwrap_or_else(|| generate(kind)) };
        let put = |keys: &mut Vec<Key>| Some(put(keys, key));
        let change = match scope {
            Scope::Host => self.change_host(|keys| put(&mut keys.functions)).await?,
            Scope::System => self.change_host(|keys| put(&mut keys.systems)).await?,
            Scope::Function(function) => self.change_function(function, put).await?,
        };
        Ok(change.expect("putting a key always changes"))
    }

    /// Removes key `name`. Whether there was one.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn remove(&self, scope: Scope<'_>, name: &str) -> Result<bool, KeysError> {
        let remove = |keys: &mut Vec<Key>| {
            let at = keys.iter().position(|key| key.name.eq_ignore_ascii_case(name))?;
            Some(keys.remove(at))
        };
        Ok(match scope {
            Scope::Host => self.change_host(|keys| remove(&mut keys.functions)).await?.is_some(),
            Scope::System => self.change_host(|keys| remove(&mut keys.systems)).await?.is_some(),
            Scope::Function(function) => self.change_function(function, remove).await?.is_some(),
        })
    }

    /// The key of an extension's webhook; it is made when there is none.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn extension(&self, extension: &str) -> Result<Key, KeysError> {
        let name = format!("{}_extension", extension.to_lowercase());
        match self.get(Scope::System, &name).await? {
            Some(key) => Ok(key),
            None => Ok(self.set(Scope::System, &name, None).await?.key),
        }
    }

    fn freshness(&self) -> Duration {
        match &self.0.repository {
            Repository::Documents(store) => store.freshness(),
            Repository::Mount(_) => Duration::from_secs(1),
            Repository::Disabled(_) => Duration::MAX,
        }
    }

    /// The right to use the store; `None` when somebody else has it and the caller can do without.
    async fn turn(&self, has_fallback: bool) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match has_fallback {
            true => self.0.store.try_lock().ok(),
            false => Some(self.0.store.lock().await),
        }
    }

    /// What to remember after a look at the store: what was read, or, when the store failed, what was known.
    fn settle<T>(
        &self,
        known: Option<Cached<T>>,
        loaded: Result<(T, Option<Stamp>), KeysError>,
    ) -> Result<Cached<T>, KeysError> {
        match (loaded, known) {
            (Ok((keys, stamp)), _) => Ok(Cached { keys: Arc::new(keys), stamp, checked: Instant::now() }),
            (Err(error), Some(known)) => {
                self.0.log.warning(CATEGORY, format!("Keys are used as last read. {error}"));
                Ok(Cached { checked: Instant::now(), ..known })
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn load_host(&self, store: &Store) -> Result<(HostKeys, Option<Stamp>), KeysError> {
        let stamp = store.stamp(HOST_DOCUMENT).await;
        let text = match store.read(HOST_DOCUMENT).await? {
            Some(text) => text,
            None => {
                self.0.log.info(CATEGORY, "Host secrets do not exist. Generating secrets.");
                let keys = document::new_host();
                let text = document::host_text(&keys, &self.0.author);
                if store.create(HOST_DOCUMENT, text).await? {
                    return Ok((keys, store.stamp(HOST_DOCUMENT).await));
                }
                store.read(HOST_DOCUMENT).await?.ok_or_else(|| vanished(HOST_DOCUMENT))?
            }
        };
        match document::read_host(&text) {
            Ok(read) if !read.is_legacy => Ok((read.keys, stamp)),
            Ok(read) => {
                store.write(HOST_DOCUMENT, document::host_text(&read.keys, &self.0.author)).await?;
                Ok((read.keys, store.stamp(HOST_DOCUMENT).await))
            }
            Err(Unreadable::Encrypted) => {
                store.keep_unreadable(HOST_DOCUMENT, text, Utc::now()).await?;
                self.replaced(HOST_DOCUMENT);
                let keys = document::new_host();
                store.write(HOST_DOCUMENT, document::host_text(&keys, &self.0.author)).await?;
                Ok((keys, store.stamp(HOST_DOCUMENT).await))
            }
            Err(error) => Err(damaged(HOST_DOCUMENT, &error)),
        }
    }

    async fn load_function(
        &self,
        store: &Store,
        function: &str,
    ) -> Result<(Vec<Key>, Option<Stamp>), KeysError> {
        let name = &document_name(function);
        let stamp = store.stamp(name).await;
        let text = match store.read(name).await? {
            Some(text) => text,
            None => {
                let note = format!("Function ('{function}') secrets do not exist. Generating secrets.");
                self.0.log.info(CATEGORY, note);
                let keys = document::new_function();
                if store.create(name, document::function_text(&keys, &self.0.author)).await? {
                    return Ok((keys, store.stamp(name).await));
                }
                store.read(name).await?.ok_or_else(|| vanished(name))?
            }
        };
        match document::read_function(&text) {
            Ok(read) if !read.is_legacy => Ok((read.keys, stamp)),
            Ok(read) => {
                store.write(name, document::function_text(&read.keys, &self.0.author)).await?;
                Ok((read.keys, store.stamp(name).await))
            }
            Err(Unreadable::Encrypted) => {
                store.keep_unreadable(name, text, Utc::now()).await?;
                self.replaced(name);
                let keys = document::new_function();
                store.write(name, document::function_text(&keys, &self.0.author)).await?;
                Ok((keys, store.stamp(name).await))
            }
            Err(error) => Err(damaged(name, &error)),
        }
    }

    fn replaced(&self, document: &str) {
        let note = format!(
            "The keys in '{document}' are encrypted with a key that is not available here. New keys were made; the old document was kept beside it as a snapshot."
        );
        self.0.log.error(CATEGORY, note);
    }

    /// Reads the host's keys anew, changes them and writes them. `None` from `change` writes nothing.
    async fn change_host<T>(
        &self,
        change: impl FnOnce(&mut HostKeys) -> Option<T>,
    ) -> Result<Option<T>, KeysError> {
        let store = self.writable()?;
        let _turn = self.0.store.lock().await;
        let (mut keys, _) = self.load_host(store).await?;
        let Some(changed) = change(&mut keys) else { return Ok(None) };
        store.write(HOST_DOCUMENT, document::host_text(&keys, &self.0.author)).await?;
        let stamp = store.stamp(HOST_DOCUMENT).await;
        self.0.cache.write().host = Some(Cached { keys: Arc::new(keys), stamp, checked: Instant::now() });
        Ok(Some(changed))
    }

    async fn change_function<T>(
        &self,
        function: &str,
        change: impl FnOnce(&mut Vec<Key>) -> Option<T>,
    ) -> Result<Option<T>, KeysError> {
        let store = self.writable()?;
        let _turn = self.0.store.lock().await;
        let (mut keys, _) = self.load_function(store, function).await?;
        let Some(changed) = change(&mut keys) else { return Ok(None) };
        let name = document_name(function);
        store.write(&name, document::function_text(&keys, &self.0.author)).await?;
        let stamp = store.stamp(&name).await;
        let entry = Cached { keys: Arc::new(keys), stamp, checked: Instant::now() };
        self.0.cache.write().functions.insert(function.to_owned(), entry);
        Ok(Some(changed))
    }

    fn writable(&self) -> Result<&Store, KeysError> {
        match &self.0.repository {
            Repository::Documents(store) => Ok(store),
            Repository::Mount(_) => Err(KeysError::ReadOnly),
            Repository::Disabled(why) => Err(KeysError::Disabled(why.clone())),
        }
    }
}

fn unchanged<T>(cached: &Option<Cached<T>>, stamp: Option<Stamp>) -> Option<Arc<T>> {
    let cached = cached.as_ref()?;
    (stamp.is_some() && cached.stamp == stamp).then(|| cached.keys.clone())
}

fn put(keys: &mut Vec<Key>, key: Key) -> Change {
    match keys.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&key.name)) {
        Some(known) => {
            known.value = key.value;
            Change { key: known.clone(), created: false }
        }
        None => {
            keys.push(key.clone());
            Change { key, created: true }
        }
    }
}

fn master_of(keys: &HostKeys) -> Key {
    Key { name: MASTER.into(), value: keys.master.value.clone() }
}

fn document_name(function: &str) -> String {
    format!("{}.json", function.to_lowercase())
}

fn vanished(document: &str) -> KeysError {
    KeysError::Store(format!("the document '{document}' was removed while it was read"))
}

fn damaged(document: &str, error: &Unreadable) -> KeysError {
    KeysError::Damaged { document: document.to_owned(), reason: error.to_string() }
}

/// Spec host.md §5.1. Key vaults and the cluster's API are not among the stores yet; naming one says so.
fn repository(settings: &Settings, storage: &Storage, host_id: &str, default_folder: PathBuf) -> Repository {
    let kind = settings.text("AzureWebJobsSecretStorageType").unwrap_or_default();
    if kind.eq_ignore_ascii_case("files") {
        let folder = settings.text("FUNCTIONS_SECRETS_PATH").map_or(default_folder, PathBuf::from);
        return Repository::Documents(Store::Files { folder });
    }
    if kind.eq_ignore_ascii_case("kubernetes") {
        return match settings.text("AzureWebJobsKubernetesSecretName") {
            None => Repository::Mount(Mount(PathBuf::from(mount::FOLDER))),
            Some(_) => Repository::Disabled(
                "Keys in a Kubernetes Secret are not supported yet: unset AzureWebJobsKubernetesSecretName and mount the Secret at /run/secrets/functions-keys.".into(),
            ),
        };
    }
    if kind.eq_ignore_ascii_case("keyvault") {
        return Repository::Disabled(
            "Keys in a key vault are not supported yet: set AzureWebJobsSecretStorageType to 'files' or 'blob'.".into(),
        );
    }
    match settings.storage_connection(None).map_err(|error| error.to_string()) {
        Ok(connection) => match storage.blobs(&connection) {
            Ok(service) => {
                Repository::Documents(Store::Blobs { service, prefix: blob_prefix(settings, host_id) })
            }
            Err(error) => Repository::Disabled(no_blobs(&error.to_string())),
        },
        Err(error) => Repository::Disabled(no_blobs(&error)),
    }
}

fn no_blobs(why: &str) -> String {
    format!(
        "Secret initialization from Blob storage failed due to missing both an Azure Storage connection string and a SAS connection uri. {why} Set AzureWebJobsStorage, or set AzureWebJobsSecretStorageType to 'files'."
    )
}

/// Site name with its slot, or the host id, in lower case.
fn blob_prefix(settings: &Settings, host_id: &str) -> String {
    let Some(site) = settings.text("WEBSITE_SITE_NAME") else { return host_id.to_lowercase() };
    match settings.text("WEBSITE_SLOT_NAME") {
        Some(slot) if !slot.eq_ignore_ascii_case("production") => format!("{site}-{slot}").to_lowercase(),
        _ => site.to_lowercase(),
    }
}
