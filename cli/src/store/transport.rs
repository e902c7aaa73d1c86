//! Requests of the storage clients that reach the embedded store without a socket: same clients, same semantics.

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::request::Body as RequestBody;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode};
use futures::{AsyncReadExt as _, StreamExt as _};
use horus_bindings::storage::HttpTransport;
use horus_storage::{Service, Store, Trust, body};
use http_body_util::BodyExt as _;

/// A transport that answers what is meant for the store, and sends the rest over the network.
#[derive(Debug)]
pub(super) struct InProcess {
    store: Store,
    network: HttpTransport,
}

impl InProcess {
    pub(super) fn new(store: Store) -> Self {
        Self { store, network: HttpTransport::default() }
    }
}

/// The service that listens at the request's address, if it is one of the store's.
fn service(request: &Request) -> Option<Service> {
    let url = request.url();
    let is_local = matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
    let port = url.port()?;
    let mut storage = [Service::Blob, Service::Queue, Service::Table].into_iter();
    (url.scheme() == "http" && is_local).then(|| storage.find(|service| service.usual_port() == port))?
}

#[async_trait]
impl HttpClient for InProcess {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Some(service) = service(request) else { return self.network.execute_request(request).await };
        let wrong = |error: http::Error| azure_core::Error::new(ErrorKind::DataConversion, error);
        let url = request.url();
        let mut call = http::Request::builder().method(request.method().as_str()).uri(url.as_str());
        for (name, value) in request.headers().iter() {
            call = call.header(name.as_str(), value.as_str());
        }
        let content = match request.body() {
            RequestBody::Bytes(bytes) => bytes.clone(),
            RequestBody::SeekableStream(stream) => {
                let mut stream = stream.clone();
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await?;
                Bytes::from(all)
            }
        };
        // Clients leave the length to their transport; the services need it.
        if !content.is_empty()
            && !call.headers_ref().is_some_and(|h| h.contains_key(http::header::CONTENT_LENGTH))
        {
            call = call.header(http::header::CONTENT_LENGTH, content.len());
        }
        let call = call.body(body::full(content)).map_err(wrong)?;
        let (head, content) = self.store.call(service, call, Trust::Trusted).await.into_parts();
        let mut headers = Headers::new();
        for (name, value) in &head.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        let status = StatusCode::from(head.status.as_u16());
        let stream = content.into_data_stream().map(|part| {
            part.map_err(|error| azure_core::Error::with_message(ErrorKind::Io, error.to_string()))
        });
        Ok(AsyncRawResponse::new(status, headers, Box::pin(stream)))
    }
}
