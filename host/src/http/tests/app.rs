//! A loaded app whose functions are closures, behind a front end that nobody listens for.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use futures::future::BoxFuture;
use horus_app::log::{Level, Log, Record, Sink};
use horus_app::{Binding, Function, FunctionError, FunctionSource, HostJson, Settings};
use horus_bindings::http::{self as binding, HttpRequest, route};
use horus_bindings::state::PrimaryLock;
use horus_bindings::storage::Storage;
use horus_bindings::{BindError, Dispatch, Drain, Event, HostState, ListenError, Registry, Trigger, Value};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::http::FrontEnd;
use crate::invoke::{Activity, Invocation, Invoker, Loaded, Outcome, Outputs, Runner, RunnerParts};
use crate::keys::Keys;
use crate::lifecycle::{Handle, Host, Services};
use crate::{Auth, Cors, Job, Options, State, Status};

/// What a function does.
pub(super) type Behaviour = Arc<dyn Fn(Invocation) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// One function of a test app.
pub(super) struct Sketch {
    pub(super) name: &'static str,
    pub(super) trigger: serde_json::Value,
    pub(super) disabled: bool,
    pub(super) behaviour: Behaviour,
}

/// An HTTP function of level `anonymous`, with further properties of its trigger.
pub(super) fn http(name: &'static str, properties: serde_json::Value, behaviour: Behaviour) -> Sketch {
    let mut trigger = json!({"type": "httpTrigger", "name": "req", "authLevel": "anonymous"});
    trigger.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    Sketch { name, trigger, disabled: false, behaviour }
}

/// A behaviour that answers with what it is given.
pub(super) fn replies(reply: impl Fn(&HttpRequest) -> Value + Send + Sync + 'static) -> Behaviour {
    Arc::new(move |invocation| {
        let Value::HttpRequest(request) = &invocation.trigger else { panic!("not a request") };
        let return_value = reply(request);
        Box::pin(async { Outcome::Completed(Outputs { values: Vec::new(), return_value }) })
    })
}

/// A behaviour that shows verb, URL, route values, query and body as JSON, one reply for all mapping tests.
pub(super) fn echo() -> Behaviour {
    replies(|request| {
        let pairs = |pairs: &[(String, String)]| {
            pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>()
        };
        let shown = json!({
            "method": request.method,
            "url": request.url,
            "params": pairs(&request.params),
            "query": pairs(&request.query),
            "body": request.body.as_ref().map(|body| String::from_utf8_lossy(body)),
            "levels": request.identities.iter().map(|identity| identity.claims[0].1.clone()).collect::<Vec<_>>(),
        });
        Value::Bytes(shown.to_string().into())
    })
}

struct Behaving(Vec<Behaviour>);

#[async_trait]
impl Invoker for Behaving {
    async fn invoke(&self, function: &Loaded, invocation: Invocation) -> Outcome {
        (self.0[function.index])(invocation).await
    }

    async fn abandon(&self, _invocation: &str) {}
}

/// A trigger that only runs by hand.
struct Manual;

#[async_trait]
impl Trigger for Manual {
    async fn listen(self: Arc<Self>, _dispatch: Dispatch, drain: Drain) -> Result<(), ListenError> {
        drain.draining().await;
        Ok(())
    }

    fn manual_event(&self, input: Option<String>) -> Result<Event, BindError> {
        Ok(Event::new(input.map_or(Value::Null, Value::String), "by hand"))
    }
}

/// Keeps every line.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<String>>>);

impl Sink for Lines {
    fn accepts(&self, _category: &str, level: Level) -> bool {
        level >= Level::Information
    }

    fn write(&self, record: Record<'_>) {
        self.0.lock().push(format!("{}: {}", record.category, record.message));
    }
}

impl Lines {
    /// Waits until a line contains `text`.
    pub(super) async fn wait_for(&self, text: &str) -> String {
        let found = async {
            loop {
                if let Some(line) = self.0.lock().iter().find(|line| line.contains(text)) {
                    return line.clone();
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let limit = std::time::Duration::from_secs(10);
        tokio::time::timeout(limit, found)
            .await
            .unwrap_or_else(|_| panic!("no line '{text}': {:?}", self.0.lock()))
    }
}

struct NoServices;

impl Services for NoServices {
    fn registry(&self) -> Registry {
        Registry::new()
    }

    fn storage(&self) -> Storage {
        Storage::new()
    }

    fn state(&self, _settings: &Settings, _log: &Log) -> HostState {
        HostState::in_memory()
    }
}

/// How a test app differs from an empty one with open doors.
#[derive(Default)]
pub(super) struct Setup<'a> {
    pub(super) functions: Vec<Sketch>,
    pub(super) errors: Vec<FunctionError>,
    pub(super) http: serde_json::Value,
    pub(super) settings: &'a [(&'a str, &'a str)],
    pub(super) keys: Option<&'a Path>,
    pub(super) root: Option<&'a Path>,
    pub(super) cors: Option<Cors>,
}

/// The app, its front end and what it says.
pub(super) struct App {
    pub(super) front: FrontEnd,
    pub(super) keys: Keys,
    pub(super) job: Arc<Job>,
    pub(super) status: watch::Sender<Status>,
    pub(super) lines: Lines,
    _handle: Handle,
}

impl App {
    pub(super) fn new(setup: Setup<'_>) -> Self {
        let mut pairs: Vec<(String, String)> =
            setup.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if let Some(folder) = setup.keys {
            pairs.push(("AzureWebJobsSecretStorageType".into(), "files".into()));
            pairs.push(("FUNCTIONS_SECRETS_PATH".into(), folder.display().to_string()));
        }
        let settings = Settings::from_pairs(pairs);
        let lines = Lines::default();
        let log = Log::new(lines.clone());
        let options = Options {
            root: setup.root.map_or_else(|| "/app".into(), Path::to_owned),
            settings: settings.clone(),
            log: log.clone(),
            auth: if setup.keys.is_some() { Auth::Keys } else { Auth::Open },
            cors: setup.cors,
            tls: None,
            version: "4.1037.0.0",
            development: false,
            secrets: "/nowhere".into(),
            worker_cache: "/nowhere".into(),
        };
        let section = horus_bindings::HostSection { name: "http", value: &setup.http };
        let http = binding::Options::parse(section).unwrap();
        let job = Arc::new(job(setup.functions, setup.errors, http, &settings, &log));
        let handle = Host::new(options.clone(), NoServices).handle();
        let keys = Keys::open(&settings, &Storage::new(), "host", "instance", "/nowhere".into(), log);
        let (status, watcher) =
            watch::channel(Status { job: Some(job.clone()), ..Status::of(State::Running) });
        let front = FrontEnd::watching(Arc::new(options), handle.clone(), watcher, keys.clone());
        Self { front, keys, job, status, lines, _handle: handle }
    }

    /// Sends one request and takes the whole response in.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> (u16, String) {
        let response = self.answer(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Sends one request.
    pub(super) async fn answer(&self, request: Request<Full<Bytes>>) -> Response<Body> {
        self.front.respond(request, ([127, 0, 0, 1], 4711).into()).await
    }

    /// The status of `GET {path}` with `key`.
    pub(super) async fn get(&self, path: &str, key: &str) -> u16 {
        self.send(request("GET", path, key, "")).await.0
    }
}

/// A request with a key header (none when empty) and a body.
pub(super) fn request(method: &str, path: &str, key: &str, body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("host", "h:7071");
    if !key.is_empty() {
        request = request.header("x-functions-key", key);
    }
    request.body(Full::from(body.to_owned())).unwrap()
}

fn job(
    functions: Vec<Sketch>,
    errors: Vec<FunctionError>,
    http: binding::Options,
    settings: &Settings,
    log: &Log,
) -> Job {
    let (activity, tasks, drain) = (Arc::new(Activity::default()), TaskTracker::new(), Drain::new());
    let invoker: Arc<dyn Invoker> =
        Arc::new(Behaving(functions.iter().map(|function| function.behaviour.clone()).collect()));
    let mut routes = Vec::new();
    let mut runners = Vec::new();
    for (index, function) in functions.into_iter().enumerate() {
        let trigger = bound(&function.trigger, horus_app::Direction::In);
        let reply = bound(&json!({"type": "http", "name": "$return"}), horus_app::Direction::Out);
        let route = trigger.is("httpTrigger").then(|| {
            Arc::new(binding::Trigger::new(&trigger, function.name, settings, &http.route_prefix).unwrap())
        });
        if let Some(route) = &route {
            routes.push(route::Route {
                template: route.template.clone(),
                methods: route.methods.clone(),
                target: index,
            });
        }
        let source: Arc<dyn Trigger> = match &route {
            Some(route) => route.clone(),
            None => Arc::new(Manual),
        };
        runners.push(Arc::new(Runner::new(RunnerParts {
            function: Arc::new(Function {
                name: function.name.into(),
                id: function.name.into(),
                directory: Path::new("/app").join(function.name),
                script_file: Path::new("/app").join(function.name).join("index.js"),
                entry_point: String::new(),
                language: "node".into(),
                bindings: vec![trigger, reply],
                retry: None,
                disabled: function.disabled,
                source: FunctionSource::Host,
                config: json!({}),
                properties: Vec::new(),
            }),
            invoker: invoker.clone(),
            index,
            trigger: source,
            route,
            inputs: Vec::new(),
            outputs: Vec::new(),
            timeout: None,
            retry: None,
            activity: activity.clone(),
            tasks: tasks.clone(),
            drain: drain.clone(),
            log: log.clone(),
        })));
    }
    Job {
        host: HostJson::default(),
        host_id: "host".into(),
        functions: runners,
        excluded: Vec::new(),
        errors,
        routes: route::Table::new(&http.route_prefix, routes),
        http,
        settings: settings.clone(),
        drain,
        activity,
        tasks,
        primary: Arc::new(PrimaryLock::new(HostState::in_memory(), "host", "instance", log.clone())),
        runtime: None,
        listeners: Mutex::default(),
        webhooks: Vec::new(),
        log: log.clone(),
    }
}

fn bound(raw: &serde_json::Value, direction: horus_app::Direction) -> Binding {
    let text = |name: &str| raw[name].as_str().unwrap().to_owned();
    Binding {
        name: text("name"),
        kind: text("type"),
        direction,
        data_type: horus_app::DataType::default(),
        cardinality: horus_app::Cardinality::default(),
        raw: raw.as_object().unwrap().clone(),
    }
}
