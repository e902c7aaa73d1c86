use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use horus_app::log::{Level, Log, Record, Sink};
use horus_app::settings::Settings;
use horus_app::{Binding, Cardinality, DataType, Direction, Function, FunctionSource};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::double::Double;
use crate::queue::Wakers;
use crate::storage::Storage;
use crate::timer::extension::timer;
use crate::timer::listener::{Clock, Timer};
use crate::{BindError, Dispatch, Drain, HostState, IndexContext, Trigger, Value, Verdict};

const STATUS: &str = "timers/host1/Host.Functions.Tick/status";

fn binding(properties: serde_json::Value) -> Binding {
    Binding {
        name: "myTimer".into(),
        kind: "timerTrigger".into(),
        direction: Direction::In,
        data_type: DataType::Undefined,
        cardinality: Cardinality::One,
        raw: properties.as_object().unwrap().clone(),
    }
}

/// A clock that starts at `at` on 9 March 2024 and moves with the paused time of the runtime.
fn clock(at: &str) -> Clock {
    let start: DateTime<Utc> = format!("2024-03-09T{at}Z").parse().unwrap();
    let origin = Instant::now();
    Clock::new(move || start + TimeDelta::from_std(origin.elapsed()).unwrap())
}

fn make(binding: &Binding, state: &HostState, clock: Clock, log: &Log) -> Result<Timer, BindError> {
    let function = Function {
        name: "Tick".into(),
        id: "1".into(),
        directory: PathBuf::new(),
        script_file: PathBuf::new(),
        entry_point: String::new(),
        language: "node".into(),
        bindings: vec![binding.clone()],
        retry: None,
        disabled: false,
        source: FunctionSource::Host,
        config: json!({}),
        properties: Vec::new(),
    };
    let settings = Settings::from_pairs([
        ("WEBSITE_TIME_ZONE".to_owned(), "UTC".to_owned()),
        ("Nightly".to_owned(), "0 0 3 * * *".to_owned()),
    ]);
    let cx = IndexContext {
        function: &function,
        settings: &settings,
        host_id: "host1",
        state,
        wakers: &Wakers::default(),
        log,
        development: false,
    };
    timer(binding, &cx, clock)
}

/// What a run saw.
#[derive(Debug)]
struct Run {
    at: String,
    reason: String,
    details: Vec<(&'static str, String)>,
    value: serde_json::Value,
    trigger_time: Value,
}

/// A timer under test with its runs.
struct Bench {
    runs: mpsc::UnboundedReceiver<Run>,
    drain: Drain,
    task: tokio::task::JoinHandle<Result<(), crate::ListenError>>,
    lines: Lines,
}

/// Warnings and errors that were logged.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Sink for Lines {
    fn accepts(&self, _category: &str, level: Level) -> bool {
        level >= Level::Warning
    }

    fn write(&self, record: Record<'_>) {
        self.0.lock().push(record.message.to_owned());
    }
}

impl Bench {
    fn start(properties: serde_json::Value, state: &HostState, at: &str) -> Self {
        Self::with(properties, state, at, Duration::ZERO, |_| Verdict::Succeeded(Value::Null))
    }

    fn with(
        properties: serde_json::Value,
        state: &HostState,
        at: &str,
        takes: Duration,
        verdict: impl Fn(usize) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        let (clock, lines) = (clock(at), Lines::default());
        let timer =
            Arc::new(make(&binding(properties), state, clock.clone(), &Log::new(lines.clone())).unwrap());
        let (sender, runs) = mpsc::unbounded_channel();
        let verdict = Arc::new(verdict);
        let count = Arc::new(AtomicUsize::new(0));
        let running = Arc::new(AtomicUsize::new(0));
        let dispatch = Dispatch::new(move |event| {
            let Value::Json(value) = &event.value else { panic!("{event:?}") };
            let run = Run {
                at: clock.now().format("%H:%M:%S").to_string(),
                reason: event.reason.to_string(),
                value: value.parse(),
                trigger_time: event.data.get("TimerTrigger").unwrap().clone(),
                details: event.details,
            };
            let _ = sender.send(run);
            let (verdict, number, running) =
                (verdict.clone(), count.fetch_add(1, Ordering::SeqCst), running.clone());
            Box::pin(async move {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "runs overlap");
                tokio::time::sleep(takes).await;
                running.fetch_sub(1, Ordering::SeqCst);
                verdict(number)
            })
        });
        let drain = Drain::new();
        let task = tokio::spawn(timer.listen(dispatch, drain.clone()));
        Self { runs, drain, task, lines }
    }

    async fn next(&mut self) -> Run {
        self.runs.recv().await.unwrap()
    }

    fn lines(&self) -> Vec<String> {
        self.lines.0.lock().clone()
    }

    async fn stop(self) -> Vec<Run> {
        self.drain.start();
        self.task.await.unwrap().unwrap();
        let mut runs = self.runs;
        let mut rest = VecDeque::new();
        while let Some(run) = runs.recv().await {
            rest.push_back(run);
        }
        rest.into()
    }
}

async fn recorded(state: &HostState) -> Option<serde_json::Value> {
    let document = state.read(STATUS).await.unwrap()?;
    Some(serde_json::from_slice(&document).unwrap())
}

/// bindings.md checklist 38: the status appears at its path with Last, Next and LastUpdated, before and after a run.
#[tokio::test(start_paused = true)]
async fn b38_status_is_kept_at_its_path() {
    let state = HostState::in_memory();
    let mut bench = Bench::start(json!({ "schedule": "0 */5 * * * *" }), &state, "10:02:00");
    let run = bench.next().await;
    assert_eq!(run.at, "10:05:00");
    let first = json!({
        "Schedule": { "AdjustForDST": true },
        "ScheduleStatus": {
            "Last": "0001-01-01T00:00:00",
            "Next": "2024-03-09T10:05:00+00:00",
            "LastUpdated": "2024-03-09T10:02:00+00:00",
        },
        "IsPastDue": false,
    });
    assert_eq!(run.value, first);
    assert!(run.reason.starts_with("Timer fired at 2024-03-09T10:05:00.0") && run.reason.ends_with("+00:00"));
    assert_eq!(run.trigger_time, Value::String("03/09/2024 10:05:00".into()));
    assert!(run.details.is_empty());
    assert_eq!(bench.next().await.at, "10:10:00");
    bench.stop().await;
    let status = recorded(&state).await.unwrap();
    assert!(status["Last"].as_str().unwrap().starts_with("2024-03-09T10:10:00"), "{status}");
    assert_eq!(status["Next"], "2024-03-09T10:15:00+00:00");
    assert_eq!(status["LastUpdated"], status["Last"]);
}

/// bindings.md checklist 39: after a missed occurrence it fires once at once, past due, then resumes the schedule.
#[tokio::test(start_paused = true)]
async fn b39_missed_occurrences_fire_once_at_the_start() {
    let state = HostState::in_memory();
    let mut bench = Bench::start(json!({ "schedule": "0 0 * * * *" }), &state, "10:30:00");
    bench.next().await;
    bench.stop().await;
    let mut bench =
        Bench::start(json!({ "schedule": "0 0 * * * *", "runOnStartup": true }), &state, "14:20:00");
    let run = bench.next().await;
    assert_eq!((run.at.as_str(), run.value["IsPastDue"].as_bool()), ("14:20:00", Some(true)));
    let details = [
        ("UnscheduledInvocationReason", "IsPastDue".to_owned()),
        ("OriginalSchedule", "2024-03-09T12:00:00.0000000+00:00".to_owned()),
    ];
    assert_eq!(run.details, details);
    let run = bench.next().await;
    assert_eq!((run.at.as_str(), run.value["IsPastDue"].as_bool()), ("15:00:00", Some(false)));
    bench.stop().await;
}

/// bindings.md checklist 40: a changed schedule rewrites Next without a past-due run.
#[tokio::test(start_paused = true)]
async fn b40_changed_schedules_are_not_past_due() {
    let state = HostState::in_memory();
    let mut bench = Bench::start(json!({ "schedule": "0 0 * * * *" }), &state, "10:30:00");
    bench.next().await;
    bench.stop().await;
    let mut bench = Bench::start(json!({ "schedule": "0 15 * * * *" }), &state, "13:20:00");
    let run = bench.next().await;
    assert_eq!((run.at.as_str(), run.value["IsPastDue"].as_bool()), ("14:15:00", Some(false)));
    bench.stop().await;
}

/// Spec bindings.md §3: `runOnStartup` fires once at the start, and not again after that.
#[tokio::test(start_paused = true)]
async fn run_on_startup_fires_once() {
    let state = HostState::in_memory();
    let mut bench =
        Bench::start(json!({ "schedule": "0 0 * * * *", "runOnStartup": true }), &state, "10:30:00");
    let run = bench.next().await;
    assert_eq!(run.at, "10:30:00");
    assert_eq!(run.details, [("UnscheduledInvocationReason", "RunOnStartup".to_owned())]);
    assert_eq!(run.value["IsPastDue"], false);
    assert_eq!(bench.next().await.at, "11:00:00");
    bench.stop().await;
}

/// bindings.md checklist 41: of two instances one fires; when it stops, the other goes on within two minutes.
#[tokio::test(start_paused = true)]
async fn b41_one_instance_fires_and_the_other_takes_over() {
    let state = HostState::in_memory();
    let mut first = Bench::start(json!({ "schedule": "0 */5 * * * *" }), &state, "10:02:00");
    assert_eq!(first.next().await.at, "10:05:00");
    let mut second = Bench::start(json!({ "schedule": "0 */5 * * * *" }), &state, "10:05:00");
    assert_eq!(first.next().await.at, "10:10:00");
    assert!(second.runs.try_recv().is_err());
    // Killed, not stopped: nobody gives the lock back, it has to lapse.
    first.task.abort();
    assert_eq!(second.next().await.at, "10:15:00");
    second.stop().await;
}

/// bindings.md checklist 42: a run longer than the interval never overlaps itself, and nothing is made up.
#[tokio::test(start_paused = true)]
async fn b42_long_runs_never_overlap() {
    let state = HostState::in_memory();
    let takes = Duration::from_secs(12 * 60);
    let every_five = json!({ "schedule": "0 */5 * * * *" });
    let mut bench = Bench::with(every_five, &state, "10:02:00", takes, |_| Verdict::Succeeded(Value::Null));
    for expected in ["10:05:00", "10:20:00", "10:35:00"] {
        assert_eq!(bench.next().await.at, expected);
    }
    assert!(bench.stop().await.is_empty());
}

/// Spec bindings.md §3: the status is written even if the function failed, but not when the host went down under it.
#[tokio::test(start_paused = true)]
async fn failures_are_recorded_and_losses_at_the_end_are_not() {
    let state = HostState::in_memory();
    let hourly = json!({ "schedule": "0 0 * * * *" });
    let fail = |_| Verdict::Failed("boom".into());
    let mut bench = Bench::with(hourly.clone(), &state, "10:30:00", Duration::ZERO, fail);
    bench.next().await;
    bench.stop().await;
    assert!(recorded(&state).await.unwrap()["Last"].as_str().unwrap().starts_with("2024-03-09T11:00:00"));
    let lose = |_| Verdict::Lost("stopping".into());
    let mut bench = Bench::with(hourly, &state, "11:30:00", Duration::from_secs(60), lose);
    assert_eq!(bench.next().await.at, "12:00:00");
    bench.stop().await;
    assert_eq!(recorded(&state).await.unwrap()["Next"], "2024-03-09T12:00:00+00:00");
}

/// Spec bindings.md §3: schedules faster than a minute, and `useMonitor: false`, keep no status.
#[tokio::test(start_paused = true)]
async fn fast_and_unmonitored_timers_keep_no_status() {
    let fast = json!({ "schedule": "*/10 * * * * *" });
    let unmonitored = json!({ "schedule": "0 * * * * *", "useMonitor": false });
    for (properties, expected) in [(fast, "10:02:10"), (unmonitored, "10:03:00")] {
        let state = HostState::in_memory();
        let mut bench = Bench::start(properties, &state, "10:02:05");
        let run = bench.next().await;
        assert_eq!(run.at, expected);
        assert_eq!(run.value["ScheduleStatus"], serde_json::Value::Null);
        bench.stop().await;
        assert_eq!(recorded(&state).await, None);
    }
}

/// Spec bindings.md §3, "Long waits": a schedule more than 24 days ahead fires on time, and a drain ends the wait.
#[tokio::test(start_paused = true)]
async fn long_waits_end_on_time_and_with_the_drain() {
    let state = HostState::in_memory();
    let mut bench = Bench::start(json!({ "schedule": "0 0 0 5 4 *" }), &state, "10:00:00");
    assert_eq!(bench.next().await.reason[..29], *"Timer fired at 2024-04-05T00:");
    assert!(bench.stop().await.is_empty());
    let bench = Bench::start(json!({ "schedule": "0 0 0 30 2 *" }), &state, "10:00:00");
    assert!(bench.stop().await.is_empty());
}

/// Spec bindings.md §3: a run by hand works with any body and is not past due.
#[tokio::test(start_paused = true)]
async fn runs_by_hand_take_any_input() {
    let state = HostState::in_memory();
    let timer = make(&binding(json!({ "schedule": "00:10:00" })), &state, clock("10:00:00"), &Log::discard())
        .unwrap();
    for input in [None, Some("x".to_owned())] {
        let event = timer.manual_event(input).unwrap();
        let Value::Json(value) = event.value else { panic!() };
        let expected = r#"{"Schedule":{"AdjustForDST":false},"ScheduleStatus":null,"IsPastDue":false}"#;
        assert_eq!(value.as_str(), expected);
        assert_eq!(&*event.reason, "This function was programmatically called via the host APIs.");
    }
}

/// Spec bindings.md §3 and §1.7: what cannot be a timer, and `%settings%` in schedules.
#[tokio::test]
async fn bindings_are_validated() {
    let state = HostState::in_memory();
    let error =
        |properties| make(&binding(properties), &state, Clock::system(), &Log::discard()).unwrap_err().0;
    assert!(error(json!({})).contains("'schedule' is missing"));
    assert_eq!(error(json!({ "schedule": "%Nope%" })), "'%Nope%' does not resolve to a value.");
    assert!(
        error(json!({ "schedule": "soon" })).starts_with("The schedule expression 'soon' was not recognized")
    );
    assert!(
        error(json!({ "schedule": "0 0 3 * * *", "useMonitor": 7 })).contains("'useMonitor' of type Boolean")
    );
    let timer =
        make(&binding(json!({ "Schedule": "%Nightly%" })), &state, Clock::system(), &Log::discard()).unwrap();
    assert_eq!(timer.schedule.text(), "0 0 3 * * *");
    let many = Binding { cardinality: Cardinality::Many, ..binding(json!({ "schedule": "0 0 3 * * *" })) };
    assert!(
        make(&many, &state, Clock::system(), &Log::discard())
            .unwrap_err()
            .0
            .contains("does not support cardinality 'many'")
    );
}

/// A host whose state is in a blob service that can go away.
fn shared() -> (Arc<Double>, HostState) {
    let double = Arc::new(Double::default());
    let settings =
        Settings::from_pairs([("AzureWebJobsStorage".to_owned(), "UseDevelopmentStorage=true".to_owned())]);
    let connection = settings.storage_connection(None).unwrap();
    let service = Storage::with_transport(double.clone()).blobs(&connection).unwrap();
    (double, HostState::blobs(service))
}

/// Issue 2, "Azurite going away and coming back": reported once, nothing lost, and the timer starts when it is back.
#[tokio::test(start_paused = true)]
async fn storage_that_is_away_at_the_start_is_reported_once() {
    let (double, state) = shared();
    let every_five = json!({ "schedule": "0 */5 * * * *" });
    let mut bench = Bench::start(every_five.clone(), &state, "10:02:00");
    assert_eq!(bench.next().await.at, "10:05:00");
    bench.stop().await;
    double.set_away(true);
    let mut bench = Bench::start(every_five, &state, "10:06:00");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(bench.runs.try_recv().is_err());
    double.set_away(false);
    let run = bench.next().await;
    assert_eq!(run.value["IsPastDue"], true, "{run:?}");
    assert_eq!(run.details[1].1, "2024-03-09T10:10:00.0000000+00:00");
    let lines = bench.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("Timer 'Tick' cannot take its lock and waits:"), "{lines:?}");
    bench.stop().await;
}

/// Issue 2: a status that cannot be written is reported once and written when storage is back, before the next run.
#[tokio::test(start_paused = true)]
async fn statuses_are_written_when_storage_is_back() {
    let (double, state) = shared();
    let takes = Duration::from_secs(10);
    let away = double.clone();
    let ten = json!({ "schedule": "0 */10 * * * *" });
    let mut bench = Bench::with(ten, &state, "10:02:00", takes, move |_| {
        away.set_away(true);
        Verdict::Succeeded(Value::Null)
    });
    assert_eq!(bench.next().await.at, "10:10:00");
    // Shorter than the lock lasts, so that the timer keeps it.
    tokio::time::sleep(Duration::from_secs(10 + 20)).await;
    double.set_away(false);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let status = recorded(&state).await.unwrap();
    assert_eq!(status["Next"], "2024-03-09T10:20:00+00:00", "{status}");
    let lines = bench.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("Timer 'Tick' cannot write its status and tries again later:"), "{lines:?}");
    assert_eq!(bench.next().await.at, "10:20:00");
    bench.stop().await;
}

/// Spec bindings.md §1.13: an instance whose lock is gone stops firing, and says so once.
#[tokio::test(start_paused = true)]
async fn a_lost_lock_stops_the_timer() {
    let (double, state) = shared();
    let mut bench = Bench::start(json!({ "schedule": "0 */2 * * * *" }), &state, "10:01:00");
    assert_eq!(bench.next().await.at, "10:02:00");
    double.steal("Host.Functions.Tick.Listener");
    // The thief keeps it for an hour; ours is known to be lost within a minute.
    tokio::time::sleep(Duration::from_secs(50 * 60)).await;
    assert!(bench.runs.try_recv().is_err());
    let lines = bench.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("stands by"), "{lines:?}");
    let run = bench.next().await;
    assert_eq!(run.value["IsPastDue"], true);
    bench.stop().await;
}
