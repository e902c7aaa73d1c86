use serde_json::json;

use super::*;

/// spec host.md §8.1.
#[test]
fn policies() {
    let fixed = parse(&json!({"strategy":"fixedDelay","maxRetryCount":3,"delayInterval":"00:00:05"}));
    assert_eq!(fixed, Ok(RetryPolicy::FixedDelay { max_retries: Some(3), delay: Duration::from_secs(5) }));
    let exponential = parse(&json!({"Strategy":"EXPONENTIALBACKOFF","MaxRetryCount":"-1",
        "minimumInterval":"00:00:02","maximumInterval":"00:05:00"}));
    assert_eq!(
        exponential,
        Ok(RetryPolicy::ExponentialBackoff {
            max_retries: None,
            minimum: Duration::from_secs(2),
            maximum: Duration::from_secs(300),
        })
    );
}

/// spec host.md §8.1: every error names its property.
#[test]
fn errors_name_the_property() {
    let table = [
        (json!({"maxRetryCount":1}), "'strategy' is required."),
        (json!({"strategy":"linear","maxRetryCount":1}), "'linear' is an invalid value for 'strategy'"),
        (json!({"strategy":"fixedDelay","delayInterval":"00:00:05"}), "'maxRetryCount' is required."),
        (
            json!({"strategy":"fixedDelay","maxRetryCount":-2,"delayInterval":"00:00:05"}),
            "'-2' is an invalid value for 'maxRetryCount'",
        ),
        (json!({"strategy":"fixedDelay","maxRetryCount":1.5,"delayInterval":"00:00:05"}), "'maxRetryCount'"),
        (
            json!({"strategy":"fixedDelay","maxRetryCount":1}),
            "'delayInterval' is required when 'strategy' is 'fixedDelay'.",
        ),
        (
            json!({"strategy":"fixedDelay","maxRetryCount":1,"delayInterval":5.5}),
            "'5.5' is an invalid value for 'delayInterval'",
        ),
        (
            json!({"strategy":"exponentialBackoff","maxRetryCount":1,"maximumInterval":"00:01:00"}),
            "'minimumInterval' is required",
        ),
        (
            json!({"strategy":"exponentialBackoff","maxRetryCount":1,"minimumInterval":"00:01:00"}),
            "'maximumInterval' is required",
        ),
        (
            json!({"strategy":"exponentialBackoff","maxRetryCount":1,"minimumInterval":"00:02:00","maximumInterval":"00:01:00"}),
            "'minimumInterval'. It must not be greater",
        ),
        (json!("fixedDelay"), "must be an object"),
    ];
    for (value, expected) in table {
        let error = parse(&value).unwrap_err().to_string();
        assert!(error.contains(expected), "{value}: {error}");
    }
}
