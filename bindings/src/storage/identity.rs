//! Identities: from the credential keys of a connection's section to a source of tokens (spec bindings.md §1.11).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientMethodOptions, ClientOptions, HttpClient, Transport};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use horus_app::connection::Connection;

/// The source of tokens that `section` asks for; token requests go through `transport`. Makes no request.
///
/// # Errors
/// A sentence that names the keys at fault.
pub fn credential(
    section: &Connection,
    transport: &Arc<dyn HttpClient>,
) -> Result<Arc<dyn TokenCredential>, String> {
    let options =
        ClientOptions { transport: Some(Transport::new(transport.clone())), ..ClientOptions::default() };
    let kind = section.setting("credential").map(str::to_lowercase);
    match kind.as_deref() {
        Some("managedidentity") => {
            let id = |key: &str| section.setting(key).map(str::to_owned);
            let user = id("clientId")
                .map(UserAssignedId::ClientId)
                .or_else(|| id("managedIdentityResourceId").map(UserAssignedId::ResourceId))
                .or_else(|| id("managedIdentityObjectId").map(UserAssignedId::ObjectId));
            Ok(managed(user, &options).map_err(text)?)
        }
        Some("workloadidentity") => {
            Ok(workload(section.setting("clientId"), section.setting("tenantId"), &options).map_err(text)?)
        }
        Some("managedidentityasfederatedidentity") => federated(section, &options),
        Some(other) => Err(format!("the connection's credential '{other}' is not known")),
        None => by_keys(section, &options),
    }
}

fn by_keys(section: &Connection, options: &ClientOptions) -> Result<Arc<dyn TokenCredential>, String> {
    let (tenant, client) = (section.setting("tenantId"), section.setting("clientId"));
    if let (Some(tenant), Some(client), Some(secret)) = (tenant, client, section.setting("clientSecret")) {
        return Ok(secret_of(tenant, client, secret, options).map_err(text)?);
    }
    if section.setting("certificate").or(section.setting("clientCertificate")).is_some() {
        return Err(
            "client certificates are not supported: use a client secret, a workload identity or a managed \
                    identity"
                .to_owned(),
        );
    }
    default_chain(client, options)
}

fn secret_of(
    tenant: &str,
    client: &str,
    secret: &str,
    options: &ClientOptions,
) -> azure_core::Result<Arc<ClientSecretCredential>> {
    let options = ClientSecretCredentialOptions { client_options: options.clone() };
    ClientSecretCredential::new(tenant, client.to_owned(), Secret::from(secret.to_owned()), Some(options))
}

fn workload(
    client: Option<&str>,
    tenant: Option<&str>,
    options: &ClientOptions,
) -> azure_core::Result<Arc<WorkloadIdentityCredential>> {
    WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions { client_options: options.clone() },
        client_id: client.map(str::to_owned),
        tenant_id: tenant.map(str::to_owned),
        ..Default::default()
    }))
}

fn managed(
    user: Option<UserAssignedId>,
    options: &ClientOptions,
) -> azure_core::Result<Arc<ManagedIdentityCredential>> {
    ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
        user_assigned_id: user,
        client_options: options.clone(),
    }))
}

/// Signs in to an app registration with a managed identity's token instead of a secret.
fn federated(section: &Connection, options: &ClientOptions) -> Result<Arc<dyn TokenCredential>, String> {
    let need = |key: &str| {
        section
            .setting(key)
            .map(str::to_owned)
            .ok_or_else(|| format!("credential 'managedidentityasfederatedidentity' needs '{key}'"))
    };
    let scope = match section.setting("azureCloud").map(str::to_lowercase).as_deref() {
        None | Some("public") => "api://AzureADTokenExchange/.default",
        Some("usgov") => "api://AzureADTokenExchangeUSGov/.default",
        Some("china") => "api://AzureADTokenExchangeChina/.default",
        Some(other) => return Err(format!("azureCloud '{other}' is not known: use public, usgov or china")),
    };
    let user = section.setting("managedIdentityClientId").map(|id| UserAssignedId::ClientId(id.to_owned()));
    let assertion = IdentityAssertion { identity: managed(user, options).map_err(text)?, scope };
    let options = ClientAssertionCredentialOptions { client_options: options.clone() };
    Ok(ClientAssertionCredential::new(need("tenantId")?, need("clientId")?, assertion, Some(options))
        .map_err(text)?)
}

#[derive(Debug)]
struct IdentityAssertion {
    identity: Arc<ManagedIdentityCredential>,
    scope: &'static str,
}

#[async_trait]
impl ClientAssertion for IdentityAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let token = self.identity.get_token(&[self.scope], None).await?;
        Ok(token.token.secret().to_owned())
    }
}

/// What a section without credential keys means: the environment's client secret, a workload identity, a managed
/// identity, then the developer's own sign-in; those that are not set up are left out.
fn default_chain(
    client_id: Option<&str>,
    options: &ClientOptions,
) -> Result<Arc<dyn TokenCredential>, String> {
    let mut sources: Vec<Arc<dyn TokenCredential>> = Vec::new();
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (tenant, client) = (env("AZURE_TENANT_ID"), env("AZURE_CLIENT_ID"));
    if let (Some(tenant), Some(client), Some(secret)) = (&tenant, &client, env("AZURE_CLIENT_SECRET")) {
        sources.push(secret_of(tenant, client, &secret, options).map_err(text)?);
    }
    if env("AZURE_FEDERATED_TOKEN_FILE").is_some()
        && let Ok(source) = workload(client_id, None, options)
    {
        sources.push(source);
    }
    let user = client_id.map(str::to_owned).or(client).map(UserAssignedId::ClientId);
    if let Ok(source) = managed(user, options) {
        sources.push(source);
    }
    if let Ok(source) = DeveloperToolsCredential::new(None) {
        sources.push(source);
    }
    Ok(Arc::new(Chain { sources, settled: AtomicUsize::new(usize::MAX) }))
}

/// Tries its sources in order and stays with the first that gave a token.
#[derive(Debug)]
struct Chain {
    sources: Vec<Arc<dyn TokenCredential>>,
    settled: AtomicUsize,
}

#[async_trait]
impl TokenCredential for Chain {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if let Some(source) = self.sources.get(self.settled.load(Ordering::Relaxed)) {
            return source.get_token(scopes, options).await;
        }
        for (index, source) in self.sources.iter().enumerate() {
            if let Ok(token) = source.get_token(scopes, options.clone()).await {
                self.settled.store(index, Ordering::Relaxed);
                return Ok(token);
            }
        }
        Err(azure_core::Error::with_message(
            ErrorKind::Credential,
            "no identity gave a token: neither the environment, a workload identity, a managed identity nor a \
             developer's sign-in",
        ))
    }
}

fn text(error: azure_core::Error) -> String {
    error.to_string()
}
