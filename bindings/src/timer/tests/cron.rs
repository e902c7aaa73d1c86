use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use horus_app::settings::Settings;
use rand::RngExt as _;

use super::super::cron::Cron;
use super::super::{Schedule, Zone};

fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap()
}

fn next(expression: &str, after: &str) -> String {
    let cron = Cron::parse(expression).unwrap_or_else(|| panic!("{expression}"));
    cron.next(local(after)).map_or_else(|| "never".to_owned(), |time| time.to_string())
}

fn utc(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

/// The next `count` occurrences on the clocks of `zone`.
fn fires(expression: &str, zone: Zone, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(expression, zone).unwrap();
    std::iter::successors(schedule.next(utc(after)), |time| schedule.next(*time))
        .take(count)
        .map(|time| zone.local(time).format("%d %H:%M %:z").to_string())
        .collect()
}

/// bindings.md checklist 36: five fields mean second 0.
#[test]
fn b36_five_fields_mean_second_zero() {
    assert_eq!(Cron::parse("*/5 * * * *"), Cron::parse("0 */5 * * * *"));
    assert_eq!(next("*/5 * * * *", "2024-03-09 10:02:03"), "2024-03-09 10:05:00");
    assert_eq!(next("0 */5 * * * *", "2024-03-09 10:05:00"), "2024-03-09 10:10:00");
}

/// bindings.md checklist 37: day of month and day of week must both match.
#[test]
fn b37_day_of_month_and_day_of_week_must_both_match() {
    assert_eq!(next("0 0 0 13 * FRI", "2024-01-01 00:00:00"), "2024-09-13 00:00:00");
    assert_eq!(next("0 0 0 1-7 * MON", "2024-01-01 00:00:00"), "2024-02-05 00:00:00");
}

/// Spec dependencies.md §2.5 and bindings.md §3: the grammar.
#[test]
fn occurrences_follow_ncrontab() {
    for (expression, after, expected) in [
        ("* * * * * *", "2024-12-31 23:59:59", "2025-01-01 00:00:00"),
        ("30 5 /2 * * *", "", ""),
        ("0 30 9 * * 1-5", "2024-03-08 09:30:00", "2024-03-11 09:30:00"),
        ("0 30 9 * * Mon-Fri", "2024-03-08 09:30:00", "2024-03-11 09:30:00"),
        ("0 0 0 * * FRI-MON", "2024-03-08 00:00:00", "2024-03-11 00:00:00"),
        ("0 0 0 * * SAT-SUN", "2024-03-08 00:00:00", "2024-03-09 00:00:00"),
        ("0 0 0 * * 0", "2024-03-08 00:00:00", "2024-03-10 00:00:00"),
        ("0 0 0 1 m *", "2024-01-01 00:00:00", "2024-03-01 00:00:00"),
        ("0 0 0 1 Ju *", "2024-01-01 00:00:00", "2024-06-01 00:00:00"),
        ("0 0 0 1 january *", "2024-01-02 00:00:00", "2025-01-01 00:00:00"),
        ("0 5/20 * * * *", "2024-03-09 10:06:00", "2024-03-09 10:25:00"),
        ("0 10-40/15 * * * *", "2024-03-09 10:26:00", "2024-03-09 10:40:00"),
        ("0 50-10 * * * *", "2024-03-09 10:51:00", "2024-03-09 11:10:00"),
        ("0 */0 * * * *", "2024-03-09 10:51:00", "2024-03-09 10:52:00"),
        ("15,45 0 22,23 * * *", "2024-03-09 22:00:15", "2024-03-09 22:00:45"),
        ("0 0 12 31 * *", "2024-03-31 12:00:00", "2024-05-31 12:00:00"),
        ("0 0 0 29 2 *", "2024-02-29 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 0 29 2 MON", "2024-02-29 00:00:00", "2044-02-29 00:00:00"),
        ("0 0 0 30 2 *", "2024-01-01 00:00:00", "never"),
    ] {
        if expected.is_empty() {
            assert_eq!(Cron::parse(expression), None, "{expression}");
        } else {
            assert_eq!(next(expression, after), expected, "{expression}");
        }
    }
}

/// Spec dependencies.md §2.5: what other dialects allow is an error.
#[test]
fn other_dialects_are_refused() {
    for expression in [
        "",
        "* * * *",
        "* * * * * * *",
        "0 0 0 * * 7",
        "0 0 0 ? * *",
        "0 0 0 L * *",
        "0 0 0 * * 5L",
        "0 0 0 15W * *",
        "0 0 0 * * 1#2",
        "@daily",
        "60 * * * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 32 * *",
        "0 0 0 * 13 *",
        "0 0 0 * 0 *",
        "0 1,,2 * * * *",
        "0 -5 * * * *",
        "0 */x * * * *",
        "0 1-2-3 * * * *",
        "0 MON * * * *",
        "0 0 0 * Montag *",
        "0 */5/5 * * * *",
        "0 ä * * * *",
    ] {
        assert_eq!(Cron::parse(expression), None, "{expression}");
    }
    let error = Schedule::parse("0 0 0 * * 7", Zone::UTC).unwrap_err().0;
    let expected = "The schedule expression '0 0 0 * * 7' was not recognized as a valid cron expression or timespan \
                    string.";
    assert_eq!(error, expected);
}

/// bindings.md checklist 43: a 02:30 job runs once on both days on which the clocks change.
#[test]
fn b43_points_in_time_run_once_on_dst_days() {
    let new_york = zone("America/New_York");
    assert_eq!(
        fires("0 30 2 * * *", new_york, "2024-03-09T12:00:00Z", 3),
        ["10 03:00 -04:00", "11 02:30 -04:00", "12 02:30 -04:00"]
    );
    assert_eq!(
        fires("0 30 2 * * *", new_york, "2024-11-02T12:00:00Z", 2),
        ["03 02:30 -05:00", "04 02:30 -05:00"]
    );
    // In the hour that comes twice, it is the first pass.
    assert_eq!(
        fires("0 30 1 * * *", new_york, "2024-11-02T12:00:00Z", 2),
        ["03 01:30 -04:00", "04 01:30 -05:00"]
    );
    // Asked in the second pass, the hour is over.
    assert_eq!(fires("0 30 1 * * *", new_york, "2024-11-03T06:10:00Z", 1), ["04 01:30 -05:00"]);
    // Two occurrences in one gap fire once, at its end.
    assert_eq!(
        fires("0 0,30 2 * * *", new_york, "2024-03-10T06:00:00Z", 2),
        ["10 03:00 -04:00", "11 02:00 -04:00"]
    );
}

/// bindings.md checklist 43: a `*/30` interval runs through both passes.
#[test]
fn b43_intervals_run_through_both_passes() {
    let new_york = zone("Eastern Standard Time");
    assert_eq!(
        fires("0 */30 * * * *", new_york, "2024-11-03T04:45:00Z", 7),
        [
            "03 01:00 -04:00",
            "03 01:30 -04:00",
            "03 01:00 -05:00",
            "03 01:30 -05:00",
            "03 02:00 -05:00",
            "03 02:30 -05:00",
            "03 03:00 -05:00"
        ]
    );
    assert_eq!(
        fires("0 */30 * * * *", new_york, "2024-03-10T06:10:00Z", 3),
        ["10 01:30 -05:00", "10 03:00 -04:00", "10 03:30 -04:00"]
    );
    // An interval with an occurrence only inside the gap fires at its end.
    assert_eq!(
        fires("0 30 2-2 * * *", new_york, "2024-03-10T06:10:00Z", 2),
        ["10 03:00 -04:00", "11 02:30 -04:00"]
    );
    // The second pass is found although the next candidate of the first is a year away.
    assert_eq!(
        fires("0 0/20 1 3 11 *", new_york, "2024-11-03T05:45:00Z", 4)[..3],
        ["03 01:00 -05:00", "03 01:20 -05:00", "03 01:40 -05:00"]
    );
}

/// Half-hour and southern changes of the clocks, and a zone that skipped a whole day.
#[test]
fn unusual_zones_keep_their_rules() {
    let lord_howe = zone("Australia/Lord_Howe");
    assert_eq!(
        fires("0 15 2 * * *", lord_howe, "2024-10-05T00:00:00Z", 2),
        ["06 02:30 +11:00", "07 02:15 +11:00"]
    );
    let apia = zone("Pacific/Apia");
    assert_eq!(
        fires("0 0 12 * * *", apia, "2011-12-29T23:00:00Z", 2),
        ["31 00:00 +14:00", "31 12:00 +14:00"]
    );
}

/// Spec bindings.md §3: IANA names, Windows names, and which setting wins.
#[test]
fn zones_have_iana_and_windows_names() {
    for (name, iana) in [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        (":Europe/Berlin", "Europe/Berlin"),
        ("/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Tokyo Standard Time", "Asia/Tokyo"),
    ] {
        assert_eq!(Zone::parse(name), Zone::parse(iana), "{name}");
        assert!(Zone::parse(name).is_some(), "{name}");
    }
    assert_eq!(Zone::parse("Nowhere Standard Time"), None);
    let of = |pairs: &[(&str, &str)]| {
        Zone::of(&Settings::from_pairs(
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        ))
    };
    assert_eq!(of(&[("TZ", "UTC"), ("WEBSITE_TIME_ZONE", "Asia/Tokyo")]), Ok(zone("Asia/Tokyo")));
    assert_eq!(of(&[("TZ", "Europe/Berlin")]), Ok(zone("Europe/Berlin")));
    assert_eq!(of(&[("TZ", "Mars/Base")]), Err((Zone::UTC, "TZ=Mars/Base".to_owned())));
}

/// Spec bindings.md §3: constant intervals, and which schedules are too fast to be monitored.
#[test]
fn time_spans_are_constant_intervals() {
    let schedule = Schedule::parse("1.02:00:00", zone("America/New_York")).unwrap();
    assert!(!schedule.adjusts_for_dst());
    assert_eq!(schedule.next(utc("2024-03-09T12:00:00Z")), Some(utc("2024-03-10T14:00:00Z")));
    assert!(Schedule::parse("00:00:00", Zone::UTC).is_err());
    for (text, fast) in [
        ("*/30 * * * * *", true),
        ("0 * * * * *", false),
        ("0,10 0 * * * *", true),
        ("00:00:59", true),
        ("00:01:00", false),
        ("0 0 0 30 2 *", false),
    ] {
        assert_eq!(
            Schedule::parse(text, Zone::UTC).unwrap().is_fast(utc("2024-03-09T12:00:00Z")),
            fast,
            "{text}"
        );
    }
}

/// The parser never panics, and what it accepts has occurrences strictly after the question.
#[test]
fn random_expressions_never_panic() {
    let alphabet: Vec<char> = "0123456789*/-,, MONjaux?#L:.ä".chars().collect();
    let mut random = rand::rng();
    let start = utc("2024-10-27T00:00:00Z");
    let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"].map(zone);
    for round in 0..30_000 {
        let length = random.random_range(0..24);
        let text: String = (0..length).map(|_| alphabet[random.random_range(0..alphabet.len())]).collect();
        let field = |random: &mut rand::rngs::ThreadRng| match random.random_range(0..4) {
            0 => "*".to_owned(),
            1 => format!("*/{}", random.random_range(0..40)),
            2 => format!("{}-{}", random.random_range(1..7), random.random_range(1..7)),
            _ => random.random_range(1..7).to_string(),
        };
        let text = if round % 2 == 0 { text } else { [(); 6].map(|()| field(&mut random)).join(" ") };
        let Ok(schedule) = Schedule::parse(&text, zones[round % 4]) else { continue };
        let after = start + TimeDelta::seconds(random.random_range(0..400 * 86_400));
        assert!(schedule.next(after).is_none_or(|next| next > after), "{text} after {after}");
    }
}
