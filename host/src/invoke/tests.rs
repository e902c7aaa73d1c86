use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use futures::future::BoxFuture;
use horus_app::index::{WorkerFunction, from_files, from_worker};
use horus_app::log::{Level, Log, Record, Sink};
use horus_app::{Function, HostJson, RetryPolicy, Settings};
use horus_bindings::{
    BindError, BindingData, BindingError, Dispatch, Drain, Event, Input, Json, ListenError, Output,
    TraceContext, Trigger, Value, Verdict,
};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::retry::{pause, policy, warning};
use super::*;

type Run = dyn Fn(usize, Invocation) -> BoxFuture<'static, Outcome> + Send + Sync;

/// Runs a closure per invocation and notes what it was asked.
struct Fake {
    body: Box<Run>,
    seen: Mutex<Vec<Seen>>,
    abandoned: Mutex<Vec<String>>,
}

/// What one invocation looked like, and when it came.
#[derive(Debug, Clone)]
struct Seen {
    id: String,
    retry: Option<RetryContext>,
    trigger: Value,
    inputs: Vec<Value>,
    data: BindingData,
    trace: TraceContext,
    at: Instant,
}

#[async_trait]
impl Invoker for Fake {
    async fn invoke(&self, _function: &Loaded, invocation: Invocation) -> Outcome {
        let number = {
            let mut seen = self.seen.lock();
            seen.push(Seen {
                id: invocation.id.clone(),
                retry: invocation.retry.clone(),
                trigger: invocation.trigger.clone(),
                inputs: invocation.inputs.clone(),
                data: invocation.data.clone(),
                trace: invocation.trace.clone(),
                at: Instant::now(),
            });
            seen.len()
        };
        (self.body)(number, invocation).await
    }

    async fn abandon(&self, invocation: &str) {
        self.abandoned.lock().push(invocation.to_owned());
    }
}

/// A source without events.
struct Quiet;

#[async_trait]
impl Trigger for Quiet {
    async fn listen(self: Arc<Self>, _dispatch: Dispatch, drain: Drain) -> Result<(), ListenError> {
        drain.draining().await;
        Ok(())
    }

    fn manual_event(&self, _input: Option<String>) -> Result<Event, BindError> {
        Ok(Event::new(Value::Null, "by hand"))
    }
}

/// Keeps what is written, or refuses it.
#[derive(Default)]
struct Place {
    written: Mutex<Vec<Value>>,
    refuses: bool,
}

#[async_trait]
impl Output for Place {
    async fn write(&self, value: Value, _data: &BindingData) -> Result<(), BindingError> {
        if self.refuses {
            return Err(BindingError::new("the queue is closed"));
        }
        self.written.lock().push(value);
        Ok(())
    }
}

/// Reads a fixed value, or fails.
struct Source(Option<Value>);

#[async_trait]
impl Input for Source {
    async fn read(&self, _data: &BindingData) -> Result<Value, BindingError> {
        self.0.clone().ok_or_else(|| BindingError::new("no such container"))
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Sink for Lines {
    fn accepts(&self, _category: &str, _level: Level) -> bool {
        true
    }

    fn write(&self, record: Record<'_>) {
        self.0.lock().push((record.level, record.message.to_owned()));
    }
}

impl Lines {
    /// The level of the only line that contains `text`.
    fn level_of(&self, text: &str) -> Level {
        let lines = self.0.lock();
        let found: Vec<Level> =
            lines.iter().filter(|(_, line)| line.contains(text)).map(|(level, _)| *level).collect();
        assert_eq!(found.len(), 1, "{text:?} in {lines:#?}");
        found[0]
    }

    fn count(&self, text: &str) -> usize {
        self.0.lock().iter().filter(|(_, line)| line.contains(text)).count()
    }
}

fn function(bindings: &[serde_json::Value]) -> Function {
    let found = WorkerFunction {
        name: "Fn".into(),
        script_file: "x".into(),
        raw_bindings: bindings.iter().map(ToString::to_string).collect(),
        ..WorkerFunction::default()
    };
    let mut index = from_worker(vec![found], &Settings::default(), "node");
    assert!(index.errors.is_empty(), "{:?}", index.errors);
    index.functions.remove(0)
}

/// Everything around one runner.
struct Stage {
    runner: Arc<Runner>,
    fake: Arc<Fake>,
    lines: Lines,
    activity: Arc<Activity>,
    drain: Drain,
    tasks: TaskTracker,
}

/// A runner to be set up.
struct Setup {
    bindings: Vec<serde_json::Value>,
    inputs: Vec<Arc<dyn Input>>,
    outputs: Vec<(String, Arc<dyn Output>)>,
    timeout: Option<Duration>,
    retry: Option<RetryPolicy>,
}

fn setup() -> Setup {
    Setup {
        bindings: vec![json!({"type": "timerTrigger", "direction": "in", "name": "timer"})],
        inputs: Vec::new(),
        outputs: Vec::new(),
        timeout: None,
        retry: None,
    }
}

impl Setup {
    fn retry(mut self, max: Option<u32>, seconds: u64) -> Self {
        self.retry = Some(fixed(max, seconds));
        self
    }

    fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = Some(Duration::from_secs(seconds));
        self
    }

    fn input(mut self, name: &str, value: Option<Value>) -> Self {
        self.bindings.push(json!({"type": "blob", "direction": "in", "name": name}));
        self.inputs.push(Arc::new(Source(value)));
        self
    }

    fn output(mut self, name: &str, place: &Arc<Place>) -> Self {
        self.bindings.push(json!({"type": "queue", "direction": "out", "name": name}));
        self.outputs.push((name.to_owned(), place.clone()));
        self
    }

    fn binding(mut self, binding: serde_json::Value) -> Self {
        self.bindings.push(binding);
        self
    }

    /// The runner, whose function does `body` (numbered from 1).
    fn run<F>(self, body: impl Fn(usize, Invocation) -> F + Send + Sync + 'static) -> Stage
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let fake = Arc::new(Fake {
            body: Box::new(move |number, invocation| Box::pin(body(number, invocation))),
            seen: Mutex::default(),
            abandoned: Mutex::default(),
        });
        let (lines, activity) = (Lines::default(), Arc::new(Activity::default()));
        let (drain, tasks) = (Drain::new(), TaskTracker::new());
        let runner = Runner::new(RunnerParts {
            function: Arc::new(function(&self.bindings)),
            invoker: fake.clone(),
            index: 0,
            trigger: Arc::new(Quiet),
            route: None,
            inputs: self.inputs,
            outputs: self.outputs,
            timeout: self.timeout,
            retry: self.retry,
            activity: activity.clone(),
            tasks: tasks.clone(),
            drain: drain.clone(),
            log: Log::new(lines.clone()),
        });
        Stage { runner: Arc::new(runner), fake, lines, activity, drain, tasks }
    }

    /// As [`Setup::run`], with one outcome each time.
    fn gives(self, outcome: impl Fn() -> Outcome + Send + Sync + 'static) -> Stage {
        self.run(move |_, _| std::future::ready(outcome()))
    }
}

fn event() -> Event {
    Event::new(Value::String("payload".into()), "a test")
}

fn fixed(max: Option<u32>, seconds: u64) -> RetryPolicy {
    RetryPolicy::FixedDelay { max_retries: max, delay: Duration::from_secs(seconds) }
}

fn json_value(text: &str) -> Value {
    Value::Json(Json::from_valid(text.to_owned()))
}

fn completed(values: &[(&str, Value)], return_value: Value) -> Outcome {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Outcome::Completed(Outputs { values, return_value })
}

/// host.md R01: three runs with one id, counted from 0, and an error at the end.
#[tokio::test(start_paused = true)]
async fn r01_a_failing_timer_runs_three_times() {
    let stage =
        setup().retry(Some(2), 5).run(|number, _| async move { Outcome::Failed(format!("boom {number}")) });
    let verdict = stage.runner.run(event()).await;
    assert!(matches!(&verdict, Verdict::Failed(error) if error == "boom 3"), "{verdict:?}");
    let seen = stage.fake.seen.lock().clone();
    let contexts: Vec<_> = seen.iter().map(|seen| seen.retry.clone().unwrap()).collect();
    let context = |count, exception: Option<&str>| RetryContext {
        count,
        max: Some(2),
        exception: exception.map(str::to_owned),
    };
    assert_eq!(contexts, [context(0, None), context(1, Some("boom 1")), context(2, Some("boom 2"))]);
    assert!(seen.iter().all(|other| other.id == seen[0].id), "one id: {seen:?}");
    assert!(seen.windows(2).all(|pair| pair[1].at - pair[0].at == Duration::from_secs(5)), "{seen:?}");
    assert_eq!(stage.lines.level_of("Function execution failed after '2' retries."), Level::Error);
    assert_eq!(
        stage.lines.level_of("Waiting for `00:00:05` before retrying function execution. Next attempt: '1'. Max retry count: '2'."),
        Level::Debug
    );
    assert_eq!(stage.lines.count("Executing 'Functions.Fn' (Reason='a test'"), 3);
}

/// host.md §8.1: a later success ends it well, and the retry context is there from the first attempt.
#[tokio::test(start_paused = true)]
async fn r01_a_success_ends_the_retries() {
    let stage = setup().retry(None, 1).run(|number, _| async move {
        match number {
            4 => completed(&[], Value::String("done".into())),
            _ => Outcome::Failed("not yet".into()),
        }
    });
    let verdict = stage.runner.run(event()).await;
    assert!(matches!(&verdict, Verdict::Succeeded(Value::String(text)) if text == "done"), "{verdict:?}");
    let seen = stage.fake.seen.lock();
    assert_eq!(seen.iter().map(|seen| seen.retry.as_ref().unwrap().count).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(seen[3].retry.as_ref().unwrap().max, None);
    assert_eq!(stage.lines.count("failed after"), 0);
}

/// host.md §8.2: without a policy there is no retry context and no second run.
#[tokio::test]
async fn without_a_policy_a_failure_is_final() {
    let stage = setup().gives(|| Outcome::Failed("boom".into()));
    assert!(matches!(stage.runner.run(event()).await, Verdict::Failed(_)));
    let seen = stage.fake.seen.lock();
    assert_eq!((seen.len(), seen[0].retry.clone()), (1, None));
}

/// host.md §8.1: pauses of both strategies.
#[test]
fn r01_pauses_follow_the_strategy() {
    assert_eq!(pause(&fixed(Some(1), 3), 1, 0.9), Some(Duration::from_secs(3)));
    assert_eq!(pause(&fixed(Some(1), 3), 2, 0.0), None);
    assert_eq!(pause(&fixed(Some(0), 3), 1, 0.0), None);
    assert_eq!(pause(&fixed(None, 3), u32::MAX, 0.0), Some(Duration::from_secs(3)));
    let (minimum, maximum) = (Duration::from_secs(2), Duration::from_secs(60));
    let exponential = RetryPolicy::ExponentialBackoff { max_retries: None, minimum, maximum };
    let seconds: Vec<f64> = (1..=8).map(|n| pause(&exponential, n, 0.5).unwrap().as_secs_f64()).collect();
    assert_eq!(seconds, [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]);
    for spread in [0.0, 0.3, 1.0] {
        for retry in [1, 2, 5, 40, u32::MAX] {
            let pause = pause(&exponential, retry, spread).unwrap();
            assert!((minimum..=maximum).contains(&pause), "{retry} {spread}: {pause:?}");
        }
    }
    assert!(pause(&exponential, 3, 0.0) < pause(&exponential, 3, 1.0), "pauses are randomised");
}

/// host.md R03: the function's own policy wins over host.json's.
#[test]
fn r03_a_functions_policy_wins() {
    let mut host = HostJson::default();
    let mut function = function(&setup().bindings);
    assert_eq!(policy(&function, &host), None);
    host.retry = Some(fixed(Some(1), 1));
    assert_eq!(policy(&function, &host), Some(fixed(Some(1), 1)));
    function.retry = Some(fixed(None, 9));
    assert_eq!(policy(&function, &host), Some(fixed(None, 9)));
}

/// host.md §8.1: wherever a policy stands and whatever the trigger, the function runs once more for each retry. What a
/// listener delivers keeps its invocation id, what somebody calls gets a new one for each attempt.
#[tokio::test(start_paused = true)]
async fn r01_every_trigger_is_retried_from_every_source() {
    let triggers = [
        ("timerTrigger", true),
        ("cosmosDBTrigger", true),
        ("eventHubTrigger", true),
        ("kafkaTrigger", true),
        ("queueTrigger", false),
        ("blobTrigger", false),
        ("serviceBusTrigger", false),
        ("eventGridTrigger", false),
        ("httpTrigger", false),
        ("manualTrigger", false),
        ("someBodysOwnTrigger", false),
    ];
    let own = json!({"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:01"});
    for (trigger, is_supported) in triggers {
        let bindings = [json!({"type": trigger, "direction": "in", "name": "event"})];
        let plain = function(&bindings);
        assert_eq!(warning(&plain).is_none(), is_supported, "{trigger}");
        let app = tempfile::tempdir().unwrap();
        std::fs::create_dir(app.path().join("Fn")).unwrap();
        let text = json!({"bindings": bindings, "retry": own}).to_string();
        std::fs::write(app.path().join("Fn/function.json"), text).unwrap();
        std::fs::write(app.path().join("Fn/index.js"), "").unwrap();
        let settings = Settings::default();
        let mut files = from_files(app.path(), &settings, &[(".js", "node")], Some("node"), false);
        assert!(files.errors.is_empty(), "{trigger}: {:?}", files.errors);
        let mut of_worker = plain.clone();
        of_worker.retry = Some(fixed(Some(2), 1));
        let mut host = HostJson::default();
        let sources = [
            ("function.json", files.functions.remove(0), None),
            ("worker metadata", of_worker, None),
            ("host.json", plain, Some(fixed(Some(2), 1))),
        ];
        for (source, function, of_host) in sources {
            host.retry = of_host;
            for is_called in [false, true] {
                let mut setup = setup();
                setup.bindings = bindings.to_vec();
                setup.retry = policy(&function, &host);
                let stage = setup.gives(|| Outcome::Failed("boom".into()));
                let verdict = match is_called {
                    true => stage.runner.call(event()).await,
                    false => stage.runner.run(event()).await,
                };
                assert!(matches!(verdict, Verdict::Failed(_)), "{trigger} {source}");
                let seen = stage.fake.seen.lock();
                let counts: Vec<u32> =
                    seen.iter().map(|seen| seen.retry.as_ref().map_or(9, |retry| retry.count)).collect();
                assert_eq!(counts, [0, 1, 2], "{trigger} {source}");
                let ids: std::collections::HashSet<&str> = seen.iter().map(|seen| seen.id.as_str()).collect();
                assert_eq!(ids.len(), if is_called { 3 } else { 1 }, "{trigger} {source}");
            }
        }
    }
    let message =
        warning(&function(&[json!({"type": "queueTrigger", "direction": "in", "name": "m"})])).unwrap();
    assert_eq!(
        message,
        "Soon retries will not be supported for function 'Fn'. For more information, please visit http://aka.ms/func-retry-policies."
    );
}

/// host.md §8.1 "Cancellation": a host that drains does not wait, and nothing is known about the event.
#[tokio::test(start_paused = true)]
async fn draining_ends_the_wait_for_a_retry() {
    let stage = setup().retry(None, 3600).gives(|| Outcome::Failed("boom".into()));
    let running = tokio::spawn({
        let runner = stage.runner.clone();
        async move { runner.run(event()).await }
    });
    while stage.activity.retries() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((stage.activity.invocations(), stage.activity.retries()), (0, 1));
    let began = Instant::now();
    stage.drain.start();
    let verdict = running.await.unwrap();
    assert!(
        matches!(&verdict, Verdict::Lost(why) if why == "Invocation cancelled - exiting retry loop."),
        "{verdict:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(stage.activity.retries(), 0);
}

/// A lost worker or a stopping host is not the function's fault: no retry is spent, and the event goes back as it was.
#[tokio::test]
async fn lost_and_cancelled_invocations_are_not_retried() {
    let stage = setup().retry(Some(5), 0).gives(|| Outcome::Lost("worker gone".into()));
    let verdict = stage.runner.run(event()).await;
    assert!(matches!(&verdict, Verdict::Lost(why) if why == "worker gone"), "{verdict:?}");
    assert_eq!(stage.fake.seen.lock().len(), 1);
    let stage = setup().retry(Some(5), 0).gives(|| Outcome::Cancelled("client gone".into()));
    let verdict = stage.runner.run(event()).await;
    assert!(matches!(&verdict, Verdict::Lost(why) if why == "client gone"), "{verdict:?}");
    assert_eq!(stage.fake.seen.lock().len(), 1);
}

/// bindings.md §1.9: outputs are written after success, and only then.
#[tokio::test]
async fn outputs_are_written_after_success_only() {
    for (outcome, written) in [
        ("completed", vec![Value::String("a".into())]),
        ("failed", vec![]),
        ("lost", vec![]),
        ("cancelled", vec![]),
    ] {
        let place = Arc::new(Place::default());
        let stage = setup().output("out", &place).gives(move || match outcome {
            "completed" => completed(&[("OUT", Value::String("a".into()))], Value::Null),
            "failed" => Outcome::Failed(String::new()),
            "lost" => Outcome::Lost(String::new()),
            _ => Outcome::Cancelled(String::new()),
        });
        assert_eq!(stage.runner.run(event()).await.is_success(), outcome == "completed");
        assert_eq!(*place.written.lock(), written, "{outcome}");
    }
}

/// bindings.md §1.9: one output that fails makes the invocation fail; the others are written all the same.
#[tokio::test]
async fn a_failing_output_fails_the_invocation() {
    let (closed, open) = (Arc::new(Place { refuses: true, ..Place::default() }), Arc::new(Place::default()));
    let stage = setup()
        .output("closed", &closed)
        .output("open", &open)
        .gives(|| completed(&[("closed", Value::Int(1)), ("open", Value::Int(2))], Value::Null));
    let verdict = stage.runner.run(event()).await;
    assert!(
        matches!(&verdict, Verdict::Failed(error) if error == "Error while handling parameter closed after function returned: the queue is closed"),
        "{verdict:?}"
    );
    assert_eq!(*open.written.lock(), [Value::Int(2)]);
    assert_eq!(stage.lines.count("Executed 'Functions.Fn' (Failed"), 1);
}

/// bindings.md §1.9: members of a returned object feed the outputs of their names, unless they were set; a `$return`
/// binding takes the value whole; absent and null outputs are skipped.
#[tokio::test]
async fn returned_members_feed_outputs() {
    let [first, second, third] = [(); 3].map(|()| Arc::new(Place::default()));
    let stage =
        setup().output("first", &first).output("second", &second).output("third", &third).gives(|| {
            let returned =
                json_value(r#"{"FIRST": "from return", "second": ["a", 1], "third": null, "other": 1}"#);
            completed(&[("first", Value::String("set".into()))], returned)
        });
    assert!(stage.runner.run(event()).await.is_success());
    assert_eq!(*first.written.lock(), [Value::String("set".into())]);
    assert_eq!(*second.written.lock(), [json_value(r#"["a",1]"#)]);
    assert!(third.written.lock().is_empty());

    let [named, returned] = [(); 2].map(|()| Arc::new(Place::default()));
    let stage = setup()
        .output("named", &named)
        .output("$return", &returned)
        .gives(|| completed(&[], json_value(r#"{"named": "x"}"#)));
    assert!(stage.runner.run(event()).await.is_success());
    assert!(named.written.lock().is_empty());
    assert_eq!(*returned.written.lock(), [json_value(r#"{"named": "x"}"#)]);
}

/// host.md §3.7: the verdict of an HTTP function carries the value of its response.
#[tokio::test]
async fn the_http_outputs_value_is_the_reply() {
    let response = json!({"type": "http", "direction": "out", "name": "res"});
    let stage = setup()
        .binding(response)
        .gives(|| completed(&[("res", Value::Int(7))], Value::String("not this".into())));
    let verdict = stage.runner.run(event()).await;
    assert!(matches!(verdict, Verdict::Succeeded(Value::Int(7))), "{verdict:?}");
}

/// bindings.md §1.7: inputs are there before the function runs; one that fails names itself.
#[tokio::test]
async fn inputs_are_read_first() {
    let stage = setup()
        .input("photo", Some(Value::Int(1)))
        .input("absent", Some(Value::Null))
        .gives(|| completed(&[], Value::Null));
    assert!(stage.runner.run(event()).await.is_success());
    assert_eq!(stage.fake.seen.lock()[0].inputs, [Value::Int(1), Value::Null]);

    let stage = setup().input("photo", None).gives(|| completed(&[], Value::Null));
    let verdict = stage.runner.run(event()).await;
    assert!(
        matches!(&verdict, Verdict::Failed(error) if error == "Exception binding parameter 'photo': no such container"),
        "{verdict:?}"
    );
    assert!(stage.fake.seen.lock().is_empty(), "the body is not run");
}

/// bindings.md §1.5: members of a JSON payload are binding data, and so is the payload under the trigger's name.
#[tokio::test]
async fn payloads_become_binding_data() {
    let stage = setup().gives(|| completed(&[], Value::Null));
    let mut event = Event::new(Value::String(r#"{"id": 5, "deep": {"a": 1}}"#.into()), "a test");
    event.trace = Some(TraceContext {
        parent: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01".into(),
        state: "k=v".into(),
    });
    assert!(stage.runner.run(event).await.is_success());
    let seen = stage.fake.seen.lock();
    let data = &seen[0].data;
    assert_eq!(data.get("id"), Some(&Value::String("5".into())));
    assert_eq!(data.get("deep"), Some(&json_value("{\"a\":1}")));
    assert_eq!(data.get("timer"), Some(&seen[0].trigger));
    // host.md W17: a span of its own in the caller's trace.
    let parts: Vec<&str> = seen[0].trace.parent.split('-').collect();
    assert_eq!((parts[1], parts[3]), ("0123456789abcdef0123456789abcdef", "01"));
    assert_ne!(parts[2], "0123456789abcdef");
    assert_eq!(seen[0].trace.state, "k=v");
}

/// host.md §8.3: a timeout cancels, waits two seconds and then abandons the invocation.
#[tokio::test(start_paused = true)]
async fn a_function_that_ignores_its_timeout_is_abandoned() {
    let stage = setup().timeout(10).run(|_, _| std::future::pending());
    let began = Instant::now();
    let verdict = stage.runner.run(event()).await;
    assert_eq!(began.elapsed().as_secs(), 12);
    assert!(
        matches!(&verdict, Verdict::Failed(error) if error == "Timeout value of 00:00:10 was exceeded by function: Functions.Fn"),
        "{verdict:?}"
    );
    let id = stage.fake.seen.lock()[0].id.clone();
    assert_eq!(*stage.fake.abandoned.lock(), std::slice::from_ref(&id));
    stage.lines.level_of(&format!(
        "Timeout value of 00:00:10 exceeded by function 'Functions.Fn' (Id: '{id}'). Initiating cancellation."
    ));
    stage.lines.level_of(&format!(
        "A function timeout has occurred. Restarting worker process executing invocationId '{id}'."
    ));
}

/// host.md §8.3: one that reacts to the cancellation in time still fails, but nobody is killed for it.
#[tokio::test(start_paused = true)]
async fn a_function_that_heeds_its_timeout_keeps_its_worker() {
    let place = Arc::new(Place::default());
    let stage = setup().timeout(10).output("out", &place).run(|_, invocation| async move {
        invocation.cancel.cancelled().await;
        completed(&[("out", Value::Int(1))], Value::Null)
    });
    assert!(matches!(stage.runner.run(event()).await, Verdict::Failed(_)));
    assert!(stage.fake.abandoned.lock().is_empty());
    assert!(place.written.lock().is_empty(), "what comes after the timeout does not count");
}

/// host.md §8.3: the timeout holds for each attempt by itself.
#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_timeout() {
    let stage = setup().timeout(10).retry(Some(1), 1).run(|number, _| async move {
        match number {
            1 => std::future::pending().await,
            _ => {
                tokio::time::sleep(Duration::from_secs(9)).await;
                completed(&[], Value::Null)
            }
        }
    });
    assert!(stage.runner.run(event()).await.is_success());
}

/// Drain waits for what is open, and for no longer than it may.
#[tokio::test(start_paused = true)]
async fn open_work_is_counted() {
    let stage = setup().run(|_, invocation| async move {
        invocation.cancel.cancelled().await;
        completed(&[], Value::Null)
    });
    assert!(stage.activity.idle(Duration::ZERO).await);
    let event = event();
    let cancel = event.cancel.clone();
    let running = tokio::spawn({
        let runner = stage.runner.clone();
        async move { runner.run(event).await }
    });
    while stage.activity.invocations() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!stage.activity.idle(Duration::from_secs(5)).await);
    let idle = tokio::spawn({
        let activity = stage.activity.clone();
        async move { activity.idle(Duration::from_secs(3600)).await }
    });
    cancel.cancel();
    assert!(running.await.unwrap().is_success());
    assert!(idle.await.unwrap());
    assert_eq!(stage.activity.invocations(), 0);
}

/// An invocation that has begun goes on when its caller goes away.
#[tokio::test]
async fn a_served_event_is_finished_without_its_caller() {
    let place = Arc::new(Place::default());
    let (sender, receiver) = tokio::sync::watch::channel(false);
    let stage = setup().output("out", &place).run(move |_, _| {
        let mut receiver = receiver.clone();
        async move {
            receiver.wait_for(|go| *go).await.unwrap();
            completed(&[("out", Value::Int(1))], Value::Null)
        }
    });
    let caller = tokio::spawn({
        let runner = stage.runner.clone();
        async move { runner.serve(event()).await }
    });
    while stage.activity.invocations() == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    sender.send_replace(true);
    stage.tasks.close();
    stage.tasks.wait().await;
    assert_eq!(*place.written.lock(), [Value::Int(1)]);
}

/// host.md §7.4 and §3.8: a streamed request is answered as soon as the head is there, is never tried twice, and an
/// invocation that ends without a response fails.
#[tokio::test]
async fn streamed_requests_are_answered_by_the_invoker() {
    let request = || http::Request::new(Body::empty());
    let (sender, receiver) = tokio::sync::watch::channel(false);
    let stage = setup().run(move |_, invocation| {
        let mut receiver = receiver.clone();
        async move {
            let exchange = invocation.exchange.expect("the raw request");
            exchange.respond.send(http::Response::new(Body::from("early"))).expect("somebody waits");
            receiver.wait_for(|go| *go).await.unwrap();
            completed(&[], Value::Null)
        }
    });
    let response = stage.runner.stream(event(), request()).await.unwrap();
    assert_eq!(axum::body::to_bytes(response.into_body(), 100).await.unwrap(), "early");
    assert_eq!(stage.activity.invocations(), 1, "it is not over yet");
    sender.send_replace(true);
    stage.tasks.close();
    stage.tasks.wait().await;
    assert_eq!(stage.lines.count("Executed 'Functions.Fn' (Succeeded"), 1);

    let stage = setup().retry(Some(3), 0).gives(|| Outcome::Failed("boom".into()));
    let failure = stage.runner.stream(event(), request()).await.unwrap_err();
    assert_eq!(failure.to_string(), "boom");
    assert_eq!(stage.fake.seen.lock().len(), 1);
    let stage = setup().gives(|| completed(&[], Value::Null));
    let failure = stage.runner.stream(event(), request()).await.unwrap_err();
    assert_eq!(failure.to_string(), "The function ended without sending a response.");
}
