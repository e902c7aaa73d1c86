//! The listener on a paused clock: what takes minutes in real life.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use horus_app::log::Log;
use tokio::time::{Instant, sleep};

use super::double::Double;
use crate::queue::convert::Shape;
use crate::queue::listener::Listener;
use crate::queue::options::{ListenerOptions, Options};
use crate::queue::settle::Losses;
use crate::queue::{Encoding, Pump, Wakers};
use crate::storage::Storage;
use crate::{Dispatch, Drain, Trigger, Value, Verdict};

struct Host {
    double: Arc<Double>,
    listener: Arc<Listener>,
    drain: Drain,
}

impl Host {
    fn new(change: impl FnOnce(&mut ListenerOptions)) -> Self {
        let double = Arc::new(Double::default());
        let storage = Storage::with_transport(double.clone());
        let settings = horus_app::settings::Settings::from_pairs([(
            "AzureWebJobsStorage".to_owned(),
            "UseDevelopmentStorage=true".to_owned(),
        )]);
        let service = storage.queues(&settings.storage_connection(None).unwrap()).unwrap();
        let mut options =
            Options { encoding: Encoding::None, ..Options::default() }.for_listener(&settings, false);
        change(&mut options);
        let listener = Arc::new(Listener {
            shape: Shape::Default,
            reason: "test".into(),
            poison: Some(service.queue("work-poison").unwrap()),
            pump: Arc::new(Pump {
                who: "Function 'F'".into(),
                queue: service.queue("work").unwrap(),
                options,
                wakers: Wakers::default(),
                log: Log::discard(),
                losses: Losses::default(),
            }),
        });
        Self { double, listener, drain: Drain::new() }
    }

    /// Runs the listener while `during` lasts.
    async fn run(&self, dispatch: Dispatch, during: impl Future<Output = ()>) {
        let listening = self.listener.clone().listen(dispatch, self.drain.clone());
        tokio::join!(async { listening.await.expect("an orderly end") }, async {
            during.await;
            self.drain.start();
        });
    }
}

fn succeed_after(time: Duration) -> Dispatch {
    Dispatch::new(move |_| {
        async move {
            sleep(time).await;
            Verdict::Succeeded(Value::Null)
        }
        .boxed()
    })
}

/// bindings.md 51: two renewals in twelve minutes, and the deletion uses the newest receipt.
#[tokio::test(start_paused = true)]
async fn b51_a_long_function_keeps_its_message() {
    let host = Host::new(|_| {});
    host.double.put("work", "slow");
    let start = Instant::now();
    host.run(succeed_after(Duration::from_secs(12 * 60)), sleep(Duration::from_secs(13 * 60))).await;
    let renewals = host.double.times("update", "work", start);
    assert_eq!(renewals.iter().map(|time| time.round()).collect::<Vec<_>>(), [300.0, 600.0]);
    assert_eq!(host.double.texts("work").unwrap(), Vec::<String>::new(), "deleted with the new receipt");
    assert_eq!(host.double.times("delete", "work", start).len(), 1);
}

/// bindings.md §4, renewal: a failed one is tried again after half the remaining time.
#[tokio::test(start_paused = true)]
async fn a_failed_renewal_is_tried_again() {
    let host = Host::new(|_| {});
    host.double.put("work", "slow");
    host.run(succeed_after(Duration::from_secs(12 * 60)), async {
        sleep(Duration::from_secs(299)).await;
        host.double.set_away(true);
        sleep(Duration::from_secs(60)).await;
        host.double.set_away(false);
        sleep(Duration::from_secs(13 * 60)).await;
    })
    .await;
    assert_eq!(host.double.texts("work").unwrap(), Vec::<String>::new());
}

/// bindings.md §4, renewal: once somebody else has the message, nothing more is done to it.
#[tokio::test(start_paused = true)]
async fn a_stolen_message_is_left_alone() {
    let host = Host::new(|_| {});
    host.double.put("work", "slow");
    let start = Instant::now();
    host.run(succeed_after(Duration::from_secs(12 * 60)), async {
        sleep(Duration::from_secs(60)).await;
        host.double.steal("work");
        sleep(Duration::from_secs(12 * 60)).await;
    })
    .await;
    assert_eq!(host.double.times("update", "work", start).len(), 1, "the renewal that found out");
    assert_eq!(host.double.texts("work").unwrap(), ["slow"], "whoever has it settles it");
}

/// bindings.md 46: the times of polls, from 100 ms up to the longest pause, and again from the start after a hit.
#[tokio::test(start_paused = true)]
async fn b46_idle_polls_slow_down_and_a_hit_resets_them() {
    let host = Host::new(|options| options.max_polling_interval = Duration::from_secs(10));
    let start = Instant::now();
    host.run(succeed_after(Duration::ZERO), async {
        sleep(Duration::from_secs(60)).await;
        host.double.put("work", "hit");
        sleep(Duration::from_secs(12)).await;
    })
    .await;
    let times = host.double.times("receive", "work", start);
    let hit = times.iter().position(|time| *time >= 60.0).expect("a poll after the message came");
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, ideal) in gaps.iter().zip([0.2, 0.3, 0.5, 0.9, 1.7, 3.3, 6.5]) {
        assert!(
            (ideal - 0.1) * 0.79 + 0.1 <= *gap && *gap <= (ideal - 0.1) * 1.21 + 0.1,
            "{gap} for {ideal}"
        );
    }
    assert!((gaps[hit - 1] - 10.0).abs() < 0.01, "the longest pause is kept: {}", gaps[hit - 1]);
    assert!(gaps[hit] < 0.01, "after a message the next poll is immediate: {}", gaps[hit]);
    assert!(gaps[hit + 1] <= 0.23, "and the pauses are short again: {}", gaps[hit + 1]);
}

/// A failed message waits for `visibilityTimeout`; one whose service went away meanwhile is settled later.
#[tokio::test(start_paused = true)]
async fn failures_wait_and_settling_outlasts_an_outage() {
    let host = Host::new(|options| {
        options.visibility_timeout = Duration::from_secs(40);
        options.max_polling_interval = Duration::from_secs(1);
        options.max_dequeue_count = 2;
    });
    host.double.put("work", "bad");
    let double = host.double.clone();
    let times = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let seen = times.clone();
    let dispatch = Dispatch::new(move |_| {
        let number = {
            let mut seen = seen.lock();
            seen.push(Instant::now());
            seen.len()
        };
        // The service goes away while the function runs for the second time.
        double.set_away(number == 2);
        std::future::ready(Verdict::Failed("no".to_owned())).boxed()
    });
    host.run(dispatch, async {
        sleep(Duration::from_secs(100)).await;
        host.double.set_away(false);
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    let times = times.lock();
    assert_eq!(times.len(), 2);
    let gap = (times[1] - times[0]).as_secs_f64();
    assert!((40.0..42.0).contains(&gap), "{gap}");
    assert_eq!(host.double.texts("work-poison").unwrap(), ["bad"], "once, and after the outage");
    assert_eq!(host.double.texts("work").unwrap(), Vec::<String>::new());
}

/// The end of a listener interrupts its longest pause.
#[tokio::test(start_paused = true)]
async fn a_drain_ends_an_idle_listener_at_once() {
    let host = Host::new(|options| options.max_polling_interval = Duration::from_secs(3600));
    let start = Instant::now();
    host.run(succeed_after(Duration::ZERO), sleep(Duration::from_secs(900))).await;
    assert!(start.elapsed() < Duration::from_secs(901), "{:?}", start.elapsed());
}

/// Issue: the host is killed between dequeue and completion. The message is seen again, and processed.
#[tokio::test(start_paused = true)]
async fn a_killed_host_loses_nothing() {
    let host = Host::new(|options| options.max_polling_interval = Duration::from_secs(1));
    host.double.put("work", "precious");
    let start = Instant::now();
    let forever = Dispatch::new(|_| std::future::pending().boxed());
    tokio::select! {
        _ = host.listener.clone().listen(forever, Drain::new()) => panic!("nobody ended it"),
        // Dropped in mid-processing: nothing is settled and nothing renewed any more.
        () = sleep(Duration::from_secs(60)) => {}
    }
    let counts = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let seen = counts.clone();
    let dispatch = Dispatch::new(move |event| {
        seen.lock().push((start.elapsed().as_secs(), event.data.get("DequeueCount").cloned()));
        std::future::ready(Verdict::Succeeded(Value::Null)).boxed()
    });
    host.run(dispatch, sleep(Duration::from_secs(15 * 60))).await;
    let counts = counts.lock();
    assert_eq!(counts.len(), 1);
    assert!((600..=602).contains(&counts[0].0), "when its ten minutes are over: {}", counts[0].0);
    assert_eq!(counts[0].1, Some(Value::json(&serde_json::json!(2))));
    assert_eq!(host.double.texts("work").unwrap(), Vec::<String>::new());
}

/// A service that takes the request and never answers does not hold up the end.
#[tokio::test(start_paused = true)]
async fn a_silent_service_does_not_hold_up_the_end() {
    let host = Host::new(|_| {});
    host.double.set_silent();
    let start = Instant::now();
    host.run(succeed_after(Duration::ZERO), sleep(Duration::from_secs(3))).await;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
