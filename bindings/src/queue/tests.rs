//! The rules of queues as tables, and the listener against a clock of its own.

mod double;
mod index;
mod listener;

use std::time::Duration;

use serde_json::json;

use super::name;
use super::options::{Encoding, Options};
use super::poll::{Backoff, Outage, may_receive};
use super::settle::{Losses, Rules, Settlement, renewal_retry};
use crate::{Value, Verdict};

#[test]
fn names_are_lower_cased_and_checked() {
    assert_eq!(name::validate("My-Queue-7").unwrap(), "my-queue-7");
    assert_eq!(name::validate(&"q".repeat(63)).unwrap().len(), 63);
    for (bad, reason) in [
        ("ab", "3 to 63"),
        (&"q".repeat(64), "3 to 63"),
        ("with_underscore", "letters, digits and dashes"),
        ("umläut", "letters, digits and dashes"),
        ("-queue", "begin and end"),
        ("queue-", "begin and end"),
        ("a--b", "two dashes"),
    ] {
        let error = name::validate(bad).expect_err(bad);
        assert!(error.contains(reason) && error.contains(bad), "{bad}: {error}");
    }
}

/// bindings.md 50.
#[test]
fn b50_which_queues_have_a_poison_queue() {
    assert_eq!(name::poison("orders").as_deref(), Some("orders-poison"));
    assert_eq!(name::poison("orders-poison"), None);
    assert_eq!(name::poison(&"q".repeat(56)).map(|poison| poison.len()), Some(63));
    assert_eq!(name::poison(&"q".repeat(57)), None);
}

#[test]
fn options_have_the_documented_defaults_and_ranges() {
    let defaults = Options::read(&json!({})).unwrap();
    assert_eq!(defaults, Options::default());
    assert_eq!((defaults.batch_size, defaults.max_dequeue_count), (16, 5));
    assert_eq!(defaults.encoding, Encoding::Base64);

    let read = Options::read(&json!({
        "BatchSize": "32", "newBatchThreshold": 0, "maxPollingInterval": "00:00:02", "visibilityTimeout": "00:00:30",
        "maxDequeueCount": 1, "messageEncoding": "None",
    }))
    .unwrap();
    assert_eq!((read.batch_size, read.new_batch_threshold, read.max_dequeue_count), (32, Some(0), 1));
    assert_eq!(read.max_polling_interval, Some(Duration::from_secs(2)));
    assert_eq!(read.visibility_timeout, Duration::from_secs(30));
    assert_eq!(read.encoding, Encoding::None);
    let milliseconds = Options::read(&json!({"maxPollingInterval": 2500})).unwrap();
    assert_eq!(milliseconds.max_polling_interval, Some(Duration::from_millis(2500)));

    for (section, property) in [
        (json!({"batchSize": 0}), "batchSize must be 1 to 32, not 0"),
        (json!({"batchSize": 33}), "batchSize must be 1 to 32, not 33"),
        (json!({"newBatchThreshold": -1}), "newBatchThreshold must be at least 0, not -1"),
        (json!({"maxPollingInterval": "00:00:00.05"}), "maxPollingInterval must be at least"),
        (json!({"maxDequeueCount": 0}), "maxDequeueCount must be at least 1, not 0"),
        (json!({"messageEncoding": "utf16"}), "messageEncoding"),
        (json!({"visibilityTimeout": "soon"}), "visibilityTimeout"),
    ] {
        let error = Options::read(&section).expect_err(property).to_string();
        assert!(error.contains("host.json: extensions.queues.") && error.contains(property), "{error}");
    }
}

#[test]
fn options_that_are_left_open_depend_on_the_environment() {
    let settings = horus_app::settings::Settings::default();
    let open = Options::default();
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(open.for_listener(&settings, false).new_batch_threshold, 8 * processors);
    let dynamic = settings.with("WEBSITE_SKU", "dynamic");
    assert_eq!(open.for_listener(&dynamic, false).new_batch_threshold, 8);
    assert_eq!(open.for_listener(&settings, false).max_polling_interval, Duration::from_secs(60));
    assert_eq!(open.for_listener(&settings, true).max_polling_interval, Duration::from_secs(2));
    let given = Options { max_polling_interval: Some(Duration::from_secs(5)), ..Options::default() };
    assert_eq!(given.for_listener(&settings, true).max_polling_interval, Duration::from_secs(5));
}

/// bindings.md 46: the pauses of an empty queue, without jitter.
#[test]
fn b46_pauses_double_up_to_the_longest_and_start_again() {
    let mut backoff = Backoff::new(Duration::from_secs(2));
    let pauses: Vec<u128> = (0..7).map(|_| backoff.next(1.0).as_millis()).collect();
    assert_eq!(pauses, [200, 300, 500, 900, 1700, 2000, 2000]);
    backoff.reset();
    assert_eq!(backoff.next(0.8).as_millis(), 180);
    assert_eq!(backoff.next(1.2).as_millis(), 340);
    let mut long = Backoff::new(Duration::from_secs(3600));
    for _ in 0..100 {
        long.next(1.2);
    }
    assert_eq!(long.next(1.2), Duration::from_secs(3600), "no overflow");
    let mut shortest = Backoff::new(Duration::from_millis(100));
    assert_eq!(shortest.next(1.0), Duration::from_millis(100));
}

#[test]
fn the_next_batch_waits_for_the_threshold() {
    for (running, threshold, may) in [(0, 0, true), (1, 0, false), (16, 16, true), (17, 16, false)] {
        assert_eq!(may_receive(running, threshold), may, "{running} of {threshold}");
    }
}

#[test]
fn an_outage_is_news_when_it_begins_and_when_it_ends() {
    let mut outage = Outage::default();
    assert!(!outage.answered());
    assert_eq!([outage.failed(), outage.failed(), outage.failed()], [true, false, false]);
    assert_eq!([outage.answered(), outage.answered()], [true, false]);
    assert!(outage.failed());
}

/// bindings.md §4, the stages of a message.
#[test]
fn settlements_follow_verdict_and_count() {
    let hour = Duration::from_secs(3600);
    let kept = Rules { max_dequeue_count: 5, visibility_timeout: hour, has_poison_queue: true };
    let last = Rules { has_poison_queue: false, ..kept };
    let succeeded = || Verdict::Succeeded(Value::Null);
    let failed = || Verdict::Failed(String::new());
    let lost = || Verdict::Lost(String::new());
    for (rules, verdict, count, expected) in [
        (kept, succeeded(), 1, Settlement::Delete),
        (kept, succeeded(), 9, Settlement::Delete),
        (kept, failed(), 1, Settlement::Release(hour)),
        (kept, failed(), 4, Settlement::Release(hour)),
        (kept, failed(), 5, Settlement::Poison),
        (kept, lost(), 5, Settlement::Release(Duration::ZERO)),
        (last, succeeded(), 1, Settlement::Delete),
        (last, failed(), 1, Settlement::Leave),
        (last, failed(), 5, Settlement::Leave),
        (last, lost(), 1, Settlement::Release(Duration::ZERO)),
    ] {
        assert_eq!(rules.after(&verdict, count), expected, "{verdict:?} at {count}");
    }
    assert_eq!(kept.before(5), None);
    assert_eq!(kept.before(6), Some(Settlement::Poison));
    assert_eq!(last.before(6), Some(Settlement::Leave));
}

#[test]
fn losses_are_forgiven_up_to_a_point() {
    let losses = Losses::default();
    assert_eq!(losses.discount("m", 3, 5), 3);
    losses.add("m");
    losses.add("m");
    assert_eq!(losses.discount("m", 3, 5), 1);
    assert_eq!(losses.discount("other", 3, 5), 3);
    for _ in 0..20 {
        losses.add("m");
    }
    assert_eq!(losses.discount("m", 23, 5), 18, "a message that kills every worker ends all the same");
    losses.forget("m");
    assert_eq!(losses.discount("m", 3, 5), 3);
}

#[test]
fn failed_renewals_are_tried_again_in_time() {
    for (left, pause) in [(300, 150), (150, 75), (75, 60), (0, 60)] {
        assert_eq!(renewal_retry(Duration::from_secs(left)), Duration::from_secs(pause));
    }
}

#[test]
fn encodings_write_what_they_read() {
    let all: Vec<u8> = (0..=255).collect();
    let text = Encoding::Base64.encode(&all).unwrap();
    assert_eq!(Encoding::Base64.decode(&text).unwrap(), all);
    assert_eq!(Encoding::Base64.decode("not base64!"), None);
    assert_eq!(Encoding::Base64.decode("").unwrap(), "");
    assert_eq!(Encoding::None.encode(&all), None);
    assert_eq!(Encoding::None.decode(" as it is ").unwrap(), " as it is ");
}
