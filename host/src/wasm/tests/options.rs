//! The `extensions.wasm` section: defaults, single functions before all, errors that name the key.

use std::path::Path;
use std::time::Duration;

use horus_app::HostJson;
use horus_app::log::Log;
use horus_app::settings::Settings;
use horus_wasm::{Folder, HostPattern, Limits, Reuse};

use crate::wasm::Options;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn read(section: &str) -> Result<Options, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(r#"{{"version":"2.0","extensions":{{"wasm":{section}}}}}"#);
    std::fs::write(folder.path().join("host.json"), text).expect("written");
    let host = HostJson::load(folder.path(), &settings(&[]), &Log::discard()).expect("a valid host.json");
    Options::read(&host).map_err(|error| error.to_string())
}

#[test]
fn nothing_said_is_default_limits_and_no_grants() {
    let options = read("{}").expect("fits");
    assert_eq!(options.limits("F"), Limits::default());
    let settings = settings(&[("SECRET", "value")]);
    let grants = options.grants("F", Path::new("/app"), &settings);
    assert!(grants.environment.is_empty() && grants.folders.is_empty() && grants.hosts.is_empty());
}

#[test]
fn a_functions_own_keys_come_first() {
    let options = read(
        r#"{"maxMemoryMegabytes":"64","timeout":"00:00:05","environment":["A","MISSING"],
            "functions":{"f":{"MaxMemoryMegabytes":8,"environment":["B"],"allowedHosts":["x.example"],
            "folders":[{"path":"data","writable":true},{"path":"/etc/motd.d","guestPath":"/m"}]}}}"#,
    )
    .expect("fits");
    let (own, other) = (options.limits("F"), options.limits("G"));
    assert_eq!((own.memory, other.memory), (8 << 20, 64 << 20));
    assert_eq!(own.time, Some(Duration::from_secs(5)));
    let settings = settings(&[("A", "1"), ("B", "2")]);
    let root = Path::new("/app");
    assert_eq!(options.grants("F", root, &settings).environment, [("B".to_owned(), "2".to_owned())]);
    assert_eq!(options.grants("G", root, &settings).environment, [("A".to_owned(), "1".to_owned())]);
    let grants = options.grants("F", root, &settings);
    let folder =
        |path: &str, guest: &str, writable| Folder { path: path.into(), guest: guest.into(), writable };
    assert_eq!(grants.folders, [folder("/app/data", "/data", true), folder("/etc/motd.d", "/m", false)]);
    assert_eq!(grants.hosts, [HostPattern::new("x.example")]);
}

#[test]
fn values_that_do_not_fit_are_named() {
    for (section, key) in [
        (r#"{"maxInstances":0}"#, "extensions.wasm.maxInstances"),
        (r#"{"maxMemoryMegabytes":"lots"}"#, "extensions.wasm.maxMemoryMegabytes"),
        (r#"{"timeout":"soon"}"#, "extensions.wasm.timeout"),
        (r#"{"maxFuel":0}"#, "extensions.wasm.maxFuel"),
        (r#"{"functions":{"F":{"maxInstanceUses":0}}}"#, "extensions.wasm.functions.F.maxInstanceUses"),
        (r#"{"instanceReuse":"perhaps"}"#, "extensions.wasm.instanceReuse"),
        (r#"{"functions":{"F":{"allowedHosts":"x"}}}"#, "extensions.wasm.functions.F.allowedHosts"),
    ] {
        let error = read(section).expect_err(section);
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn host_json_has_the_last_word_on_reuse() {
    let silent = read("{}").expect("fits");
    assert_eq!(silent.reuse("F", false), None);
    assert_eq!(silent.reuse("F", true), Some(Reuse::default()));
    let options = read(
        r#"{"instanceReuse":false,"maxInstanceUses":7,"maxFuel":5,
            "functions":{"f":{"instanceReuse":true,"instanceIdleTimeout":"00:00:05"}}}"#,
    )
    .expect("fits");
    assert_eq!(options.reuse("G", true), None);
    assert_eq!(options.reuse("F", false), Some(Reuse { uses: 7, idle: Duration::from_secs(5) }));
    assert_eq!((options.limits("F").fuel, silent.limits("F").fuel), (Some(5), None));
}
