use chrono::{DateTime, Utc};

use super::super::monitor::{after_run, start, upcoming};
use super::super::{Schedule, Status, Zone};

fn utc(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&format!("2024-03-09T{text}Z")).unwrap().to_utc()
}

fn hourly() -> Schedule {
    Schedule::parse("0 0 * * * *", Zone::UTC).unwrap()
}

fn status(last: Option<&str>, next: &str, updated: &str) -> Status {
    Status { last: last.map(utc), next: Some(utc(next)), last_updated: Some(utc(updated)) }
}

/// Spec bindings.md §3, "Start with status" and "Start without status"; checklist 39 and 40.
#[test]
fn b39_b40_starts_follow_the_recorded_status() {
    struct Row(&'static str, Option<Status>, &'static str, Status, bool, Option<&'static str>);
    for Row(name, recorded, now, expected, changed, past_due) in [
        Row("never seen", None, "10:20:00", status(None, "11:00:00", "10:20:00"), true, None),
        Row(
            "in time",
            Some(status(Some("10:00:00"), "11:00:00", "10:00:00")),
            "10:30:00",
            status(Some("10:00:00"), "11:00:00", "10:00:00"),
            false,
            None,
        ),
        Row(
            "missed",
            Some(status(Some("10:00:00"), "11:00:00", "10:00:00")),
            "13:30:00",
            status(Some("10:00:00"), "11:00:00", "10:00:00"),
            false,
            Some("11:00:00"),
        ),
        Row(
            "missed the very first",
            Some(status(None, "11:00:00", "10:20:00")),
            "11:00:01",
            status(None, "11:00:00", "10:20:00"),
            false,
            Some("11:00:00"),
        ),
        Row(
            "schedule changed, still to come",
            Some(status(Some("10:00:00"), "10:45:00", "10:00:00")),
            "10:30:00",
            status(None, "11:00:00", "10:00:00"),
            true,
            None,
        ),
        Row(
            "schedule changed, gone by",
            Some(status(Some("08:00:00"), "08:45:00", "08:00:00")),
            "10:30:00",
            status(None, "11:00:00", "10:30:00"),
            true,
            None,
        ),
    ] {
        let actual = start(recorded, &hourly(), utc(now));
        assert_eq!(actual.status, expected, "{name}");
        assert_eq!(actual.changed, changed, "{name}");
        assert_eq!(actual.past_due, past_due.map(utc), "{name}");
    }
}

/// Spec bindings.md §3, "After each run": early firing cannot repeat an occurrence.
#[test]
fn runs_count_from_the_later_of_due_and_actual_time() {
    let early = after_run(&hourly(), utc("10:59:59.9"), Some(utc("11:00:00")));
    assert_eq!(early, status(Some("11:00:00"), "12:00:00", "11:00:00"));
    let late = after_run(&hourly(), utc("11:00:03"), Some(utc("11:00:00")));
    assert_eq!(late, status(Some("11:00:03"), "12:00:00", "11:00:03"));
    let startup = after_run(&hourly(), utc("10:20:00"), None);
    assert_eq!(startup, status(Some("10:20:00"), "11:00:00", "10:20:00"));
}

/// Spec bindings.md §3, "Overlap": occurrences that went by during a run are not made up.
#[test]
fn occurrences_during_a_run_are_skipped() {
    let status = status(Some("11:00:00"), "12:00:00", "11:00:00");
    assert_eq!(upcoming(&hourly(), &status, utc("11:10:00")), Some(utc("12:00:00")));
    assert_eq!(upcoming(&hourly(), &status, utc("14:10:00")), Some(utc("15:00:00")));
}

/// bindings.md checklist 38 (the document): Last, Next, LastUpdated in ISO 8601 with offset.
#[test]
fn b38_status_documents_survive_the_round_trip() {
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    let status = status(Some("10:00:00.0120345"), "11:00:00", "10:00:00.0120345");
    let text = status.to_json(&berlin);
    let expected = r#"{"Last":"2024-03-09T11:00:00.0120345+01:00","Next":"2024-03-09T12:00:00+01:00","LastUpdated":"2024-03-09T11:00:00.0120345+01:00"}"#;
    assert_eq!(text, expected);
    assert_eq!(Status::parse(text.as_bytes(), &berlin), Some(status));
    let never = Status { last: None, ..status };
    assert!(never.to_json(&berlin).starts_with(r#"{"Last":"0001-01-01T00:00:00","Next""#));
    assert_eq!(Status::parse(never.to_json(&berlin).as_bytes(), &berlin), Some(never));
    // Written by hand or by an older host: local times, other case, no offset.
    let local = br#"{"last":"2024-03-09T11:00:00","next":"2024-03-09T12:00:00+01:00"}"#;
    assert_eq!(Status::parse(local, &berlin).unwrap().last, Some(utc("10:00:00")));
    for broken in ["", "[]", "{", "null"] {
        assert_eq!(Status::parse(broken.as_bytes(), &berlin), None, "{broken}");
    }
}
