//! The loop of one timer: lock, status, wait, fire.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use horus_app::log::Log;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::extension::CATEGORY;
use super::lease::Held;
use super::{Schedule, Status, monitor, status};
use crate::dotnet::date::Stamp;
use crate::{BindError, Dispatch, Drain, Event, HostState, Json, ListenError, Value, Verdict};

/// Longest sleep without a look at the wall clock, which can be set or stand still (suspended machines).
const LONGEST_SLEEP: Duration = Duration::from_secs(300);
/// Pause between attempts to read or write the status while storage fails.
const STATE_RETRY: Duration = Duration::from_secs(5);

/// Tells the time of day.
#[derive(Clone)]
pub(super) struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    pub(super) fn system() -> Self {
        Self::new(Utc::now)
    }

    pub(super) fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        status::ticks((self.0)())
    }
}

/// One timer trigger.
pub struct Timer {
    pub(super) function: String,
    pub(super) schedule: Schedule,
    /// Whether the status is kept in storage and missed occurrences are made up.
    pub(super) monitored: bool,
    pub(super) run_on_startup: bool,
    pub(super) state: HostState,
    pub(super) status_path: String,
    pub(super) lock_path: String,
    pub(super) lock_period: Duration,
    pub(super) owner: String,
    pub(super) log: Log,
    pub(super) clock: Clock,
    /// The last known status, for invocations by hand; absent without monitoring.
    pub(super) status: Mutex<Option<Status>>,
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = (&self.function, &self.schedule);
        f.debug_tuple("Timer").field(&name.0).field(&name.1.text()).finish()
    }
}

/// Why the timer fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Due(DateTime<Utc>),
    PastDue(DateTime<Utc>),
    Startup,
}

#[async_trait]
impl crate::Trigger for Timer {
    async fn listen(self: Arc<Self>, dispatch: Dispatch, drain: Drain) -> Result<(), ListenError> {
        let mut startup = self.run_on_startup;
        while let Some(held) = self.acquire(&drain).await {
            let done = CancellationToken::new();
            let fire = async {
                self.fire(&dispatch, &drain, &held, std::mem::take(&mut startup)).await;
                done.cancel();
            };
            tokio::join!(fire, self.keep(&held, &done));
            self.give_back(held).await;
        }
        Ok(())
    }

    fn manual_event(&self, _input: Option<String>) -> Result<Event, BindError> {
        let status = *self.status.lock();
        let mut event = Event::new(
            self.value(status, false),
            "This function was programmatically called via the host APIs.",
        );
        event.data.push("TimerTrigger", self.trigger_time(self.clock.now()));
        Ok(event)
    }
}

impl Timer {
    /// Fires until the host drains or the lock is lost. A run is never cut short by either.
    async fn fire(&self, dispatch: &Dispatch, drain: &Drain, held: &Held, startup: bool) {
        let mut record = Record { timer: self, pending: false, failing: false };
        let Some(start) = record.start(drain, held).await else { return };
        let mut status = start.status;
        let mut cause = start.past_due.map(Cause::PastDue).or(startup.then_some(Cause::Startup));
        loop {
            let now_due = match cause.take() {
                Some(unscheduled) => unscheduled,
                None => match monitor::upcoming(&self.schedule, &status, self.clock.now()) {
                    Some(due) if record.wait(due, &status, drain, held).await => Cause::Due(due),
                    Some(_) => return,
                    None => return stopped(drain, held).await,
                },
            };
            if drain.is_draining() || !self.is_ours(held).await {
                return;
            }
            let fired = self.clock.now();
            let verdict = dispatch.invoke(self.event(now_due, fired, status, drain)).await;
            if matches!(verdict, Verdict::Lost(_)) && drain.is_draining() {
                // The host went down under it: unrecorded, so that the next host sees it as past due.
                return;
            }
            status = monitor::after_run(
                &self.schedule,
                fired,
                match now_due {
                    Cause::Due(due) => Some(due),
                    Cause::PastDue(_) | Cause::Startup => None,
                },
            );
            record.write(&status).await;
        }
    }

    fn event(&self, cause: Cause, fired: DateTime<Utc>, status: Status, drain: &Drain) -> Event {
        let zone = self.schedule.zone();
        let round_trip = |time: DateTime<Utc>| Stamp::from(zone.local(time)).round_trip();
        let past_due = matches!(cause, Cause::PastDue(_));
        let status = self.monitored.then_some(status);
        let mut event =
            Event::new(self.value(status, past_due), format!("Timer fired at {}", round_trip(fired)));
        event.data.push("TimerTrigger", self.trigger_time(fired));
        event.details = match cause {
            Cause::Due(_) => Vec::new(),
            Cause::Startup => vec![("UnscheduledInvocationReason", "RunOnStartup".to_owned())],
            Cause::PastDue(missed) => vec![
                ("UnscheduledInvocationReason", "IsPastDue".to_owned()),
                ("OriginalSchedule", round_trip(missed)),
            ],
        };
        event.cancel = drain.cancellation().child_token();
        event
    }

    fn value(&self, status: Option<Status>, past_due: bool) -> Value {
        let adjusts = self.schedule.adjusts_for_dst();
        let status = status.map_or_else(|| "null".to_owned(), |status| status.to_json(self.schedule.zone()));
        Value::Json(Json::from_valid(format!(
            r#"{{"Schedule":{{"AdjustForDST":{adjusts}}},"ScheduleStatus":{status},"IsPastDue":{past_due}}}"#
        )))
    }

    fn trigger_time(&self, time: DateTime<Utc>) -> Value {
        let text = Stamp::from(self.schedule.zone().local(time)).format("G");
        Value::String(text.expect("'G' is a standard format"))
    }
}

async fn stopped(drain: &Drain, held: &Held) {
    tokio::select! {
        () = drain.draining() => {}
        () = held.lost.cancelled() => {}
    }
}

/// The status document of a timer. While storage fails it logs once, fires on, and catches up later.
struct Record<'a> {
    timer: &'a Timer,
    /// The last write failed.
    pending: bool,
    failing: bool,
}

impl Record<'_> {
    /// Reads and corrects the status; `None` when the host drains or the lock is lost before storage answers.
    async fn start(&mut self, drain: &Drain, held: &Held) -> Option<monitor::Start> {
        let timer = self.timer;
        let recorded = loop {
            if !timer.monitored {
                break None;
            }
            match timer.state.read(&timer.status_path).await {
                Ok(document) => {
                    self.failing = false;
                    break document.and_then(|text| Status::parse(&text, timer.schedule.zone()));
                }
                Err(error) => self.report(&format!("read its status and waits: {error}")),
            }
            tokio::select! {
                () = tokio::time::sleep(STATE_RETRY) => {}
                () = stopped(drain, held) => return None,
            }
        };
        let start = monitor::start(recorded, &timer.schedule, timer.clock.now());
        if start.changed {
            self.write(&start.status).await;
        } else {
            self.publish(&start.status);
        }
        Some(start)
    }

    async fn write(&mut self, status: &Status) {
        let timer = self.timer;
        self.publish(status);
        if !timer.monitored {
            return;
        }
        let document = status.to_json(timer.schedule.zone());
        match timer.state.write(&timer.status_path, document.into()).await {
            Ok(()) => (self.pending, self.failing) = (false, false),
            Err(error) => {
                self.pending = true;
                self.report(&format!("write its status and tries again later: {error}"));
            }
        }
    }

    fn publish(&self, status: &Status) {
        *self.timer.status.lock() = self.timer.monitored.then_some(*status);
    }

    fn report(&mut self, what: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            self.timer.log.error(CATEGORY, format!("Timer '{}' cannot {what}", self.timer.function));
        }
    }

    /// Waits for `due`, in steps; a status that could not be written is tried again meanwhile. False when the host
    /// drains or the lock is lost first.
    async fn wait(&mut self, due: DateTime<Utc>, status: &Status, drain: &Drain, held: &Held) -> bool {
        loop {
            let Ok(remaining) = (due - self.timer.clock.now()).to_std() else { return true };
            if remaining.is_zero() {
                return true;
            }
            let step = remaining.min(if self.pending { STATE_RETRY } else { LONGEST_SLEEP });
            tokio::select! {
                () = tokio::time::sleep(step) => {}
                () = stopped(drain, held) => return false,
            }
            if self.pending && step < remaining {
                self.write(status).await;
            }
        }
    }
}
