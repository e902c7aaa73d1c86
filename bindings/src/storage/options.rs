//! How requests to the storage services are sent.

use std::sync::Arc;

use azure_core::http::policies::Policy;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, HttpClient, RetryOptions, Transport};
use azure_core::time::Duration;

use super::account::Credential;
use super::shared_key::SharedKeyPolicy;

/// The newest service version that the emulator of Node 20 (Azurite 3.35) takes; nothing here needs a newer one.
pub(super) const API_VERSION: &str = "2025-11-05";

/// Shorter retries than the client library's own minute: listeners have a back-off of their own, and an
/// invocation that waits for an output holds a place.
pub(super) fn client_options(credential: &Credential, transport: &Arc<dyn HttpClient>) -> ClientOptions {
    let per_try_policies: Vec<Arc<dyn Policy>> = match credential {
        Credential::SharedKey { account, key } => vec![Arc::new(SharedKeyPolicy::new(account, key.clone()))],
        Credential::SignedUrl | Credential::Token(_) => Vec::new(),
    };
    ClientOptions {
        per_try_policies,
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            initial_delay: Duration::milliseconds(200),
            max_retries: 3,
            max_total_elapsed: Duration::seconds(5),
            max_delay: Duration::seconds(2),
        }),
        transport: Some(Transport::new(transport.clone())),
        ..ClientOptions::default()
    }
}
