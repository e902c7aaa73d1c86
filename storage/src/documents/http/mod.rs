//! The gateway protocol: from a request to the part of the service that answers it.

mod account;
mod auth;
mod items;
mod reply;
mod request;
mod resources;

use bytes::Bytes;
use http::{Method, Request, Response, uri::Scheme};
use uuid::Uuid;

use super::{Documents, Fault, writer::LARGEST};
use crate::{
    Trust,
    body::{self, Body, CollectError},
};
use reply::Reply;
use request::Call;

/// Largest request body: a full batch of documents, with room for their wrapping.
const LARGEST_BODY: usize = 2 * LARGEST;

impl Documents {
    /// Answers one request with a streamed body, from a socket or from this very process: the shape the store's other
    /// services have.
    pub async fn call(&self, request: Request<Body>, trust: Trust) -> Response<Body> {
        let (head, body) = request.into_parts();
        let answer = match body::collect(body, LARGEST_BODY).await {
            Ok(body) => {
                let request = Request::from_parts(head, body);
                self.respond(request, matches!(trust, Trust::Verify { .. })).await
            }
            Err(CollectError::TooLarge { .. }) => refusal(&Fault::too_large()),
            Err(broken) => refusal(&Fault::bad_request(format!("The request's {broken}."))),
        };
        answer.map(body::full)
    }

    /// Answers one request after verifying its signature; errors are answers too. The body is in memory both ways: a
    /// document has 2 MiB at most.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.respond(request, true).await
    }

    /// Answers a request of this very process, which needs no signature.
    pub async fn answer_trusted(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.respond(request, false).await
    }

    async fn respond(&self, request: Request<Bytes>, verified: bool) -> Response<Bytes> {
        let given =
            request.headers().get("x-ms-activity-id").and_then(|id| id.to_str().ok()?.parse::<Uuid>().ok());
        let activity = given.unwrap_or_else(Uuid::new_v4).to_string();
        let is_head = request.method() == Method::HEAD;
        let reply =
            self.reply(request, verified).await.unwrap_or_else(|fault| Reply::fault(&fault, &activity));
        let mut response = reply.finish(&activity);
        if is_head {
            response.body_mut().clear();
        }
        response
    }

    async fn reply(&self, request: Request<Bytes>, verified: bool) -> Result<Reply, Fault> {
        let (head, body) = request.into_parts();
        let raw_path = head.uri.path().to_owned();
        let authority = head.uri.authority().map(ToString::to_string);
        // What the socket says comes first: the request of a client that speaks HTTP/1.1 does not name it.
        let scheme = head.extensions.get::<Scheme>().or(head.uri.scheme()).cloned().unwrap_or(Scheme::HTTP);
        let call = Call::new(head, body)?;
        if verified {
            auth::verify(&call, &raw_path, &self.options().keys, self.engine().clock().now())?;
        }
        call.check_version()?;
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            [] => match call.method {
                Method::GET | Method::HEAD => Ok(account::properties(&call, &scheme, authority.as_deref())),
                _ => Err(Fault::method_not_allowed()),
            },
            ["dbs"] => self.databases(&call).await,
            ["dbs", database] => self.database(&call, database).await,
            ["dbs", database, "colls"] => self.containers(&call, database).await,
            ["dbs", database, "colls", container] => self.container(&call, database, container).await,
            ["dbs", database, "colls", container, "pkranges"] => self.ranges(&call, database, container),
            ["dbs", database, "colls", container, "docs"] => self.items(&call, database, container).await,
            ["dbs", database, "colls", container, "docs", id] => {
                self.item(&call, database, container, id).await
            }
            ["offers"] => self.offers(&call),
            ["offers", offer] => self.offer(&call, offer).await,
            ["dbs", _, "colls", _, kind @ ("sprocs" | "triggers" | "udfs" | "conflicts"), ..]
            | ["dbs", _, kind @ ("users" | "permissions"), ..] => {
                Err(Fault::unsupported(&format!("The resource kind '{kind}'")))
            }
            _ => Err(Fault::not_found(&format!("the path '{raw_path}'"))),
        }
    }
}

/// The response to a request that never reached the service.
fn refusal(fault: &Fault) -> Response<Bytes> {
    let activity = Uuid::new_v4().to_string();
    Reply::fault(fault, &activity).finish(&activity)
}
