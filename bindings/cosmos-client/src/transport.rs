//! Requests that reach a store of this very process: the client's own pipeline on a transport of ours.
//!
//! The driver has one seam for that, which it calls internal and meant for benchmarks. Its version is exact, and what
//! is above the seam (plans, retries, sessions, continuation) is the same with a socket and without.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::{HttpClient, Request};
use azure_data_cosmos_driver::diagnostics::RequestSentStatus;
use azure_data_cosmos_driver::error::{CosmosError, CosmosStatus, status_codes};
use azure_data_cosmos_driver::test::{
    ConnectionPoolOptions, HttpClientConfig, HttpClientFactory, HttpRequest, HttpResponse, TransportClient,
    TransportError,
};

/// Hands out the one transport that all requests of an account take.
#[derive(Debug)]
pub(crate) struct InProcess(pub(crate) Arc<dyn HttpClient>);

#[derive(Debug)]
struct Carrier(Arc<dyn HttpClient>);

impl HttpClientFactory for InProcess {
    fn build(
        &self,
        _: &ConnectionPoolOptions,
        _: HttpClientConfig,
    ) -> Result<Arc<dyn TransportClient>, CosmosError> {
        Ok(Arc::new(Carrier(self.0.clone())))
    }
}

#[async_trait]
impl TransportClient for Carrier {
    async fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut call = Request::new(request.url.clone(), request.method);
        *call.headers_mut() = request.headers.clone();
        if let Some(body) = &request.body {
            call.set_body(body.clone());
        }
        let answer = async {
            let (status, headers, body) = self.0.execute_request(&call).await?.deconstruct();
            Ok(HttpResponse { status: status.into(), headers, body: body.collect().await?.into() })
        };
        let answer: azure_core::Result<HttpResponse> = match request.timeout {
            None => answer.await,
            // What was asked for may have happened all the same, as on a network.
            Some(limit) => match tokio::time::timeout(limit, answer).await {
                Ok(answer) => answer,
                Err(_) => {
                    let why = format!("the store did not answer within {limit:?}");
                    return Err(failed(status_codes::TRANSPORT_IO_FAILED, why));
                }
            },
        };
        answer.map_err(|error| failed(status_codes::TRANSPORT_IO_FAILED, error.to_string()))
    }
}

fn failed(status: CosmosStatus, message: String) -> TransportError {
    let error = CosmosError::builder().with_status(status).with_message(message).build();
    TransportError::new(error, RequestSentStatus::Unknown)
}
