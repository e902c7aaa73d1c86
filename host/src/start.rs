//! From files to a loaded app: read, index, validate, bind, load. The order matters and is all here.

use std::sync::Arc;
use std::time::Duration;

use horus_app::index::{self, Index};
use horus_app::log::category::STARTUP;
use horus_app::{AppError, Function, FunctionError, FunctionSource, HostJson, HostJsonError, Settings};
use horus_bindings::http as binding;
use horus_bindings::queue::Wakers;
use horus_bindings::state::PrimaryLock;
use horus_bindings::{
    Drain, Extension, HostSection, HostState, IndexContext, Input, Output, Registry, Trigger,
};
use horus_worker_protocol::FunctionMetadataResponse;
use horus_worker_protocol::channel::outcome;
use tokio_util::task::TaskTracker;

use crate::Options;
use crate::custom::{self, CustomHandler, HandlerError, HandlerParts};
use crate::invoke::{Activity, Invoker, Runner, RunnerParts, retry_policy, retry_warning};
use crate::job::Job;
use crate::runtime::{Runtime, RuntimeError};
use crate::worker::{self, ConfigError, Pool, PoolError, PoolOptions, Server, WorkerConfig};

/// Shortest wait for all functions to load (spec host.md §6.4).
const LOAD_AT_LEAST: Duration = Duration::from_secs(60);

/// The language of functions that run in the host, and the extension of their files.
const WASM: &str = "wasm";

/// Script extensions by which an app without `FUNCTIONS_WORKER_RUNTIME` is told.
const LANGUAGES: [(&str, &str); 4] = [(".js", "node"), (".mjs", "node"), (".cjs", "node"), (".py", "python")];

const NO_HANDLER: &str = "FUNCTIONS_WORKER_RUNTIME is 'custom', but host.json does not say which program runs the functions. Add a section such as \"customHandler\": {\"description\": {\"defaultExecutablePath\": \"node\", \"arguments\": [\"server.js\"]}}.";

/// Why a start failed, by what happens next (spec host.md §1.4 and §9.2).
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The app is wrong: wait until a file changes.
    #[error("{0}")]
    App(String),
    /// Try again later, more and more slowly.
    #[error("{0}")]
    Transient(String),
    /// Trying again cannot help: stop the process.
    #[error("{0}")]
    Fatal(String),
}

impl From<HostJsonError> for StartError {
    fn from(error: HostJsonError) -> Self {
        match error.is_configuration_error() {
            true => Self::App(error.to_string()),
            false => Self::Transient(error.to_string()),
        }
    }
}

impl From<PoolError> for StartError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Program { .. } => Self::App(error.to_string()),
            PoolError::Exhausted(_) => Self::Fatal(error.to_string()),
            PoolError::Start(_) | PoolError::Stopped => Self::Transient(error.to_string()),
        }
    }
}

impl From<HandlerError> for StartError {
    fn from(error: HandlerError) -> Self {
        match error {
            HandlerError::Program { .. } => Self::App(error.to_string()),
            HandlerError::Exhausted(_) => Self::Fatal(error.to_string()),
            HandlerError::Port(_) | HandlerError::Start(_) | HandlerError::Stopped => {
                Self::Transient(error.to_string())
            }
        }
    }
}

impl From<RuntimeError> for StartError {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Workers(error) => error.into(),
            RuntimeError::Custom(error) => error.into(),
        }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::App(error.to_string())
    }
}

impl From<AppError> for StartError {
    fn from(error: AppError) -> Self {
        Self::App(error.to_string())
    }
}

impl From<horus_bindings::BindError> for StartError {
    fn from(error: horus_bindings::BindError) -> Self {
        Self::Transient(error.to_string())
    }
}

/// What a start stands on.
pub(crate) struct Ground<'a> {
    pub(crate) options: &'a Options,
    pub(crate) server: &'a Arc<Server>,
    pub(crate) registry: Registry,
    pub(crate) state: HostState,
    pub(crate) instance_id: &'a str,
}

/// Builds the job; listeners are not started yet.
pub(crate) async fn job(mut ground: Ground<'_>) -> Result<Job, StartError> {
    let options = ground.options;
    let log = &options.log;
    let host = HostJson::load(&options.root, &options.settings, log)?;
    let settings = host.beneath(&options.settings);
    ground.registry.configure(|section| host.extension(section))?;
    let http_section = host.extension("http");
    let http = binding::Options::parse(HostSection { name: "http", value: &http_section })?;
    let described = described(options, &settings);
    let runtime = runtime(&ground, &host, &settings, !described.functions.is_empty()).await?;
    match load(ground, host, http, &settings, runtime.as_ref(), described).await {
        Ok(job) => Ok(job),
        Err(error) => {
            if let Some(runtime) = runtime {
                runtime.stop().await;
            }
            Err(error)
        }
    }
}

/// The app's custom handler, not started yet, where host.json describes one; else workers of the app's language, the
/// first of them running; or nothing where all functions run in the host.
async fn runtime(
    ground: &Ground<'_>,
    host: &HostJson,
    settings: &Settings,
    has_described: bool,
) -> Result<Option<Runtime>, StartError> {
    let options = ground.options;
    let log = &options.log;
    if let Some(handler) = custom::Options::read(host, settings, &options.root, log)? {
        return Ok(Some(Runtime::Custom(CustomHandler::new(HandlerParts {
            options: handler,
            settings: settings.clone(),
            root: options.root.clone(),
            host_version: options.version,
            log: log.clone(),
        }))));
    }
    let language = language(options, settings, has_described)?;
    if language == WASM {
        return Ok(None);
    }
    if language == "custom" {
        return Err(StartError::App(NO_HANDLER.into()));
    }
    let config =
        WorkerConfig::find(&language, settings, options.version, &options.root, &options.worker_cache)?;
    let pool = Pool::start(PoolOptions {
        config,
        settings: settings.clone(),
        root: options.root.clone(),
        host_version: options.version,
        server: Arc::clone(ground.server),
        load_timeout: host.function_timeout.map(|limit| limit.max(LOAD_AT_LEAST)),
        send_canceled_invocations: host.send_canceled_invocations_to_worker,
        log: log.clone(),
    })
    .await?;
    Ok(Some(Runtime::Workers(pool)))
}

/// The language of the app: the setting, or what its function.json scripts say. An app of nothing but functions that
/// run in the host needs no worker, whatever the setting says.
fn language(options: &Options, settings: &Settings, has_described: bool) -> Result<String, StartError> {
    let has = |name: &str| options.root.join(name).is_file();
    let files = index::from_files(&options.root, settings, &LANGUAGES, None, false).functions;
    let is_wasm = (has_described || !files.is_empty()) && files.iter().all(runs_in_host);
    if is_wasm && !has("package.json") && !has("function_app.py") {
        return Ok(WASM.to_owned());
    }
    if let Some(runtime) = settings.text("FUNCTIONS_WORKER_RUNTIME") {
        return Ok(runtime.to_ascii_lowercase());
    }
    options.log.warning(STARTUP, index::RUNTIME_MISSING);
    let language = files.into_iter().map(|function| function.language).find(|name| !name.is_empty());
    let language = language.or_else(|| match (has("package.json"), has("function_app.py")) {
        (true, _) => Some("node".to_owned()),
        (_, true) => Some("python".to_owned()),
        _ => None,
    });
    language.ok_or_else(|| {
        StartError::App(
            "FUNCTIONS_WORKER_RUNTIME is not set and the app's files do not tell its language. Set it in local.settings.json or in the environment, for example FUNCTIONS_WORKER_RUNTIME=node.".into(),
        )
    })
}

/// Everything that needs the functions.
async fn load(
    ground: Ground<'_>,
    host: HostJson,
    http: binding::Options,
    settings: &Settings,
    runtime: Option<&Runtime>,
    described: Index,
) -> Result<Job, StartError> {
    let Ground { options, registry, state, instance_id, .. } = ground;
    let log = &options.log;
    let mut index = match runtime {
        Some(Runtime::Workers(pool)) => find_functions(options, &host, settings, pool).await?,
        Some(Runtime::Custom(handler)) => declared_functions(options, settings, handler)?,
        None => {
            log.info(STARTUP, "Reading functions metadata (Host)");
            let index = index::from_files(&options.root, settings, &[], None, false);
            log.info(STARTUP, format!("{} functions found (Host)", index.functions.len()));
            index
        }
    };
    join(&mut index, described, options);
    for function in index.functions.iter_mut().filter(|function| runs_in_host(function)) {
        WASM.clone_into(&mut function.language);
    }
    let has_bundle = host.extension_bundle.is_some();
    index::check_binding_types(&mut index, |kind| registry.for_type(kind).is_some(), has_bundle);
    index::apply_allow_list(&mut index, &host, log);
    index::check_languages(&mut index, Some(runtime.map_or(WASM, Runtime::name)), &[WASM])?;
    index::check_routes(&mut index, settings);

    let host_id = horus_app::host_id(settings, &options.root);
    let wakers = Wakers::default();
    let Index { functions, excluded, mut errors } = index;
    let mut bound = Vec::with_capacity(functions.len());
    for function in functions {
        let cx = IndexContext {
            function: &function,
            settings,
            host_id: &host_id,
            state: &state,
            wakers: &wakers,
            log,
            development: options.development,
        };
        match bind(&registry, &cx, &http) {
            Ok(parts) => bound.push((Arc::new(function), parts)),
            Err(message) => errors.push(FunctionError { function: function.name.clone(), message }),
        }
    }
    let functions = bound.iter().map(|(function, _)| function.clone());
    let (in_host, functions): (Vec<_>, Vec<Arc<Function>>) =
        functions.partition(|function| runs_in_host(function));
    let guests = guests(options, &host, settings, in_host, &mut errors).await?;
    bound.retain(|(function, _)| !errors.iter().any(|error| error.function == function.name));
    for error in &errors {
        log.error(STARTUP, error.to_string());
    }
    if let Some(runtime) = runtime {
        runtime.serve(&functions).await?;
    }
    log.info(STARTUP, format!("{} functions loaded", bound.len()));

    let mut bodies = Bodies { guests, runtime: runtime.map(Runtime::invoker), next: [0, 0] };
    let shared = Shared {
        activity: Arc::default(),
        tasks: TaskTracker::new(),
        drain: Drain::new(),
        host: &host,
        options,
    };
    let runners: Vec<Arc<Runner>> = bound
        .into_iter()
        .filter_map(|(function, parts)| {
            let (invoker, index) = bodies.of(&function)?;
            Some(shared.runner(invoker, index, function, parts))
        })
        .collect();
    let Shared { activity, tasks, drain, .. } = shared;
    log_routes(options, &runners);
    Ok(Job {
        routes: routes(&http, &runners),
        webhooks: registry.webhooks(),
        primary: Arc::new(PrimaryLock::new(state, &host_id, instance_id, log.clone())),
        runtime: runtime.cloned(),
        listeners: parking_lot::Mutex::default(),
        log: log.clone(),
        settings: settings.clone(),
        functions: runners,
        excluded,
        errors,
        host,
        host_id,
        http,
        drain,
        activity,
        tasks,
    })
}

/// Asks the worker for the app's functions, or reads function.json files where it has none of its own.
async fn find_functions(
    options: &Options,
    host: &HostJson,
    settings: &Settings,
    pool: &Pool,
) -> Result<Index, StartError> {
    let log = &options.log;
    log.info(STARTUP, "Loading functions metadata");
    let response = match pool.indexes() {
        true => {
            log.info(STARTUP, "Reading functions metadata (Worker)");
            Some(pool.index(index_limit(host)).await?)
        }
        false => None,
    };
    let found = functions_of(options, settings, pool, response)?;
    pool.remember(&found);
    Ok(found)
}

/// Longest wait for a worker's index.
fn index_limit(host: &HostJson) -> Duration {
    host.metadata_provider_timeout.max(LOAD_AT_LEAST)
}

/// Replaces the workers of a running job by ones that have read the app's scripts again. Possible while the app has the
/// same functions as before, whose listeners and routes go on; an error says why the whole job has to be built anew, and
/// nothing has changed then.
pub(crate) async fn renew(options: &Options, job: &Job) -> Result<(), String> {
    let pool = job.renewable().ok_or("the app has no workers that could be replaced.")?;
    let mut renewed = pool.renew(index_limit(&job.host)).await.map_err(|error| format!("{error}."))?;
    let found = functions_of(options, &job.settings, pool, renewed.index.take());
    let found = found.map_err(|error| format!("{error}."))?;
    if !pool.found().is_some_and(|before| is_same(before, &found)) {
        return Err("the functions of the app have changed.".into());
    }
    if !pool.is_alike(&renewed) {
        return Err("the app wants its HTTP requests in another way.".into());
    }
    pool.replace(renewed).await.map_err(|error| format!("{error}."))
}

/// Whether two indexes describe the same functions. Identifiers that the host itself has given differ each time.
fn is_same(before: &Index, now: &Index) -> bool {
    let plain = |index: &Index| {
        let mut index = index.clone();
        for function in index.functions.iter_mut().filter(|function| function.source == FunctionSource::Host)
        {
            function.id.clear();
        }
        index
    };
    // Everything that there is to know about a function shows in its debug form.
    before.errors == now.errors && format!("{:?}", plain(before)) == format!("{:?}", plain(now))
}

/// The app's functions from a worker's index, or from function.json files where the worker has none of its own.
fn functions_of(
    options: &Options,
    settings: &Settings,
    pool: &Pool,
    response: Option<FunctionMetadataResponse>,
) -> Result<Index, StartError> {
    let log = &options.log;
    if let Some(response) = response {
        if !response.use_default_metadata_indexing {
            outcome(response.result.as_ref()).map_err(|error| {
                // The worker has logged its stack; here the first line says what to mend.
                let exception = response.result.as_ref().and_then(|result| result.exception.as_ref());
                let reason = exception.map_or(error.as_str(), |exception| exception.message.as_str());
                StartError::App(format!("The {} worker could not index the app: {reason}", pool.language()))
            })?;
            let mut index = index::from_worker(worker::index::functions(response), settings, pool.language());
            log.info(STARTUP, format!("{} functions found (Worker)", index.functions.len()));
            let mut files = index::from_files(&options.root, settings, &[], None, false);
            files.functions.retain(runs_in_host);
            // What else is in files is the worker's business, which has not reported it.
            files.errors.retain(|error| names_guest(options, &error.function));
            index::merge(&mut index, files);
            return Ok(index);
        }
        log.debug(STARTUP, || "Fallback to host indexing as worker denied indexing".into());
    }
    log.info(STARTUP, "Reading functions metadata (Host)");
    let languages: Vec<(&str, &str)> =
        pool.extensions().iter().map(|extension| (extension.as_str(), pool.language())).collect();
    let index = index::from_files(&options.root, settings, &languages, Some(pool.language()), false);
    log.info(STARTUP, format!("{} functions found (Host)", index.functions.len()));
    Ok(index)
}

/// The functions that a custom handler runs: it is not asked, so they are in files.
fn declared_functions(
    options: &Options,
    settings: &Settings,
    handler: &CustomHandler,
) -> Result<Index, StartError> {
    let log = &options.log;
    log.info(STARTUP, "Reading functions metadata (Custom)");
    let index = custom::functions(handler.options(), &options.root, settings)
        .map_err(|error| StartError::App(error.into()))?;
    log.info(STARTUP, format!("{} functions found (Custom)", index.functions.len()));
    Ok(index)
}

/// Whether a function needs no process of its own: its script is WebAssembly.
pub(crate) fn runs_in_host(function: &Function) -> bool {
    function.script_file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(WASM))
}

/// Whether the function.json of `function`, which cannot be used, is about one that runs in the host. It may not even
/// be JSON.
fn names_guest(options: &Options, function: &str) -> bool {
    let text = std::fs::read(options.root.join(function).join("function.json")).unwrap_or_default();
    let script = serde_json::from_slice::<serde_json::Value>(&text).ok().and_then(|config| {
        let members = config.as_object()?;
        let (_, script) = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("scriptFile"))?;
        Some(script.as_str()?.to_ascii_lowercase().ends_with(".wasm"))
    });
    script.unwrap_or_else(|| String::from_utf8_lossy(&text).to_ascii_lowercase().contains(".wasm\""))
}

/// The functions that guests describe themselves.
#[cfg(feature = "wasm")]
fn described(options: &Options, settings: &Settings) -> Index {
    crate::wasm::describe::functions(&options.root, settings)
}

/// Without guests there is nothing that could describe itself.
#[cfg(not(feature = "wasm"))]
fn described(_options: &Options, _settings: &Settings) -> Index {
    Index::default()
}

/// Adds them to the others.
#[cfg(feature = "wasm")]
fn join(index: &mut Index, described: Index, options: &Options) {
    if !described.functions.is_empty() {
        let count = described.functions.len();
        options.log.info(STARTUP, format!("{count} functions found (WebAssembly)"));
    }
    crate::wasm::describe::join(index, described, &options.root);
}

/// There are none.
#[cfg(not(feature = "wasm"))]
fn join(_index: &mut Index, _described: Index, _options: &Options) {}

/// Loads the functions that run in the host; those that cannot be loaded join `errors`. No engine is made when there
/// are none.
#[cfg(feature = "wasm")]
async fn guests(
    options: &Options,
    host: &HostJson,
    settings: &Settings,
    functions: Vec<Arc<Function>>,
    errors: &mut Vec<FunctionError>,
) -> Result<Option<Arc<dyn Invoker>>, StartError> {
    let section = crate::wasm::Options::read(host)?;
    if functions.is_empty() {
        return Ok(None);
    }
    let parts = crate::wasm::Parts { options: section, settings: settings.clone(), host: options.clone() };
    let loaded = crate::wasm::load(parts, functions)
        .await
        .map_err(|error| StartError::Transient(error.to_string()))?;
    errors.extend(loaded.errors);
    Ok(Some(loaded.invoker))
}

/// Says of every function that would run in the host that this build cannot run it.
#[cfg(not(feature = "wasm"))]
async fn guests(
    _options: &Options,
    _host: &HostJson,
    _settings: &Settings,
    functions: Vec<Arc<Function>>,
    errors: &mut Vec<FunctionError>,
) -> Result<Option<Arc<dyn Invoker>>, StartError> {
    errors.extend(functions.iter().map(|function| FunctionError {
        function: function.name.clone(),
        message: "This build of the host runs no WebAssembly. Use one with the feature 'wasm'.".into(),
    }));
    Ok(None)
}

/// The ways to run function bodies in one job, each counting its own functions.
struct Bodies {
    guests: Option<Arc<dyn Invoker>>,
    runtime: Option<Arc<dyn Invoker>>,
    next: [usize; 2],
}

impl Bodies {
    /// The invoker of `function` and its index there; to be asked in the order in which the invokers got them.
    fn of(&mut self, function: &Function) -> Option<(Arc<dyn Invoker>, usize)> {
        let (invoker, next) = match runs_in_host(function) {
            true => (&self.guests, &mut self.next[0]),
            false => (&self.runtime, &mut self.next[1]),
        };
        let index = *next;
        *next += 1;
        Some((invoker.clone()?, index))
    }
}

/// One function's bindings, made.
struct Bound {
    trigger: Arc<dyn Trigger>,
    route: Option<Arc<binding::Trigger>>,
    inputs: Vec<Arc<dyn Input>>,
    outputs: Vec<(String, Arc<dyn Output>)>,
}

fn bind(registry: &Registry, cx: &IndexContext<'_>, http: &binding::Options) -> Result<Bound, String> {
    let function = cx.function;
    let extension = |kind: &str| -> Result<&dyn Extension, String> {
        registry.for_type(kind).ok_or_else(|| format!("The binding type(s) '{kind}' are not registered."))
    };
    let trigger = function.trigger();
    let text = |error: horus_bindings::BindError| error.to_string();
    let (event_source, route): (Arc<dyn Trigger>, _) = if trigger.is("httpTrigger") {
        let prefix = &http.route_prefix;
        let route = binding::Trigger::new(trigger, &function.name, cx.settings, prefix).map_err(text)?;
        let route = Arc::new(route);
        (route.clone(), Some(route))
    } else {
        (extension(&trigger.kind)?.trigger(trigger, cx).map_err(text)?, None)
    };
    let inputs = function
        .inputs()
        .map(|binding| extension(&binding.kind)?.input(binding, cx).map_err(text))
        .collect::<Result<_, _>>()?;
    let outputs = function
        .outputs()
        .filter(|binding| !binding.is("http"))
        .map(|binding| {
            let output = extension(&binding.kind)?.output(binding, cx).map_err(text)?;
            Ok((binding.name.clone(), output))
        })
        .collect::<Result<_, String>>()?;
    Ok(Bound { trigger: event_source, route, inputs, outputs })
}

/// What all runners of a job have in common.
struct Shared<'a> {
    activity: Arc<Activity>,
    tasks: TaskTracker,
    drain: Drain,
    host: &'a HostJson,
    options: &'a Options,
}

impl Shared<'_> {
    fn runner(
        &self,
        invoker: Arc<dyn Invoker>,
        index: usize,
        function: Arc<Function>,
        bound: Bound,
    ) -> Arc<Runner> {
        let retry = retry_policy(&function, self.host);
        if let Some(warning) = retry.as_ref().and_then(|_| retry_warning(&function)) {
            self.options.log.warning(STARTUP, warning);
        }
        Arc::new(Runner::new(RunnerParts {
            function,
            invoker,
            index,
            trigger: bound.trigger,
            route: bound.route,
            inputs: bound.inputs,
            outputs: bound.outputs,
            timeout: self.host.function_timeout,
            retry,
            activity: self.activity.clone(),
            tasks: self.tasks.clone(),
            drain: self.drain.clone(),
            log: self.options.log.clone(),
        }))
    }
}

fn routes(http: &binding::Options, runners: &[Arc<Runner>]) -> binding::route::Table<usize> {
    let routes = runners.iter().enumerate().filter_map(|(target, runner)| {
        let route = runner.route()?;
        let (template, methods) = (route.template.clone(), route.methods.clone());
        Some(binding::route::Route { template, methods, target })
    });
    binding::route::Table::new(&http.route_prefix, routes.collect())
}

/// The mapping that the platform logs (spec host.md §3.3).
fn log_routes(options: &Options, runners: &[Arc<Runner>]) {
    let lines: Vec<String> = runners
        .iter()
        .filter_map(|runner| {
            let route = runner.route()?;
            let name = &runner.function().name;
            Some(binding::route::mapping_line(route.template.text(), &route.methods, name))
        })
        .collect();
    let text = match lines.len() {
        0 => "No HTTP routes mapped".to_owned(),
        _ => lines.join("\n"),
    };
    options.log.info(STARTUP, format!("Initializing function HTTP routes\n{text}"));
}
