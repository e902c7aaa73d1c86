//! Guests that serve HTTP: `wasi:http/incoming-handler`.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{
    Error, RequestOptions, Result as HttpResult, WasiBody, WasiHttpHooks, WasiHttpView as _,
};

use crate::call::{SharedSink, Sink};
use crate::guest::Pre;
use crate::state::State;
use crate::warm::Served;
use crate::{CallError, Grants, Guest};

/// A response body that the guest may still be writing; its error ends the connection.
pub type Body = WasiBody;

impl Guest {
    /// Has the guest answer `request`. `respond` is called as soon as the response's head is known; the call goes on
    /// until the guest has ended, body and afterthoughts included. Dropping the future ends the guest.
    ///
    /// The request needs a host, in its URI or its `Host` header.
    pub async fn call_http<B>(
        &self,
        request: http::Request<B>,
        sink: Arc<dyn Sink>,
        respond: impl FnOnce(http::Response<Body>) + Send + Sync + 'static,
    ) -> Result<(), CallError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let Pre::Http(pre) = &self.pre else { return Err(CallError::Contract) };
        self.timed(self.serve(pre, request, sink, respond)).await
    }

    async fn serve<B>(
        &self,
        served: &Served<ProxyPre<State>>,
        request: http::Request<B>,
        sink: SharedSink,
        respond: impl FnOnce(http::Response<Body>) + Send + Sync + 'static,
    ) -> Result<(), CallError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let deadline = self.deadline();
        let _turn = self.turn().await?;
        let mut instance = served.instance(self, sink, deadline).await?;
        let store = &mut instance.store;
        let secure = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
        let scheme = if secure { Scheme::Https } else { Scheme::Http };
        let request = request.map(|body| body.map_err(|error| Error::InternalError(Some(error.to_string()))));
        let request = store
            .data_mut()
            .http()
            .new_incoming_request(scheme, request)
            .map_err(|error| CallError::Request(error.root_cause().to_string()))?;
        let answered = Arc::new(Mutex::new(None));
        let seen = answered.clone();
        let answer = move |answer: GuestAnswer| {
            *seen.lock() = Some(match answer {
                Ok(response) => {
                    respond(response);
                    Answered::Response
                }
                Err(code) => Answered::Error(format!("{code:?}")),
            });
        };
        let out = store
            .data_mut()
            .http()
            .new_response_outparam_from_callback(answer)
            .map_err(|error| self.failure(&error, ""))?;

        let handler = instance.exports.wasi_http_incoming_handler();
        let ended = handler.call_handle(&mut *store, request, out).await;
        self.saw(instance.peak());
        ended.map_err(|error| self.failure(&error, &instance.said.last_words()))?;
        let answered = answered.lock().take();
        match answered {
            Some(Answered::Response) => {
                // The rest of the body leaves through its own channel; the instance is free from here on.
                served.put_back(self, instance);
                Ok(())
            }
            Some(Answered::Error(error)) => Err(CallError::Answered(error)),
            None => Err(CallError::NoResponse),
        }
    }
}

enum Answered {
    Response,
    Error(String),
}

type GuestAnswer = Result<http::Response<Body>, wasmtime_wasi_http::p2::bindings::http::types::ErrorCode>;

/// Lets outgoing requests pass to granted hosts only.
pub(crate) struct Gate {
    pub(crate) grants: Arc<Grants>,
    pub(crate) sink: SharedSink,
}

/// The rest of an exchange, kept alive while its body is read.
type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Gate {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _done: Rest,
    ) -> Box<dyn Future<Output = HttpResult<(http::Response<WasiBody>, Rest)>> + Send> {
        let uri = request.uri();
        let default = if uri.scheme() == Some(&http::uri::Scheme::HTTP) { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(default);
        let allowed = uri.host().is_some_and(|host| self.grants.allows(host, port));
        if !allowed {
            self.sink.denied(uri.authority().map_or("(no host)", |authority| authority.as_str()));
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        Box::new(async move {
            let (response, rest) = wasmtime_wasi_http::default_send_request(request, options).await?;
            Ok((response.map(BodyExt::boxed_unsync), Box::new(rest) as Rest))
        })
    }
}
