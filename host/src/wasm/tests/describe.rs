//! Guests that carry their functions with them (docs/wasm.md, "Files that describe themselves").

use std::path::Path;

use horus_app::index::{self, Index};
use horus_app::settings::Settings;
use serde_json::{Value, json};

use crate::wasm::describe::{Allowance, functions, join};

/// A core module with one custom section of ours per text.
fn guest(texts: &[&str]) -> Vec<u8> {
    let number = |mut value: usize| {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(value & 0x7f).expect("seven bits");
            value >>= 7;
            bytes.push(if value == 0 { low } else { low | 0x80 });
            if value == 0 {
                return bytes;
            }
        }
    };
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for text in texts {
        let content = [&[15][..], b"horus:functions", text.as_bytes()].concat();
        bytes.push(0);
        bytes.extend(number(content.len()));
        bytes.extend(content);
    }
    bytes
}

fn described(name: &str) -> String {
    json!({ "name": name, "bindings": [{ "type": "timerTrigger", "name": "timer", "schedule": "0 0 * * * *" }] })
        .to_string()
}

fn settings() -> Settings {
    Settings::from_pairs(Vec::new())
}

fn app(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Index) {
    let root = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let file = root.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("made");
        std::fs::write(file, bytes).expect("written");
    }
    let index = functions(root.path(), &settings());
    (root, index)
}

fn names(index: &Index) -> Vec<&str> {
    index.functions.iter().map(|function| function.name.as_str()).collect()
}

fn error<'a>(index: &'a Index, function: &str) -> &'a str {
    let found = index.errors.iter().find(|error| error.function == function);
    &found.unwrap_or_else(|| panic!("no error of {function}: {:?}", index.errors)).message
}

#[test]
fn files_in_the_root_and_one_folder_below_are_asked() {
    let list = format!("[{},{}]", described("A"), described("B"));
    let stream = format!("{}\0\n{}", described("C"), described("D"));
    let (root, index) = app(&[
        ("list.wasm", &guest(&[&list])),
        ("guests/stream.WASM", &guest(&[&stream, &described("E")])),
        ("silent.wasm", &guest(&[])),
        ("text.wasm", b"this is not WebAssembly"),
        ("too/deep/hidden.wasm", &guest(&[&described("X")])),
        (".func/hidden.wasm", &guest(&[&described("Y")])),
        ("node_modules/hidden.wasm", &guest(&[&described("Z")])),
    ]);
    assert_eq!(names(&index), ["A", "B", "C", "D", "E"]);
    assert!(index.errors.is_empty(), "{:?}", index.errors);
    let first = &index.functions[0];
    assert_eq!(first.script_file, root.path().join("list.wasm"));
    assert_eq!(first.trigger().text("schedule"), Some("0 0 * * * *"));
    assert_eq!(first.config["scriptFile"], json!(root.path().join("list.wasm").display().to_string()));
}

#[test]
fn what_is_wrong_names_the_file_and_leaves_the_others_alone() {
    let no_trigger =
        json!({ "name": "NoTrigger", "bindings": [{ "type": "queue", "direction": "out", "name": "q" }] });
    let retry = json!({ "name": "Retry", "bindings": [{ "type": "timerTrigger", "name": "t" }], "retry": { "strategy": "never" } });
    let several = [no_trigger.to_string(), retry.to_string(), described("9"), described("Good")].join("\n");
    let truncated = &guest(&[&described("Cut")])[..40];
    let (_root, index) = app(&[
        ("several.wasm", &guest(&[&several])),
        ("syntax.wasm", &guest(&["{\"name\": \"Open\","])),
        ("list.wasm", &guest(&["[1]"])),
        ("nameless.wasm", &guest(&["{\"bindings\": []}"])),
        ("bytes.wasm", &[&guest(&[])[..], b"\0\x11\x0fhorus:functions\xff"].concat()),
        ("cut.wasm", truncated),
        ("one.wasm", &guest(&[&described("Twice")])),
        ("two.wasm", &guest(&[&described("TWICE"), &described("Alone")])),
    ]);
    assert_eq!(
        names(&index),
        ["ALONE", "GOOD"].map(|name| match name {
            "ALONE" => "Alone",
            _ => "Good",
        })
    );
    for (function, part) in [
        ("NoTrigger", "several.wasm"),
        ("Retry", "several.wasm"),
        ("9", "not a valid function name"),
        ("syntax.wasm", "EOF while parsing"),
        ("list.wasm", "1 is no object"),
        ("nameless.wasm", "no 'name'"),
        ("bytes.wasm", "utf-8"),
        ("cut.wasm", "breaks off"),
        ("Twice", "one.wasm, two.wasm"),
    ] {
        let message = error(&index, function);
        assert!(message.contains(part), "{function}: {message}");
    }
}

#[test]
fn a_function_json_of_the_same_name_is_an_error_that_names_the_guest() {
    let config =
        json!({ "scriptFile": "../a.wasm", "bindings": [{ "type": "timerTrigger", "name": "timer" }] });
    let config = config.to_string();
    let (root, described) = app(&[
        ("a.wasm", &guest(&[&described("Same"), &described("Other")])),
        ("same/function.json", config.as_bytes()),
    ]);
    let mut index = index::from_files(root.path(), &settings(), &[], None, false);
    join(&mut index, described, root.path());
    assert_eq!(names(&index), ["Other"]);
    assert!(error(&index, "same").contains("a.wasm describes it as well"), "{:?}", index.errors);
}

#[test]
fn guests_say_whether_their_instances_may_be_used_again() {
    let own = |name: &str, wasm: Value| {
        json!({ "name": name, "wasm": wasm, "bindings": [{ "type": "timerTrigger", "name": "t" }] })
            .to_string()
    };
    let texts = [
        r#"{"wasm": {"instanceReuse": true}}"#.to_owned(),
        described("Default"),
        own("Own", json!({ "instanceReuse": false })),
        own("Odd", json!({ "instanceReuse": "yes" })),
        own("Unknown", json!({ "reuse": true })),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let config = json!({ "scriptFile": "../silent.wasm", "wasm": { "instanceReuse": true }, "bindings": [{ "type": "timerTrigger", "name": "timer" }] });
    let (root, index) = app(&[
        ("guest.wasm", &guest(&texts)),
        ("silent.wasm", &guest(&[])),
        ("File/function.json", config.to_string().as_bytes()),
    ]);
    let files = index::from_files(root.path(), &settings(), &[], None, false);
    let mut allowance = Allowance::default();
    let mut of = |name: &str| {
        let mut all = index.functions.iter().chain(&files.functions);
        allowance.of(all.find(|function| function.name == name).expect("indexed"))
    };
    assert_eq!((of("Default"), of("Own"), of("File")), (Ok(true), Ok(false), Ok(true)));
    assert!(of("Odd").expect_err("refused").contains("invalid type"));
    assert!(of("Unknown").expect_err("refused").contains("unknown field `reuse`"));
}

#[test]
fn the_folder_of_an_app_without_guests_is_no_trouble() {
    assert!(functions(Path::new("/nowhere"), &settings()).functions.is_empty());
}
