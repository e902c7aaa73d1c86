use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::app::AppError;
use crate::function::{Cardinality, DataType, Direction, FunctionSource, RetryPolicy};
use crate::host_json::HostJson;
use crate::log::Log;

const LANGUAGES: [(&str, &str); 4] = [(".js", "node"), (".mjs", "node"), (".cjs", "node"), (".py", "python")];
const HTTP: &str = r#"{"type":"httpTrigger","name":"req","direction":"in"}"#;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// An app of functions, each a name, the text of function.json and more files.
fn app(functions: &[(&str, &str, &[&str])]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text, files) in functions {
        let directory = root.path().join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("function.json"), text).unwrap();
        for file in *files {
            fs::write(directory.join(file), "x").unwrap();
        }
    }
    root
}

fn read(root: &TempDir) -> Index {
    from_files(root.path(), &Settings::default(), &LANGUAGES, None, false)
}

fn bindings(list: &[&str]) -> String {
    format!("{{\"bindings\":[{}]}}", list.join(","))
}

fn names(index: &Index) -> String {
    index.functions.iter().map(|function| function.name.as_str()).collect::<Vec<_>>().join(",")
}

fn messages(index: &Index) -> BTreeMap<&str, &str> {
    index.errors.iter().map(|error| (error.function.as_str(), error.message.as_str())).collect()
}

/// The one error of an app whose function `fn` has these bindings; a good sibling must survive.
fn error_of(text: &str) -> String {
    let root = app(&[("fn", text, &["index.js"]), ("Good", &bindings(&[HTTP]), &["index.js"])]);
    let index = read(&root);
    assert_eq!(names(&index), "Good", "{text}");
    assert_eq!(index.errors.len(), 1);
    index.errors[0].message.clone()
}

fn worker(name: &str, raw: &[&str]) -> WorkerFunction {
    WorkerFunction {
        name: name.to_owned(),
        id: format!("id-{name}"),
        directory: "/app".to_owned(),
        script_file: "dist/index.js".to_owned(),
        raw_bindings: raw.iter().map(|text| (*text).to_owned()).collect(),
        ..WorkerFunction::default()
    }
}

/// host.md F01: names of functions.
#[test]
fn f01_function_names() {
    let long = "a".repeat(128);
    let too_long = "a".repeat(129);
    for (name, is_valid) in [
        ("a", true),
        ("A_b-1", true),
        (long.as_str(), true),
        ("1abc", false),
        ("_a", false),
        ("a.b", false),
        ("a b", false),
        ("HOST", false),
        ("hosts", true),
        ("é", false),
        (too_long.as_str(), false),
    ] {
        let root = app(&[(name, &bindings(&[HTTP]), &["index.js"])]);
        let index = read(&root);
        assert_eq!(index.functions.len() == 1, is_valid, "{name}");
        if !is_valid {
            assert_eq!(index.errors[0].message, format!("'{name}' is not a valid function name."));
            assert_eq!(
                index.errors[0].to_string(),
                format!("The '{name}' function is in error: '{name}' is not a valid function name.")
            );
        }
    }
}

/// host.md F02 to F06, F08 and the rest of §2.4: one bad function, one message, siblings run.
#[test]
fn f02_to_f08_binding_rules() {
    let trigger = |extra: &str| bindings(&[&format!("{{\"type\":\"queueTrigger\",\"name\":\"q\"{extra}}}")]);
    let with_http = |other: &str| bindings(&[HTTP, other]);
    let long = "a".repeat(129);
    let table = [
        (bindings(&[]), "At least one binding must be declared."),
        ("{}".to_owned(), "At least one binding must be declared."),
        (r#"{"bindings":{}}"#.to_owned(), "At least one binding must be declared."),
        (
            bindings(&[r#"{"type":"http","name":"res","direction":"out"}"#]),
            "No trigger binding specified. A function must have a trigger input binding.",
        ),
        (
            trigger(r#","direction":"out""#),
            "No trigger binding specified. A function must have a trigger input binding.",
        ),
        (
            with_http(r#"{"type":"queueTrigger","name":"q"}"#),
            "Multiple trigger bindings defined. A function can only have a single trigger binding.",
        ),
        (
            with_http(r#"{"type":"queue","name":"my_req","direction":"out"}"#),
            "The binding name my_req is invalid. Please assign a valid name to the binding.",
        ),
        (
            with_http(r#"{"type":"queue","name":"1a","direction":"out"}"#),
            "The binding name 1a is invalid. Please assign a valid name to the binding.",
        ),
        (
            with_http(r#"{"type":"queue","direction":"out"}"#),
            "The binding name  is invalid. Please assign a valid name to the binding.",
        ),
        (
            with_http(r#"{"type":"queue","name":"$Return","direction":"out"}"#),
            "The binding name $Return is invalid. Please assign a valid name to the binding.",
        ),
        (
            with_http(&format!(r#"{{"type":"queue","name":"{long}","direction":"out"}}"#)),
            "is invalid. Please assign a valid name to the binding.",
        ),
        (
            with_http(r#"{"type":"queue","name":"REQ","direction":"out"}"#),
            "Multiple bindings with name 'REQ' discovered. Binding names must be unique.",
        ),
        (
            with_http(r#"{"name":"a","direction":"out"}"#),
            "Binding 'a' is invalid. Bindings must specify a Type.",
        ),
        (
            with_http(r#"{"type":"","name":"a","direction":"out"}"#),
            "Binding 'a' is invalid. Bindings must specify a Type.",
        ),
        (trigger(r#","direction":"sideways""#), "'sideways' is not a valid binding direction."),
        (
            with_http(r#"{"type":"queue","name":"$return","direction":"in"}"#),
            "$return bindings must specify a direction of 'out'.",
        ),
        (
            with_http(r#"{"type":"HTTP","name":"res","direction":"in"}"#),
            "Http binding can only be used for output.",
        ),
        (
            trigger(r#","dataType":"blob""#),
            "Error parsing function.json: Invalid value specified for binding property 'dataType' of enum type DataType.",
        ),
        (
            trigger(r#","cardinality":2"#),
            "Error parsing function.json: Invalid value specified for binding property 'cardinality' of enum type Cardinality.",
        ),
        (
            trigger(r#","connection":{}"#),
            "Error parsing function.json: Invalid value specified for binding property 'connection' of type String.",
        ),
        (
            bindings(&["5"]),
            "Error parsing function.json: Invalid value specified for binding property 'bindings' of type Object.",
        ),
        (
            format!(r#"{{"configurationSource":"magic","bindings":[{HTTP}]}}"#),
            "Illegal value 'magic' for 'configurationSource' property in fn.",
        ),
        (
            format!(
                r#"{{"retry":{{"strategy":"fixedDelay","delayInterval":"00:00:01"}},"bindings":[{HTTP}]}}"#
            ),
            "Retry policy: 'maxRetryCount' is required.",
        ),
        (
            format!(r#"{{"scriptFile":["a"],"bindings":[{HTTP}]}}"#),
            "Invalid value specified for property 'scriptFile' of type String.",
        ),
        ("[]".to_owned(), "function.json'. The file must hold a JSON object"),
        ("{\n\"bindings\": [\n}".to_owned(), "function.json'. Unexpected close brace on line 3 column 1"),
        ("".to_owned(), "on line 1 column 1"),
    ];
    for (text, expected) in table {
        let message = error_of(&text);
        assert!(message.ends_with(expected) && !message.is_empty(), "{text}\n{message}");
    }
}

/// host.md F07, F10, F13 and "not errors" of §2.4; names and enums ignore case.
#[test]
fn f07_f10_f13_accepted() {
    let text = "\u{feff}{ // comment\r\n\"Disabled\": true, \"excluded\": true, \"ENTRYPOINT\": \"run\", \"generatedBy\": \"x\",
        \"Retry\": {\"strategy\":\"exponentialBackoff\",\"maxRetryCount\":-1,\"minimumInterval\":\"00:00:02\",\"maximumInterval\":\"00:05:00\"},
        \"configurationSource\": \"Attributes\",
        \"Bindings\": [
          {\"Type\":\"QueueTRIGGER\",\"NAME\":\"q\",\"DataType\":\"BINARY\",\"cardinality\":\"Many\",\"Connection\":\"X\",\"queueName\":\"%Q%\"},
          {\"type\":\"http\",\"name\":\"$return\",\"direction\":\"OUT\"}, {\"type\":\"http\",\"name\":\"res\",\"direction\":\"out\"},
          {\"type\":\"blob\",\"name\":\"b\",\"direction\":\"InOut\",\"dataType\":null,\"cardinality\":\"\"},
        ], }";
    let root = app(&[("fn", text, &["index.js"])]);
    let index = read(&root);
    assert_eq!(messages(&index), BTreeMap::new());
    let function = &index.functions[0];
    let trigger = function.trigger();
    assert_eq!(
        (trigger.direction, trigger.data_type, trigger.cardinality),
        (Direction::In, DataType::Binary, Cardinality::Many)
    );
    assert_eq!(
        (trigger.name.as_str(), trigger.connection(), trigger.text("QUEUENAME")),
        ("q", Some("X"), Some("%Q%"))
    );
    assert_eq!(function.bindings[3].direction, Direction::InOut);
    assert!(!function.disabled);
    assert_eq!(
        (function.entry_point.as_str(), function.source, function.language.as_str()),
        ("run", FunctionSource::Host, "node")
    );
    assert_eq!(
        function.retry,
        Some(RetryPolicy::ExponentialBackoff {
            max_retries: None,
            minimum: Duration::from_secs(2),
            maximum: Duration::from_secs(300)
        })
    );
    assert_eq!(function.config["generatedBy"], "x");
    assert_eq!(function.id.len(), 36);
}

/// host.md F09.
#[test]
fn f09_unknown_types() {
    let text = bindings(&[
        HTTP,
        r#"{"type":"fax","name":"a","direction":"out"}"#,
        r#"{"type":"FAX","name":"b","direction":"out"}"#,
        r#"{"type":"telex","name":"c","direction":"out"}"#,
    ]);
    let root = app(&[("Bad", &text, &["index.js"]), ("Good", &bindings(&[HTTP]), &["index.js"])]);
    let known = |kind: &str| kind.eq_ignore_ascii_case("httptrigger");
    let mut index = read(&root);
    check_binding_types(&mut index, known, false);
    assert_eq!(
        index.errors[0].message,
        "The binding type(s) 'fax, telex' are not registered. Please ensure the type is correct and the binding extension is installed."
    );
    assert_eq!(names(&index), "Good");
    let mut index = read(&root);
    check_binding_types(&mut index, known, true);
    assert_eq!(
        index.errors[0].message,
        "The binding type(s) 'fax, telex' were not found in the configured extension bundle. Please ensure the type is correct and the correct version of extension bundle is configured."
    );
}

/// host.md F11, F12 and §2.3.
#[test]
fn f11_f12_script_files() {
    let undetermined = "Unable to determine the primary function script.";
    let absent = "Invalid script file name configuration. The 'scriptFile' property is set to a file that does not exist.";
    let table: [(&str, &[&str], Result<&str, &str>); 12] = [
        ("", &["odd.txt"], Ok("odd.txt")),
        ("", &["index.js", "util.js"], Ok("index.js")),
        ("", &["a.js", "b.js"], Err(undetermined)),
        ("", &[], Err(undetermined)),
        ("", &["Run.PY", "x.py"], Ok("Run.PY")),
        ("", &["INDEX.mjs", "x"], Ok("INDEX.mjs")),
        ("", &["index.cjs", "x"], Ok("index.cjs")),
        ("", &["__init__.py", "x"], Ok("__init__.py")),
        ("a.js", &["a.js", "index.js"], Ok("a.js")),
        ("gone.js", &["index.js"], Err(absent)),
        (".", &["index.js"], Err(absent)),
        ("../shared/x.js", &["a.js", "b.js"], Ok("../shared/x.js")),
    ];
    for (script, files, expected) in table {
        let text = format!(r#"{{"scriptFile":"{script}","bindings":[{HTTP}]}}"#);
        let root = app(&[("fn", &text, files)]);
        fs::create_dir(root.path().join("shared")).unwrap();
        fs::write(root.path().join("shared/x.js"), "x").unwrap();
        let index = read(&root);
        match expected {
            Ok("../shared/x.js") => {
                assert_eq!(index.functions[0].script_file, root.path().join("shared/x.js"))
            }
            Ok(file) => {
                assert_eq!(index.functions[0].script_file, root.path().join("fn").join(file), "{files:?}")
            }
            Err(message) => assert!(index.errors[0].message.starts_with(message), "{files:?}"),
        }
    }
    let bare = app(&[("fn", &bindings(&[HTTP]), &[])]);
    let index = from_files(bare.path(), &Settings::default(), &[], None, true);
    assert_eq!(
        (index.functions[0].language.as_str(), index.functions[0].script_file.as_os_str().len()),
        ("http", 0)
    );
}

/// spec host.md §2.3: languages by extension; the runtime settles a tie.
#[test]
fn languages() {
    let table = [
        ("run.PY", "python"),
        ("run.csx", "CSharp"),
        ("x.dll", "DotNetAssembly"),
        ("run.rb", ""),
        ("run", ""),
        ("run.mjs", "node"),
    ];
    for (file, language) in table {
        let root = app(&[("fn", &bindings(&[HTTP]), &[file])]);
        assert_eq!(read(&root).functions[0].language, language, "{file}");
    }
    let root = app(&[("fn", &bindings(&[HTTP]), &["run.js"])]);
    let claims = [(".js", "node"), ("js", "bun")];
    let language = |runtime| {
        from_files(root.path(), &Settings::default(), &claims, runtime, false).functions[0].language.clone()
    };
    assert_eq!(
        (language(None), language(Some("BUN")), language(Some("x"))),
        ("node".into(), "bun".into(), "node".into())
    );
}

/// spec host.md §2.1: immediate sub-directories only, ordered by name ignoring case; clashes by case.
#[test]
fn discovery() {
    let good = bindings(&[HTTP]);
    let root = app(&[
        ("zeta", &good, &["a.js"]),
        ("Beta", &good, &["a.js"]),
        ("alpha", &good, &["a.js"]),
        ("Alpha2", &good, &["a.js"]),
    ]);
    fs::create_dir_all(root.path().join("deep/er")).unwrap();
    fs::write(root.path().join("deep/er/function.json"), &good).unwrap();
    fs::write(root.path().join("function.json"), &good).unwrap();
    fs::write(root.path().join("file"), "x").unwrap();
    let index = read(&root);
    assert_eq!(names(&index), "alpha,Alpha2,Beta,zeta");
    assert!(index.errors.is_empty());
    assert!(read(&tempfile::tempdir().unwrap()).functions.is_empty());
    assert!(
        from_files(Path::new("/no/such/place"), &Settings::default(), &[], None, false).errors.is_empty()
    );
    let clash = from_worker(vec![worker("Fn", &[HTTP]), worker("fN", &[HTTP])], &Settings::default(), "node");
    assert_eq!(clash.functions.len(), 1);
    assert_eq!(
        clash.errors[0].message,
        "The function or proxy name 'fN' must be unique within the function app."
    );
}

/// A directory in the place of function.json is that function's error alone.
#[test]
fn unreadable_function_json() {
    let root = app(&[("Good", &bindings(&[HTTP]), &["a.js"])]);
    fs::create_dir_all(root.path().join("Odd/function.json")).unwrap();
    let index = read(&root);
    assert_eq!(names(&index), "Good");
    assert!(index.errors[0].message.starts_with("Unable to read '"));
}

/// host.md F14, F15: both spellings, case ignored; indexed all the same.
#[test]
fn f14_f15_disabled() {
    let root = app(&[("fn", &bindings(&[HTTP]), &["a.js"])]);
    let table = [
        ("AzureWebJobs.fn.Disabled", "true", true),
        ("azurewebjobs.FN.disabled", "TRUE", true),
        ("AzureWebJobs_fn_Disabled", "1", true),
        ("AzureWebJobs.fn.Disabled", "0", false),
        ("AzureWebJobs.fn.Disabled", "yes", false),
        ("AzureWebJobs.other.Disabled", "1", false),
    ];
    for (name, value, disabled) in table {
        let index = from_files(root.path(), &settings(&[(name, value)]), &LANGUAGES, None, false);
        assert_eq!(index.functions[0].disabled, disabled, "{name}={value}");
        let index = from_worker(vec![worker("fn", &[HTTP])], &settings(&[(name, value)]), "node");
        assert_eq!(index.functions[0].disabled, disabled, "{name}={value}");
    }
}

fn http(route: Option<&str>, methods: &[&str]) -> String {
    let mut trigger = json!({"type":"httpTrigger","name":"req","methods":methods});
    if let Some(route) = route {
        trigger["route"] = Value::from(route);
    }
    json!({ "bindings": [trigger] }).to_string()
}

/// host.md C15, F16, F17.
#[test]
fn c15_f16_f17_routes() {
    let conflict = "The route specified conflicts with the route defined by function 'A'.";
    let reserved = "The specified route conflicts with one or more built in routes.";
    type Route<'a> = (Option<&'a str>, &'a [&'a str]);
    let table: [(Route, Route, Option<&str>); 13] = [
        ((Some("x/{id}"), &["get"]), (Some("/X/{ID}/"), &["GET", "post"]), Some(conflict)),
        ((Some("x"), &["get"]), (Some("x"), &["post"]), None),
        ((Some("x"), &[]), (Some("x"), &["post"]), Some(conflict)),
        ((Some("x"), &["get"]), (Some("x"), &[]), Some(conflict)),
        ((Some("x/{id}"), &[]), (Some("x/{name}"), &[]), None),
        ((Some("b"), &[]), (None, &[]), Some(conflict)),
        ((Some("%R%"), &[]), (Some("orders"), &[]), Some(conflict)),
        ((None, &[]), (Some("admin/x"), &[]), Some(reserved)),
        ((None, &[]), (Some("/Runtime"), &[]), Some(reserved)),
        ((None, &[]), (Some("administrators"), &[]), Some(reserved)),
        ((None, &[]), (Some("my/admin"), &[]), None),
        ((None, &[]), (Some("%Q%"), &[]), Some("'%Q%' does not resolve to a value.")),
        ((None, &[]), (Some(""), &[]), None),
    ];
    for (a, b, expected) in table {
        let root = app(&[("A", &http(a.0, a.1), &["a.js"]), ("B", &http(b.0, b.1), &["a.js"])]);
        let mut index = read(&root);
        check_routes(&mut index, &settings(&[("R", "Orders")]));
        assert_eq!(messages(&index).get("B").copied(), expected, "{a:?} {b:?}");
        assert_eq!(names(&index), if expected.is_some() { "A" } else { "A,B" });
    }
}

/// host.md C09, C10: what is not listed is kept aside, ignoring case.
#[test]
fn c09_allow_list() {
    let good = bindings(&[HTTP]);
    let root = app(&[("A", &good, &["a.js"]), ("B", &good, &["a.js"]), ("C", "{", &[])]);
    let mut host = HostJson::default();
    host.functions = Some(vec!["b".to_owned(), "none".to_owned()]);
    let mut index = read(&root);
    apply_allow_list(&mut index, &host, &Log::discard());
    assert_eq!(names(&index), "B");
    assert_eq!(index.excluded.iter().map(|function| function.name.as_str()).collect::<Vec<_>>(), ["A"]);
    assert!(index.errors.is_empty());
    let mut index = read(&root);
    apply_allow_list(&mut index, &HostJson::default(), &Log::discard());
    assert_eq!((names(&index).as_str(), index.errors.len()), ("A,B", 1));
}

/// host.md F19, F20 and §2.4 app-level errors.
#[test]
fn f19_f20_languages() {
    let good = bindings(&[HTTP]);
    let node = app(&[("A", &good, &["a.js"])]);
    let mixed = app(&[("A", &good, &["a.js"]), ("B", &good, &["b.py"]), ("C", &good, &["c.wasm"])]);
    let check = |root: &TempDir, runtime: Option<&str>| {
        let languages = [LANGUAGES.as_slice(), &[(".wasm", "wasm")]].concat();
        let mut index = from_files(root.path(), &Settings::default(), &languages, runtime, false);
        check_languages(&mut index, runtime, &["wasm"]).map(|()| (names(&index), index.errors.len()))
    };
    assert_eq!(check(&node, None), Ok(("A".to_owned(), 0)));
    assert_eq!(check(&node, Some("NODE")), Ok(("A".to_owned(), 0)));
    let error = check(&node, Some("python")).unwrap_err();
    assert_eq!(error.to_string(), "Did not find functions with language [python].");
    let error = check(&mixed, None).unwrap_err();
    assert_eq!(error, AppError::SeveralLanguages);
    assert_eq!(
        error.to_string(),
        "Found functions with more than one language. Select a language for your function app by specifying FUNCTIONS_WORKER_RUNTIME AppSetting"
    );
    assert_eq!(check(&mixed, Some("python")), Ok(("B,C".to_owned(), 1)));
    assert_eq!(check(&tempfile::tempdir().unwrap(), Some("python")), Ok((String::new(), 0)));
    let mut custom = from_files(node.path(), &Settings::default(), &LANGUAGES, Some("custom"), true);
    assert_eq!(check_languages(&mut custom, Some("custom"), &[]), Ok(()));
    assert_eq!(custom.functions.len(), 1);
    assert!(RUNTIME_MISSING.starts_with("AZFD0011") && runtime_mismatch("a", "b").starts_with("AZFD0013"));
}

/// host.md F21 and §2.6: only a function called Warmup may have the trigger.
#[test]
fn f21_warmup() {
    let text = bindings(&[r#"{"type":"warmupTrigger","name":"w"}"#]);
    let root = app(&[("WARMUP", &text, &["a.js"]), ("Other", &text, &["a.js"])]);
    let mut index = read(&root);
    check_binding_types(&mut index, |_| true, false);
    assert_eq!(names(&index), "WARMUP");
    assert!(index.errors[0].message.contains("needs a function named 'Warmup'"));
}

/// spec host.md §2.7, worker-protocol.md §19.6 and §19.7: what a worker sends; enums in any case, ids and properties kept.
#[test]
fn worker_index() {
    let mut good = worker(
        "fn",
        &[
            r#"{"direction":"IN","dataType":"UNDEFINED","type":"httpTrigger","name":"req","authLevel":"ANONYMOUS","route":"x"}"#,
            r#"{"direction":"OUT","type":"http","name":"$return"}"#,
        ],
    );
    good.properties = vec![("a".to_owned(), "b".to_owned())];
    good.retry = Some(RetryPolicy::FixedDelay { max_retries: Some(1), delay: Duration::from_secs(1) });
    let no_script = WorkerFunction { script_file: String::new(), ..worker("noScript", &[HTTP]) };
    let no_id = WorkerFunction { id: String::new(), ..worker("noId", &[HTTP]) };
    let found = vec![
        good.clone(),
        worker("badJson", &["{"]),
        worker("none", &[]),
        worker("1x", &[HTTP]),
        no_script,
        no_id,
    ];
    let index = from_worker(found, &Settings::default(), "node");
    assert_eq!(names(&index), "fn,noId");
    let function = &index.functions[0];
    assert_eq!(
        (function.id.as_str(), function.language.as_str(), function.source),
        ("id-fn", "node", FunctionSource::Worker)
    );
    assert_eq!(
        (function.script_file.as_path(), function.directory.as_path()),
        (Path::new("dist/index.js"), Path::new("/app"))
    );
    assert_eq!((&function.properties, &function.retry), (&good.properties, &good.retry));
    assert_eq!(function.config["bindings"][0]["route"], "x");
    assert_eq!(function.config["functionDirectory"], "/app");
    assert_eq!(index.functions[1].id.len(), 36);
    let errors = messages(&index);
    assert!(errors["badJson"].contains("Unable to parse a binding"), "{errors:?}");
    assert_eq!(errors["none"], "At least one binding must be declared.");
    assert_eq!(errors["1x"], "'1x' is not a valid function name.");
    assert!(errors["noScript"].contains("no script file"));
}

/// spec host.md §2.4 "Same function from two providers".
#[test]
fn merged_providers() {
    let good = bindings(&[HTTP]);
    let root = app(&[("Both", &good, &["a.js"]), ("File", &good, &["a.js"]), ("Broken", "{", &[])]);
    let mut index = read(&root);
    let found = vec![worker("BOTH", &[HTTP]), worker("Away", &[HTTP]), worker("Broken", &[HTTP])];
    merge(&mut index, from_worker(found, &Settings::default(), "node"));
    assert_eq!(names(&index), "Away,Broken,File");
    assert_eq!(messages(&index)["Both"], "Found duplicate FunctionMetadata with the name Both");
}

/// spec host.md §2.7 "Mixed apps".
#[test]
fn overlooked_functions() {
    let good = bindings(&[HTTP]);
    let root = app(&[("b", &good, &[]), ("Away", &good, &[]), ("a", &good, &[]), ("1x", &good, &[])]);
    let index = from_worker(vec![worker("AWAY", &[HTTP]), worker("1x", &[])], &Settings::default(), "node");
    assert_eq!(not_indexed(root.path(), &index), ["a", "b"]);
}

/// Hostile files: duplicate keys, depth, size, bytes that are no UTF-8. Each is at most one function's error.
#[test]
fn hostile_files() {
    let deep = format!(r#"{{"bindings":{}"#, "[".repeat(100_000));
    let big = format!(r#"{{"x":"{}","bindings":[{HTTP}]}}"#, "y".repeat(3_000_000));
    let twice = format!(r#"{{"bindings":[],"bindings":[{HTTP}]}}"#);
    let root = app(&[
        ("deep", &deep, &["a.js"]),
        ("big", &big, &["a.js"]),
        ("twice", &twice, &["a.js"]),
        ("bytes", "", &["a.js"]),
    ]);
    fs::write(root.path().join("bytes/function.json"), [0xff, 0xfe, 0x00]).unwrap();
    let index = read(&root);
    assert_eq!(names(&index), "big,twice");
    assert_eq!(messages(&index).keys().copied().collect::<Vec<_>>(), ["bytes", "deep"]);
}
