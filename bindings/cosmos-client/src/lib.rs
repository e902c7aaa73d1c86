//! The part of Cosmos DB that bindings need, as concrete types.
//!
//! The official client's generics are compiled into whichever crate calls it. Calling it here and nowhere else keeps
//! that work out of every rebuild of the bindings (decision 0002).

mod account;
mod container;
mod error;
mod transport;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{HttpClient, Url};
use azure_data_cosmos::CosmosClient;
use azure_data_cosmos::models::{ContainerProperties, PartitionKeyDefinition, ThroughputProperties};
use azure_data_cosmos::options::CreateContainerOptions;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

pub use container::Container;
pub use error::Error;

/// How requests prove who they come from.
#[derive(Clone)]
pub enum Credential {
    /// The account's key.
    Key(Secret),
    /// An identity.
    Token(Arc<dyn TokenCredential>),
}

/// One account. Cheap to clone; connects when it is first used.
#[derive(Clone)]
pub struct Account(Arc<Shared>);

struct Shared {
    endpoint: Url,
    credential: Credential,
    regions: Vec<String>,
    user_agent_suffix: Option<String>,
    /// What reaches the account without a socket, where it is a store of this process.
    in_process: Option<Arc<dyn HttpClient>>,
    client: OnceCell<CosmosClient>,
    /// Containers by database and name: opening one asks the service what it looks like.
    containers: Mutex<HashMap<(String, String), Container>>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.0.endpoint)
    }
}

impl Account {
    /// The account at `endpoint`; `regions` in the order they are preferred, or none;
    /// `user_agent_suffix` of at most 25 characters. Makes no request.
    ///
    /// # Errors
    /// When `endpoint` is no URL of a host.
    pub fn new(
        endpoint: &str,
        credential: Credential,
        regions: Vec<String>,
        user_agent_suffix: Option<String>,
    ) -> Result<Self, Error> {
        let endpoint =
            Url::parse(endpoint).ok().filter(Url::has_host).ok_or_else(|| Error::endpoint(endpoint))?;
        Ok(Self(Arc::new(Shared {
            endpoint,
            credential,
            regions,
            user_agent_suffix,
            in_process: None,
            client: OnceCell::new(),
            containers: Mutex::default(),
        })))
    }

    /// The same account, a store of this process that `transport` reaches without a socket. Before its first use.
    #[must_use]
    pub fn in_process(self, transport: Arc<dyn HttpClient>) -> Self {
        let Shared { endpoint, credential, regions, user_agent_suffix, .. } = &*self.0;
        Self(Arc::new(Shared {
            endpoint: endpoint.clone(),
            credential: credential.clone(),
            regions: regions.clone(),
            user_agent_suffix: user_agent_suffix.clone(),
            in_process: Some(transport),
            client: OnceCell::new(),
            containers: Mutex::default(),
        }))
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Url {
        &self.0.endpoint
    }

    async fn client(&self) -> Result<&CosmosClient, Error> {
        let shared = &*self.0;
        shared.client.get_or_try_init(|| account::connect(shared)).await
    }

    /// The container `name` of `database`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when database or container does not exist.
    pub async fn container(&self, database: &str, name: &str) -> Result<Container, Error> {
        let key = (database.to_owned(), name.to_owned());
        if let Some(container) = self.0.containers.lock().get(&key) {
            return Ok(container.clone());
        }
        let client = self.client().await?;
        let container = Container::open(client, database, name).await?;
        self.0.containers.lock().insert(key, container.clone());
        Ok(container)
    }

    /// Forgets what is known about a container, which may have been made anew since.
    pub fn forget(&self, database: &str, name: &str) {
        self.0.containers.lock().remove(&(database.to_owned(), name.to_owned()));
    }

    /// Creates database and container unless they exist. `partition_key` is a path such as `/region`.
    pub async fn create_container(
        &self,
        database: &str,
        name: &str,
        partition_key: &str,
        throughput: Option<u64>,
    ) -> Result<(), Error> {
        let client = self.client().await?;
        unless_there(client.create_database(database, None).await)?;
        let definition = PartitionKeyDefinition::from(partition_key.to_owned());
        let properties = ContainerProperties::new(name.to_owned(), definition);
        let options = throughput.map(|throughput| {
            CreateContainerOptions::default().with_throughput(ThroughputProperties::manual(throughput))
        });
        unless_there(client.database_client(database.to_owned()).create_container(properties, options).await)
    }
}

/// That a thing exists already is what its creator wanted.
fn unless_there<T>(result: azure_data_cosmos::Result<T>) -> Result<(), Error> {
    match result {
        Err(error) if !error.status().is_conflict() => Err(Error::from(error)),
        _ => Ok(()),
    }
}
