//! The webhook by which an event service tells about new blobs (spec bindings.md §5.3).

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::CATEGORY;
use super::hub::Hub;
use super::message::Message;
use super::path::BlobPath;
use super::trigger::{Source, Watch};
use crate::event_delivery::{self as delivery, Delivery};
use crate::http::HttpRequest;
use crate::http::response::Reply;
use crate::storage::quoted;
use crate::webhook::Webhook;

/// The one kind of event that means a new blob.
const CREATED: &str = "Microsoft.Storage.BlobCreated";

/// `/runtime/webhooks/blobs?functionName=Host.Functions.{name}`.
#[derive(Debug)]
pub(super) struct BlobEvents {
    pub(super) hub: Arc<Hub>,
}

#[async_trait]
impl Webhook for BlobEvents {
    async fn call(&self, request: HttpRequest) -> Reply {
        let named = request.query.iter().find(|(name, _)| name.eq_ignore_ascii_case("functionName"));
        let name = named.map(|(_, value)| value.as_str()).unwrap_or_default();
        let Some(watch) = self.watch(name) else {
            return delivery::text(404, format!("cannot find function: '{name}'"));
        };
        match Delivery::of(&request) {
            Delivery::Validation(code) => delivery::validated(&code),
            Delivery::Options(origin) => delivery::allowed(origin),
            Delivery::Unsubscribe => delivery::status(202),
            Delivery::Unknown => delivery::status(400),
            Delivery::Events(events) => self.take(&watch, &events).await,
        }
    }
}

impl BlobEvents {
    /// The function by its full id, or by its name alone.
    fn watch(&self, name: &str) -> Option<Arc<Watch>> {
        let watch = self.hub.watch(name).or_else(|| self.hub.watch(&format!("Host.Functions.{name}")))?;
        (watch.source == Source::EventGrid && !watch.disabled).then_some(watch)
    }

    /// Puts a message into the internal queue for each new blob. One that cannot be put makes the service deliver
    /// everything again, which is better than to lose it.
    async fn take(&self, watch: &Watch, events: &[Value]) -> Reply {
        for message in events.iter().filter_map(|event| created(watch, event)) {
            if let Err(error) = self.hub.enqueue(&message).await {
                let function = &watch.function;
                let note = format!("A new blob for function '{function}' cannot be remembered: {error}.");
                self.hub.ground.log.error(CATEGORY, note);
                return delivery::text(500, "The event could not be stored. Send it again.".to_owned());
            }
        }
        delivery::status(202)
    }
}

/// The message about the blob that `event` tells of, if that is a new one which the function watches.
fn created(watch: &Watch, event: &Value) -> Option<Message> {
    let member = |name: &str| event.get(name).and_then(Value::as_str);
    let kind = member("eventType").or_else(|| member("type"))?;
    if !kind.eq_ignore_ascii_case(CREATED) {
        return None;
    }
    let data = event.get("data")?;
    let detail = |name: &str| data.get(name).and_then(Value::as_str);
    let path = member("subject")
        .and_then(from_subject)
        .or_else(|| BlobPath::parse_blob(detail("url")?).ok())
        .filter(|path| watch.pattern.matches(&path.container, &path.name))?;
    let etag = detail("eTag").map(quoted).unwrap_or_default();
    let kind = detail("blobType").unwrap_or("BlockBlob");
    Some(Message::new(&watch.id, kind, &path.container, &path.name, &etag))
}

/// The blob in `/blobServices/default/containers/{container}/blobs/{name}`.
fn from_subject(subject: &str) -> Option<BlobPath> {
    let (_, rest) = subject.split_once("/containers/")?;
    let (container, name) = rest.split_once("/blobs/")?;
    BlobPath::parse_blob(&format!("{container}/{name}")).ok()
}
