//! A host with blob functions.

use std::sync::Arc;

use bytes::Bytes;
use horus_app::{Direction, Function};
use horus_bindings::http::HttpRequest;
use horus_bindings::storage::{BlobService, Queue};
use horus_bindings::{Event, Extension as _, HostSection, HostState, Input, Output, Trigger, Value, blob};
use serde_json::{Value as Json, json};

use super::super::app::{App, Running, binding, function};
use crate::Counterpart;

/// One host process.
pub(super) struct Host {
    pub(super) app: App,
    extension: blob::Extension,
}

impl Host {
    /// On `service`, with this `blobs` section in its host.json. It believes to be alone: its lock is its own.
    pub(super) fn new(service: &impl Counterpart, section: Json) -> Self {
        let app = App::new(service, json!({}));
        let mut extension = blob::Extension::new(app.storage.clone());
        extension.configure(HostSection { name: "blobs", value: &section }).expect("a valid section");
        Self { app, extension }
    }

    /// As [`Host::new`], sharing its lock and positions with all others.
    pub(super) fn sharing(service: &impl Counterpart) -> Self {
        let mut host = Self::new(service, json!({}));
        host.app.state = HostState::blobs(host.blobs());
        host
    }

    pub(super) fn blobs(&self) -> BlobService {
        let connection = self.app.settings.storage_connection(None).unwrap();
        self.app.storage.blobs(&connection).unwrap()
    }

    /// The queue that all hosts of these tests keep their work in.
    pub(super) fn internal(&self) -> Queue {
        self.app.queue("azure-webjobs-blobtrigger-tests")
    }

    /// Writes a blob; its container is made when it is missing.
    pub(super) async fn put(&self, container: &str, name: &str, content: &'static [u8]) {
        self.blobs().create_container(container).await.unwrap();
        self.blobs().blob(container, name).write(Bytes::from_static(content)).await.unwrap();
    }

    pub(super) async fn read(&self, container: &str, name: &str) -> Option<Bytes> {
        self.blobs().blob(container, name).read().await.unwrap()
    }

    pub(super) fn trigger_of(&self, function: &Function) -> Result<Arc<dyn Trigger>, String> {
        let trigger = self.extension.trigger(function.trigger(), &self.app.context(function));
        trigger.map_err(|error| error.to_string())
    }

    /// The trigger of the function `name` with these properties.
    pub(super) fn trigger(&self, name: &str, properties: Json) -> Arc<dyn Trigger> {
        self.trigger_of(&triggered(name, properties)).expect("a valid trigger")
    }

    /// Posts `body` to the webhook for `function`; the answer's status and body.
    pub(super) async fn tell(&self, function: &str, kind: &str, body: Json) -> (u16, String) {
        let (name, webhook) = self.extension.webhook().expect("a function needs it");
        assert_eq!(name, "blobs");
        let request = HttpRequest {
            method: "POST".to_owned(),
            query: vec![("functionName".to_owned(), function.to_owned())],
            headers: vec![("aeg-event-type".to_owned(), kind.to_owned())],
            body: Some(body.to_string().into()),
            ..HttpRequest::default()
        };
        let reply = webhook.call(request).await;
        (reply.status, String::from_utf8(reply.body.to_vec()).expect("text"))
    }

    /// Whether there is a webhook.
    pub(super) fn has_webhook(&self) -> bool {
        self.extension.webhook().is_some()
    }

    pub(super) fn input(&self, properties: Json) -> Arc<dyn Input> {
        let function = function(vec![
            binding("queueTrigger", Direction::In, json!({})),
            binding("blob", Direction::In, properties),
        ]);
        self.extension.input(&function.bindings[1], &self.app.context(&function)).expect("a valid input")
    }

    pub(super) fn output(&self, properties: Json) -> Arc<dyn Output> {
        let function = function(vec![
            binding("queueTrigger", Direction::In, json!({})),
            binding("blob", Direction::Out, properties),
        ]);
        self.extension.output(&function.bindings[1], &self.app.context(&function)).expect("a valid output")
    }
}

/// A function on blobs.
pub(super) fn triggered(name: &str, properties: Json) -> Function {
    let mut function = function(vec![binding("blobTrigger", Direction::In, properties)]);
    name.clone_into(&mut function.name);
    function
}

/// The blobs that `running` was called for, in order of their names.
pub(super) fn names(running: &Running) -> Vec<String> {
    let mut names: Vec<String> = running.events.lock().iter().map(name).collect();
    names.sort();
    names
}

pub(super) fn name(event: &Event) -> String {
    match event.data.get("BlobTrigger") {
        Some(Value::String(name)) => name.clone(),
        other => panic!("{other:?} is no path"),
    }
}
