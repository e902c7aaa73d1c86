//! The HTTP client under every Azure client of a host.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Url};

use super::BlobChanges;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Emulators are Node servers, which close a connection after five idle seconds: let go first, so that a request
/// is never sent into a connection that is being closed.
const LOOPBACK_IDLE: Duration = Duration::from_secs(4);

/// Two pooled clients, each made when it is first needed: plain HTTP to this machine needs neither proxies nor
/// root certificates, and reading those costs a cold start more than everything else here.
#[derive(Debug, Default)]
pub struct HttpTransport {
    loopback: OnceLock<reqwest::Client>,
    network: OnceLock<reqwest::Client>,
}

impl HttpTransport {
    fn client_for(&self, url: &Url) -> azure_core::Result<&reqwest::Client> {
        let (cell, loopback) = match is_loopback(url) {
            true => (&self.loopback, true),
            false => (&self.network, false),
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let base = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        let builder = match loopback {
            true => base.no_proxy().tls_certs_only([]).http1_only().pool_idle_timeout(LOOPBACK_IDLE),
            false => base,
        };
        let client = builder.build().map_err(|error| azure_core::Error::new(ErrorKind::Other, error))?;
        Ok(cell.get_or_init(|| client))
    }
}

#[async_trait]
impl HttpClient for HttpTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.client_for(request.url())?.execute_request(request).await
    }
}

/// A transport that reaches services of this very process without a socket, and everything else over the network.
pub trait InProcess: HttpClient {
    /// Whether a request to `url` stays in this process.
    fn answers(&self, url: &Url) -> bool;

    /// Word of every blob that is written there; `None` when it does not tell.
    fn blob_changes(&self) -> Option<BlobChanges> {
        None
    }
}

/// Whether `url` is plain HTTP to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}
