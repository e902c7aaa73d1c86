//! The program itself: how it refuses what it cannot do.

use std::process::Command;

use horus_stub_worker::{Data, Http, Response, SCRIPT_VARIABLE, Script, Start, Step};

fn worker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_horus-stub-worker"))
}

const ARGUMENTS: [&str; 4] = ["--functions-uri", "http://127.0.0.1:9/", "--functions-worker-id", "id"];

#[test]
fn missing_arguments_are_named() {
    for (arguments, missing) in [(&[][..], "--functions-uri"), (&ARGUMENTS[..2], "--functions-worker-id")] {
        let output = worker().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("error: {missing} is missing\n"));
    }
}

#[test]
fn scripts_survive_their_file_and_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.json");
    let body = Data::Json("{}".into());
    let value = Data::Http(Box::new(Http { body, ..Http::default() }));
    let steps = vec![
        Step::Once(folder.path().join("marker"), vec![Step::Malformed(vec![1, 2]), Step::Oversized(3)]),
        Step::Respond(Box::new(Response { value, ..Response::default() })),
    ];
    let script = Script {
        start: Start::Exit(7),
        functions: [("fn".to_owned(), steps)].into(),
        record: Some(folder.path().join("record")),
        ..Script::default()
    };
    std::fs::write(&path, serde_json::to_string(&script).unwrap()).unwrap();
    assert_eq!(Script::read(&path).unwrap(), script);

    let output = worker().args(ARGUMENTS).env(SCRIPT_VARIABLE, &path).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let record = std::fs::read_to_string(folder.path().join("record")).unwrap();
    assert!(record.contains(r#""kind":"start""#) && record.contains("--functions-worker-id"), "{record}");
}

#[test]
fn a_script_that_is_none_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.json");
    std::fs::write(&path, r#"{"start": "sideways"}"#).unwrap();
    let output = worker().args(ARGUMENTS).env(SCRIPT_VARIABLE, &path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("script.json: unknown variant `sideways`"), "{text}");
}
