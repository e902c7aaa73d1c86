//! One queue function and what a host gives to its bindings.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use horus_app::log::{Level, Log, Record, Sink};
use horus_app::settings::Settings;
use horus_app::{Binding, Cardinality, DataType, Direction, Function, FunctionSource};
use horus_bindings::queue::{Extension, Wakers};
use horus_bindings::storage::{Queue, Storage};
use horus_bindings::{
    Dispatch, Drain, Event, Extension as _, HostSection, HostState, IndexContext, Output, Trigger, Verdict,
};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;

use crate::Counterpart;

/// Everything a binding sees of its host.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) storage: Storage,
    pub(crate) wakers: Wakers,
    pub(crate) state: HostState,
    pub(crate) lines: Arc<Mutex<Vec<(Level, String)>>>,
    pub(crate) log: Log,
    extension: Extension,
}

struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Sink for Lines {
    fn accepts(&self, _: &str, level: Level) -> bool {
        level >= Level::Information
    }

    fn write(&self, record: Record<'_>) {
        self.0.lock().push((record.level, record.message.to_owned()));
    }
}

impl App {
    /// A host on `service` with this `queues` section in its host.json.
    pub(crate) fn new(service: &impl Counterpart, section: Json) -> Self {
        let settings =
            Settings::from_pairs([("AzureWebJobsStorage".to_owned(), service.connection_string())]);
        let storage = service.storage();
        let mut extension = Extension::new(storage.clone());
        extension.configure(HostSection { name: "queues", value: &section }).expect("a valid section");
        let lines = Arc::default();
        let log = Log::new(Lines(Arc::clone(&lines)));
        Self {
            settings,
            storage,
            wakers: Wakers::default(),
            state: HostState::in_memory(),
            lines,
            log,
            extension,
        }
    }

    pub(crate) fn context<'a>(&'a self, function: &'a Function) -> IndexContext<'a> {
        IndexContext {
            function,
            settings: &self.settings,
            host_id: "tests",
            state: &self.state,
            wakers: &self.wakers,
            log: &self.log,
            development: false,
        }
    }

    /// The queue called `name`, as a client of its own.
    pub(crate) fn queue(&self, name: &str) -> Queue {
        let connection = self.settings.storage_connection(None).unwrap();
        self.storage.queues(&connection).unwrap().queue(name).unwrap()
    }

    /// The trigger of a function with these binding properties.
    pub(crate) fn trigger(&self, properties: Json) -> Arc<dyn Trigger> {
        let function = function(vec![binding("queueTrigger", Direction::In, properties)]);
        self.extension.trigger(&function.bindings[0], &self.context(&function)).expect("a valid trigger")
    }

    /// The output of a function with these binding properties.
    pub(crate) fn output(&self, properties: Json) -> Arc<dyn Output> {
        let trigger = binding("queueTrigger", Direction::In, json!({"queueName": "unused"}));
        let function = function(vec![trigger, binding("queue", Direction::Out, properties)]);
        self.extension.output(&function.bindings[1], &self.context(&function)).expect("a valid output")
    }

    /// Log lines at `level` that contain `text`.
    pub(crate) fn count_lines(&self, level: Level, text: &str) -> usize {
        self.lines.lock().iter().filter(|(at, line)| *at == level && line.contains(text)).count()
    }
}

pub(crate) fn binding(kind: &str, direction: Direction, properties: Json) -> Binding {
    let Json::Object(raw) = properties else { panic!("binding properties are an object") };
    let data_type = match raw.get("dataType").and_then(Json::as_str) {
        Some("binary") => DataType::Binary,
        Some("string") => DataType::String,
        _ => DataType::Undefined,
    };
    let name = "item".to_owned();
    Binding { name, kind: kind.to_owned(), direction, data_type, cardinality: Cardinality::One, raw }
}

pub(crate) fn function(bindings: Vec<Binding>) -> Function {
    Function {
        name: "Drain".to_owned(),
        id: "id".to_owned(),
        directory: "/app/Drain".into(),
        script_file: "/app/Drain/index.js".into(),
        entry_point: String::new(),
        language: "node".to_owned(),
        bindings,
        retry: None,
        disabled: false,
        source: FunctionSource::Host,
        config: Json::Null,
        properties: Vec::new(),
    }
}

/// A listener at work, and what it handed over.
pub(crate) struct Running {
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    pub(crate) most_at_once: Arc<AtomicUsize>,
    drain: Drain,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts `trigger`; `body` is the function.
    pub(crate) fn start(
        trigger: Arc<dyn Trigger>,
        body: impl Fn(usize) -> BoxFuture<'static, Verdict> + Send + Sync + 'static,
    ) -> Self {
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let at_once = Arc::new(AtomicUsize::new(0));
        let most_at_once = Arc::new(AtomicUsize::new(0));
        let (seen, most) = (events.clone(), most_at_once.clone());
        let dispatch = Dispatch::new(move |event| {
            let number = {
                let mut seen = seen.lock();
                seen.push(event);
                seen.len()
            };
            let (at_once, most) = (at_once.clone(), most.clone());
            let invocation = body(number);
            async move {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let verdict = invocation.await;
                at_once.fetch_sub(1, Ordering::SeqCst);
                verdict
            }
            .boxed()
        });
        let drain = Drain::new();
        let ends = drain.clone();
        let task = tokio::spawn(async move { trigger.listen(dispatch, ends).await.expect("an orderly end") });
        Self { events, most_at_once, drain, task }
    }

    pub(crate) fn count(&self) -> usize {
        self.events.lock().len()
    }

    /// Announces the end without waiting for it.
    pub(crate) fn drain(&self) {
        self.drain.start();
    }

    /// Ends the listener in order.
    pub(crate) async fn stop(self) {
        self.drain.start();
        self.task.await.expect("the listener does not panic");
    }
}

/// A function that returns `verdict` at once.
pub(crate) fn always(
    verdict: fn() -> Verdict,
) -> impl Fn(usize) -> BoxFuture<'static, Verdict> + Send + Sync {
    move |_| std::future::ready(verdict()).boxed()
}

pub(crate) fn success() -> Verdict {
    Verdict::Succeeded(horus_bindings::Value::Null)
}

pub(crate) fn failure() -> Verdict {
    Verdict::Failed("the function threw".to_owned())
}
