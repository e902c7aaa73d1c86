//! `func build --wasm` (issue "Wasm functions", speed; docs/cli.md): what was compiled for an image is used at its start.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Output;

use crate::support::{App, Launch};

/// The smallest command: a memory, and a `_start` that does nothing.
const MUTE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\
    \x07\x13\x02\x06memory\x02\0\x06_start\0\0\x0a\x04\x01\x02\0\x0b";
/// An HTTP function.
const HTTP: &str = r#"{ "scriptFile": "../mute.wasm", "bindings": [
    { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
    { "type": "http", "direction": "out", "name": "res" }] }"#;
/// Shows when something was compiled.
const HOST: &str = r#"{ "version": "2.0", "logging": { "logLevel": { "Host.Wasm": "Debug" } } }"#;
const COMPILED: &str = "Compiled '";
/// A user that owns nothing.
const NOBODY: u32 = 65534;

fn app() -> App {
    let app = App::new()
        .file("host.json", HOST)
        .file("Mute/function.json", HTTP)
        .file("Still/function.json", HTTP)
        .file("Other/function.json", r#"{ "scriptFile": "index.js", "bindings": [{ "type": "timerTrigger", "name": "t", "direction": "in", "schedule": "0 0 0 1 1 *" }] }"#)
        .file("Other/index.js", "module.exports = async () => {};");
    std::fs::write(app.root().join("mute.wasm"), MUTE).expect("written");
    app
}

fn func(app: &App, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Launch::of(&app.root()).command().args(arguments).output().expect("func runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// Starts the app and tells whether anything was compiled.
async fn compiles(launch: &Launch) -> bool {
    let func = launch.start().await;
    assert!(func.get("/api/Mute").await.status < 300, "{}", func.transcript());
    assert!(func.get("/api/Still").await.status < 300);
    let transcript = func.transcript();
    func.stop().await;
    transcript.contains(COMPILED)
}

/// A launch whose cache is its own: others have compiled the same module.
fn launch(app: &App) -> Launch {
    Launch::of(&app.root())
        .env("AzureWebJobsStorage", "")
        .env("FUNCTIONS_WORKER_RUNTIME", "wasm")
        .env("XDG_CACHE_HOME", app.beside("cache").to_string_lossy())
}

fn only_wasm(app: &App) {
    std::fs::remove_dir_all(app.root().join("Other")).expect("removed");
}

#[tokio::test]
async fn what_was_built_is_not_compiled_at_the_start() {
    for cpu in ["native", "baseline"] {
        let app = app();
        let (code, out, err) = func(&app, &["build", "--wasm", "--cpu", cpu]);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("mute.wasm (Mute, Still): compiled in "), "{out}");
        let (code, out, _) = func(&app, &["build", "--wasm", "--cpu", cpu]);
        assert!(code == 0 && out.contains("mute.wasm (Mute, Still): was compiled already"), "{out}");
        only_wasm(&app);
        assert!(!compiles(&launch(&app)).await, "{cpu}: built, yet compiled again");
        std::fs::remove_dir_all(app.root().join(".func/wasm")).expect("removed");
        assert!(compiles(&launch(&app)).await, "{cpu}: this test would notice a compilation");
    }
}

/// An image is built by one user and run by another, who may not write into it.
#[tokio::test]
async fn an_app_that_cannot_be_written_to_runs_what_was_built() {
    let app = app();
    only_wasm(&app);
    let (code, _, err) = func(&app, &["build", "--wasm", "--cpu=baseline"]);
    assert_eq!(code, 0, "{err}");
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
    };
    mode(&app.beside(""), 0o755);
    let mut launch = launch(&app).env("HOME", "/nonexistent").env("XDG_CACHE_HOME", "/nonexistent");
    let is_root = std::fs::metadata(app.root()).expect("there").uid() == 0;
    if is_root {
        launch = launch.user(NOBODY);
    } else {
        mode(&app.root().join(".func/wasm"), 0o555);
        mode(&app.root().join(".func"), 0o555);
        mode(&app.root(), 0o555);
    }
    let compiled = compiles(&launch).await;
    mode(&app.root(), 0o755);
    mode(&app.root().join(".func"), 0o755);
    mode(&app.root().join(".func/wasm"), 0o755);
    assert!(!compiled);
}

#[test]
fn what_cannot_run_fails_the_build_and_says_why() {
    let app = app();
    let cut = &MUTE[..MUTE.len() - 3];
    for (bytes, part) in [
        (&b"not WebAssembly"[..], "Mute, Still: 'ROOT/mute.wasm' is not valid WebAssembly"),
        (cut, "the file breaks off in the middle of a section"),
        (&MUTE[..8], "has no entry point"),
    ] {
        std::fs::write(app.root().join("mute.wasm"), bytes).expect("written");
        let (code, _, err) = func(&app, &["build", "--wasm"]);
        let part = part.replace("ROOT", &app.root().to_string_lossy());
        assert!(code == 1 && err.contains(&part), "{err}");
    }
    std::fs::remove_file(app.root().join("mute.wasm")).expect("removed");
    let (code, _, err) = func(&app, &["build", "--wasm"]);
    assert!(code == 1 && err.contains("'scriptFile' property is set to a file that does not exist"), "{err}");
}

#[test]
fn words_that_do_not_fit_are_told() {
    let app = app();
    let (code, _, err) = func(&app, &["build"]);
    assert!(code == 1 && err.contains("Usage: func build --wasm"), "{err}");
    let (code, _, err) = func(&app, &["build", "--wasm", "--cpu", "fast"]);
    assert!(code == 1 && err.contains("Expected native or baseline"), "{err}");
    let (code, out, _) = func(&app, &["build", "--help"]);
    assert!(code == 0 && out.contains("--cpu"), "{out}");
    std::fs::remove_dir_all(app.root().join("Mute")).expect("removed");
    std::fs::remove_dir_all(app.root().join("Still")).expect("removed");
    let (code, out, _) = func(&app, &["build", "--wasm"]);
    assert!(code == 0 && out.contains("no function in a .wasm file"), "{out}");
}
