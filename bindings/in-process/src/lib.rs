//! The embedded store as a transport: requests of the bindings' clients reach it without a socket. Same clients, same
//! semantics.

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::request::Body as RequestBody;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode, Url};
use futures::{AsyncReadExt as _, StreamExt as _, stream};
use horus_bindings::storage::{self, BlobChange, BlobChanges, BlobNews, HttpTransport};
use horus_storage::{BlobWritten, Service, Store, Trust, body};
use http_body_util::BodyExt as _;
use tokio::sync::broadcast::error::RecvError;

/// A transport that answers what is meant for the store, and sends the rest over the network.
#[derive(Debug)]
pub struct InProcess {
    store: Store,
    /// The services that are this store's, and the ports they are known by.
    served: Vec<(Service, u16)>,
    network: HttpTransport,
}

impl InProcess {
    /// Answers requests to the ports in `served` of this machine.
    pub fn new(store: Store, served: Vec<(Service, u16)>) -> Self {
        Self { store, served, network: HttpTransport::default() }
    }

    /// The service that answers at `url`, if it is one of the store's.
    pub fn service(&self, url: &Url) -> Option<Service> {
        let port = url.port().filter(|_| is_this_machine(url))?;
        let (service, _) = self.served.iter().find(|(_, known)| *known == port)?;
        let speaks = match url.scheme() {
            "http" => true,
            "https" => *service == Service::Documents,
            _ => false,
        };
        speaks.then_some(*service)
    }
}

impl storage::InProcess for InProcess {
    fn answers(&self, url: &Url) -> bool {
        self.service(url).is_some()
    }

    fn blob_changes(&self) -> Option<BlobChanges> {
        let news = stream::unfold(self.store.written_blobs(), |mut written| async {
            let news = match written.recv().await {
                Ok(BlobWritten { account, container, blob: name }) => {
                    BlobNews::Written(BlobChange { account, container, name })
                }
                Err(RecvError::Lagged(_)) => BlobNews::Missed,
                Err(RecvError::Closed) => return None,
            };
            Some((news, written))
        });
        Some(news.boxed())
    }
}

/// Whether `url` names this machine, where only this user's programs are meant.
pub fn is_this_machine(url: &Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
}

#[async_trait]
impl HttpClient for InProcess {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Some(service) = self.service(request.url()) else {
            return self.network.execute_request(request).await;
        };
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
        let trust = match service {
            // Accounts of documents differ by nothing but their keys, so a wrong one must fail as it does elsewhere.
            Service::Documents => Trust::Verify { peer: None },
            Service::Blob | Service::Queue | Service::Table => Trust::Trusted,
        };
        let answer = self.store.call(service, call, trust).await;
        let (head, content) = answer.into_parts();
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
