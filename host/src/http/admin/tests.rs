use horus_app::{Function, FunctionSource};
use http::Method;
use serde_json::json;

use super::payload::{FunctionInfo, HostStatus};
use super::route::{Endpoint, route};
use super::{functions, host, keys};
use crate::keys::Scope;

/// host.md §4.1 to §4.5: every path leads where the tables say, ignoring case, and nowhere else.
#[test]
fn paths_lead_to_their_operations() {
    use Endpoint::*;
    for (method, path, endpoint) in [
        ("GET", "/admin/host/status", Some(Status)),
        ("GET", "/Admin/Host/Status/", Some(Status)),
        ("POST", "/admin/host/status", None),
        ("GET", "/admin/host/ping", Some(Ping)),
        ("POST", "/admin/host/ping", Some(Ping)),
        ("PUT", "/admin/host/ping", None),
        ("POST", "/admin/host/drain", Some(Drain)),
        ("GET", "/admin/host/drain", None),
        ("GET", "/admin/host/drain/status", Some(DrainStatus)),
        ("POST", "/admin/host/resume", Some(Resume)),
        ("POST", "/admin/host/restart", Some(Restart)),
        ("PUT", "/admin/host/state", Some(State)),
        ("POST", "/admin/host/scale/status", Some(ScaleStatus)),
        ("GET", "/admin/host/scale/status", None),
        ("GET", "/admin/functions", Some(Functions)),
        ("GET", "/admin/functions/Fn", Some(Function("Fn"))),
        ("POST", "/admin/functions/Fn", Some(Invoke("Fn"))),
        ("DELETE", "/admin/functions/Fn", Some(ChangeFunction)),
        ("GET", "/admin/functions/Fn/status", Some(FunctionStatus("Fn"))),
        ("GET", "/admin/functions/Fn/keys", Some(Keys(Scope::Function("Fn")))),
        ("GET", "/admin/functions/Fn/keys/K", Some(Key(Scope::Function("Fn"), "K"))),
        ("POST", "/admin/functions/Fn/keys/K", Some(MakeKey(Scope::Function("Fn"), "K"))),
        ("GET", "/admin/host/keys", Some(Keys(Scope::Host))),
        ("GET", "/admin/host/functionKeys", Some(Keys(Scope::Host))),
        ("PUT", "/admin/host/functionkeys/K", Some(PutKey(Scope::Host, "K"))),
        ("GET", "/admin/host/systemkeys/_master", Some(Key(Scope::System, "_master"))),
        ("DELETE", "/admin/host/systemkeys/K", Some(DeleteKey(Scope::System, "K"))),
        ("GET", "/admin/host/keys/a/b", None),
        ("GET", "/admin/warmup", Some(Warmup)),
        ("GET", "/admin/instance/http-health", Some(Health)),
        ("DELETE", "/admin/host/extensions/x", Some(ChangeExtensions)),
        ("GET", "/admin", None),
        ("GET", "/admin/", None),
        ("GET", "/admin/vfs/", None),
        ("GET", "/admin/host", None),
    ] {
        assert_eq!(route(&Method::from_bytes(method.as_bytes()).unwrap(), path), endpoint, "{method} {path}");
    }
}

/// host.md A02: these need no key; everything else does.
#[test]
fn a02_only_probes_are_anonymous() {
    for path in ["/admin/host/ping", "/admin/warmup", "/admin/instance/http-health"] {
        assert!(route(&Method::GET, path).unwrap().is_anonymous(), "{path}");
    }
    for path in ["/admin/host/status", "/admin/functions", "/admin/host/keys", "/admin/host/config"] {
        assert!(!route(&Method::GET, path).unwrap().is_anonymous(), "{path}");
    }
}

/// host.md A03 and A04: what is a call by hand, and what is not.
#[test]
fn a04_a_call_needs_a_body() {
    assert_eq!(functions::payload(b"{\"input\":null}"), Some(None));
    assert_eq!(functions::payload(b"{}"), Some(None));
    assert_eq!(functions::payload(b"{\"input\":\"x\"}"), Some(Some("x".into())));
    assert_eq!(functions::payload(b"{\"input\":7}"), Some(Some("7".into())));
    for body in [&b""[..], b"x", b"[]", b"{\"input\":{}}"] {
        assert_eq!(functions::payload(body), None);
    }
}

/// host.md A09: a value that is missing or empty is refused.
#[test]
fn a09_key_values_must_have_content() {
    assert_eq!(keys::value(b"{\"name\":\"k\",\"value\":\"abc\"}").unwrap().reveal(), "abc");
    assert_eq!(keys::value(b"{\"Value\":\"abc\"}").unwrap().reveal(), "abc");
    for body in [&b"{}"[..], b"", b"{\"value\":\"\"}", b"{\"value\":7}", b"[]"] {
        assert!(keys::value(body).is_none());
    }
}

/// host.md A14: the two states that can be asked for.
#[test]
fn a14_states_are_json_texts() {
    assert_eq!(host::wanted_offline(b"\"offline\""), Some(true));
    assert_eq!(host::wanted_offline(b"\"Running\""), Some(false));
    for body in [&b"offline"[..], b"\"\"", b"\"error\"", b"{}", b""] {
        assert_eq!(host::wanted_offline(body), None);
    }
}

fn function() -> Function {
    Function {
        name: "Greet".into(),
        id: "1".into(),
        directory: "/app/Greet".into(),
        script_file: "/app/Greet/index.js".into(),
        entry_point: String::new(),
        language: "node".into(),
        bindings: Vec::new(),
        retry: None,
        disabled: true,
        source: FunctionSource::Host,
        config: json!({"bindings": []}),
        properties: Vec::new(),
    }
}

/// host.md A06 and §4.4: members, links and the lower-case address of an HTTP function.
#[test]
fn a06_functions_are_described_as_the_platform_does() {
    let function = function();
    let root = std::path::Path::new("/app");
    let info = FunctionInfo::new(&function, Some("api/Greet/{Name}"), "https://h", root, None);
    assert_eq!(
        serde_json::to_value(&info).unwrap(),
        json!({
            "name": "Greet",
            "script_root_path_href": "https://h/admin/vfs/Greet/",
            "script_href": "https://h/admin/vfs/Greet/index.js",
            "config_href": "https://h/admin/vfs/Greet/function.json",
            "test_data_href": "https://h/admin/vfs/data/Functions/sampledata/Greet.dat",
            "href": "https://h/admin/functions/Greet",
            "invoke_url_template": "https://h/api/greet/{name}",
            "language": "node",
            "config": {"bindings": []},
            "files": null,
            "test_data": "",
            "isDisabled": true,
            "isDirect": false,
            "isProxy": false,
        })
    );
    let other = FunctionInfo::new(&function, None, "https://h", root, None);
    assert_eq!(serde_json::to_value(&other).unwrap()["invoke_url_template"], json!(null));
}

/// host.md §4.4: sample events are shown up to 4096 bytes.
#[test]
fn sample_events_are_shown_when_short() {
    let folder = tempfile::tempdir().unwrap();
    let function = function();
    let shown = |length: usize| {
        std::fs::write(folder.path().join("Greet.dat"), "x".repeat(length)).unwrap();
        let info = FunctionInfo::new(&function, None, "", std::path::Path::new("/app"), Some(folder.path()));
        serde_json::to_value(&info).unwrap()["test_data"].as_str().unwrap().len()
    };
    assert_eq!(shown(4096), 4096);
    assert_eq!(shown(4097), 0);
}

/// host.md A01 and §4.4: null members are left out.
#[test]
fn a01_status_leaves_out_what_is_not_known() {
    let status = HostStatus {
        id: Some("host"),
        state: "Error",
        version: "4.1",
        version_details: "4.1",
        platform_version: None,
        instance_id: "i",
        computer_name: None,
        errors: &["broken".to_owned()],
        process_uptime: 12,
        function_app_content_editing_state: "Allowed",
        extension_bundle: None,
    };
    assert_eq!(
        serde_json::to_value(&status).unwrap(),
        json!({
            "id": "host", "state": "Error", "version": "4.1", "versionDetails": "4.1", "instanceId": "i",
            "errors": ["broken"], "processUptime": 12, "functionAppContentEditingState": "Allowed",
        })
    );
}
