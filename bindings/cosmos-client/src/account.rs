//! Connecting to an account.

use std::sync::Arc;

use azure_core::http::Url;
use azure_data_cosmos::options::{
    BinaryEncodingOptions, ConnectionPoolOptionsBuilder, Region, ServerCertificateValidation, UserAgentSuffix,
};
use azure_data_cosmos::{
    AccountEndpoint, AccountReference, CosmosClient, CosmosRuntime, CosmosRuntimeBuilder, RoutingStrategy,
};
use azure_data_cosmos_driver::CosmosDriverRuntimeBuilder;

use super::transport::InProcess;
use super::{Credential, Error, Shared};

/// The service itself, as opposed to emulators and other stores that speak its protocol.
fn is_azure(endpoint: &Url) -> bool {
    const DOMAINS: [&str; 3] = [".documents.azure.com", ".documents.azure.us", ".documents.azure.cn"];
    endpoint.domain().is_some_and(|host| DOMAINS.iter().any(|domain| host.ends_with(domain)))
}

pub(super) async fn connect(shared: &Shared) -> Result<CosmosClient, Error> {
    let azure = is_azure(&shared.endpoint);
    // Emulators on this machine have certificates of their own making, and many of them speak HTTP/1.1 only and
    // plain JSON.
    let pool = ConnectionPoolOptionsBuilder::new()
        .with_is_http2_allowed(azure)
        .with_server_certificate_validation(ServerCertificateValidation::RequiredUnlessEmulator)
        .build()?;
    let runtime = match &shared.in_process {
        None => CosmosRuntime::builder(),
        Some(transport) => {
            let factory = Arc::new(InProcess(transport.clone()));
            CosmosRuntimeBuilder::from(
                CosmosDriverRuntimeBuilder::new().with_mock_http_client_factory(factory),
            )
        }
    };
    let runtime = runtime.with_connection_pool(pool).build().await?;
    let address = AccountEndpoint::from(shared.endpoint.clone());
    let account = match &shared.credential {
        Credential::Key(key) => AccountReference::with_authentication_key(address, key.clone()),
        Credential::Token(token) => AccountReference::with_credential(address, token.clone()),
    };
    let regions = shared.regions.iter().cloned().map(Region::new).collect();
    let mut builder = CosmosClient::builder();
    // One that the client would not take is left out: it is a remark, no setting.
    if let Some(suffix) =
        shared.user_agent_suffix.clone().and_then(|text| UserAgentSuffix::try_from(text).ok())
    {
        builder = builder.with_user_agent_suffix(suffix);
    }
    let client = builder
        .with_runtime(runtime)
        .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(azure))
        .build(account, RoutingStrategy::PreferredRegions(regions))
        .await?;
    Ok(client)
}
