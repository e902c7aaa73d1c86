use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::timespan;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Sample {
    batch_size: Option<u32>,
    limit: i64,
    ratio: f64,
    is_enabled: bool,
    prefix: Option<String>,
    mode: Mode,
    list: Vec<String>,
    headers: BTreeMap<String, String>,
    #[serde(deserialize_with = "timespan::deserialize_option")]
    period: Option<Duration>,
    inner: Inner,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Inner {
    max_retries: u8,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Mode {
    #[default]
    FixedOne,
    Other,
}

/// spec host.md §1.1: overrides are text, names ignore case, null is absent, unknown names are ignored.
#[test]
fn text_binds_to_every_type() {
    let typed = json!({"batchSize":5,"limit":-1,"ratio":0.5,"isEnabled":true,"prefix":"","mode":"other",
        "list":["a","1"],"headers":{"X":"1"},"period":"00:00:02","inner":{"maxRetries":3}});
    let text = json!({"BATCHSIZE":"5","Limit":"-1","ratio":"0.5","isenabled":"True","prefix":"","Mode":"OTHER",
        "list":{"1":1,"0":"a"},"headers":{"X":1},"period":"00:00:02","inner":{"MAXretries":"3"},"unknown":[{}],"x":null});
    assert_eq!(read::<Sample>(&typed).unwrap(), read::<Sample>(&text).unwrap());
    assert_eq!(read::<Sample>(&typed).unwrap().period, Some(Duration::from_secs(2)));
    assert_eq!(read::<Sample>(&json!({"limit":null,"period":null,"mode":null})).unwrap(), Sample::default());
    assert_eq!(read::<Sample>(&json!({"limit":1,"LIMIT":2})).unwrap().limit, 2);
    assert_eq!(read::<Sample>(&json!({})).unwrap(), Sample::default());
}

#[test]
fn errors_name_the_property() {
    let table = [
        (json!({"inner":{"maxRetries":256}}), "inner.maxRetries: "),
        (json!({"inner":{"MAXRETRIES":"x"}}), "inner.maxRetries: "),
        (json!({"isEnabled":"maybe"}), "isEnabled: "),
        (json!({"mode":"third"}), "mode: unknown variant `third`"),
        (json!({"mode":1}), "mode: "),
        (json!({"period":"soon"}), "period: invalid value: string \"soon\", expected a time span such as"),
        (json!({"list":"a"}), "list: "),
        (json!({"list":[["a"]]}), "list[0]: "),
        (json!({"inner":5}), "inner: "),
        (json!({"ratio":{}}), "ratio: "),
        (json!("text"), "invalid type: string"),
        (json!(null), "invalid type"),
    ];
    for (value, expected) in table {
        let error = read::<Sample>(&value).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{value}: {error}");
    }
}
