//! Functions that run inside the host (issue "Wasm functions", docs/wasm.md): the samples in one app next to Node, and
//! guests that cannot run or do not behave.

mod describe;
mod serving;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use horus_test_support::Azurite;
use serde_json::json;

use crate::support::{App, Func, Launch, repository};

/// Languages of the samples: folder, suffix of the functions' names, what they call themselves.
const LANGUAGES: [(&str, &str, &str); 6] = [
    ("c", "C", "C"),
    ("rust", "Rust", "Rust"),
    ("rust-typed", "Typed", "typed Rust"),
    ("assemblyscript", "AssemblyScript", "AssemblyScript"),
    ("js", "Js", "JavaScript"),
    ("python", "Python", "Python"),
];

/// The guest of one sample, built from its sources unless they have not changed. Where the Rust target cannot be
/// downloaded there is no Rust guest, and the test goes on without it.
#[expect(clippy::print_stderr, reason = "a person must learn that a guest was left out")]
fn guest(language: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("wasm-guests");
    std::fs::create_dir_all(&folder).expect("a folder");
    let lock = std::fs::File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock of the guests");
    let built = Command::new(repository().join("samples/build-wasm"))
        .arg(language)
        .arg("--out")
        .arg(&folder)
        .status()
        .expect("python3 must be installed");
    if !built.success() && language.starts_with("rust") {
        eprintln!("SKIPPED: the guest {language}: the target wasm32-wasip2 cannot be had here");
        return None;
    }
    assert!(built.success(), "samples/build-wasm {language} failed with {built}");
    Some(folder.join(format!("{language}.wasm")))
}

/// The guests that only tests need, built: the folder with `wasm_guests.wasm` (wasi:http) and `command.wasm` (WASI 0.2).
#[expect(clippy::print_stderr, reason = "a person must learn that a test was left out")]
fn test_guests() -> Option<PathBuf> {
    guest("rust")?;
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("wasm-guests/tools/tests");
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--locked", "--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .current_dir(repository().join("tests/e2e/wasm-guests"))
        .status()
        .expect("cargo runs");
    if !built.success() {
        eprintln!("SKIPPED: the guests of the tests cannot be built here");
        return None;
    }
    Some(target.join("wasm32-wasip2/release"))
}

fn copy(guest: &Path, app: &App, name: &str) {
    std::fs::copy(guest, app.root().join(name)).expect("copied");
}

/// Puts the functions of a sample into `app`.
fn add(app: &App, language: &str, suffix: &str) -> bool {
    let Some(guest) = guest(language) else { return false };
    for function in ["Hello", "Shout"] {
        let name = format!("{function}{suffix}/function.json");
        let file = repository().join(format!("samples/wasm-{language}")).join(&name);
        // A guest that describes itself has none.
        if language != "rust-typed" {
            let text = std::fs::read_to_string(file).expect("the sample has both functions");
            app.write(&name, &text);
        }
    }
    copy(&guest, app, &format!("{language}.wasm"));
    true
}

fn launch(app: &App) -> Launch {
    Launch::of(&app.root()).env("AzureWebJobsStorage", "")
}

/// Starts an app whose guests may have to be compiled, which takes a minute for those with an interpreter inside. What
/// was compiled stays for the next run of the tests: the app's own place is taken, so the host's cache is used.
async fn start_cold(launch: &Launch, app: &App) -> Func {
    app.write(".func/wasm", "not a folder");
    let func = launch.spawn();
    let since = Instant::now();
    while func.status().await.is_none_or(|status| status["state"] != "Running") {
        assert!(since.elapsed() < Duration::from_secs(600), "it does not start: {}", func.transcript());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    func
}

/// Issue "Wasm functions", done when: every sample answers HTTP and handles real queue messages in one app with Node.
#[tokio::test(flavor = "multi_thread")]
async fn all_samples_and_node_share_one_app() {
    let azurite = Azurite::in_memory();
    let app = App::new();
    let languages: Vec<_> =
        LANGUAGES.into_iter().filter(|(language, suffix, _)| add(&app, language, suffix)).collect();
    let outputs: Vec<_> = languages
        .iter()
        .map(|(language, ..)| {
            json!({ "type": "queue", "direction": "out", "name": language.replace('-', ""), "queueName": format!("quiet-{language}"), "connection": "AzureWebJobsStorage" })
        })
        .collect();
    let mut bindings = vec![
        json!({ "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" }),
        json!({ "type": "http", "direction": "out", "name": "res" }),
    ];
    bindings.extend(outputs);
    app.write("Whisper/function.json", &json!({ "bindings": bindings }).to_string());
    let messages: serde_json::Map<_, _> =
        languages.iter().map(|(language, ..)| (language.replace('-', ""), json!("psst"))).collect();
    let messages = serde_json::Value::from(messages);
    app.write(
        "Whisper/index.js",
        &format!(
            "module.exports = async (context) => {{ Object.assign(context.bindings, {messages}); context.res = {{ body: 'whispered' }}; }};"
        ),
    );
    let heard = json!({ "bindings": [{ "type": "queueTrigger", "direction": "in", "name": "text", "queueName": "loud", "connection": "AzureWebJobsStorage" }] });
    app.write("Listen/function.json", &heard.to_string());
    app.write("Listen/index.js", "module.exports = async (context, text) => context.log(`heard: ${text}`);");

    let launch = Launch::of(&app.root())
        .env("FUNCTIONS_WORKER_RUNTIME", "node")
        .env("AzureWebJobsStorage", azurite.connection_string());
    let func = start_cold(&launch, &app).await;
    for (language, _, name) in &languages {
        let answer = func.get(&format!("/api/hello-{language}?name=Ada")).await;
        assert_eq!((answer.status, answer.text()), (200, format!("Hello, Ada, from {name}!")));
    }
    assert_eq!(func.get("/api/Whisper").await.text(), "whispered");
    for (_, _, name) in &languages {
        func.wait_for_line(&format!("heard: PSST FROM {}!", name.to_uppercase())).await;
    }
    func.stop().await;
}

const HTTP: &str = r#"{ "scriptFile": "SCRIPT", "bindings": [
    { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
    { "type": "http", "direction": "out", "name": "res" }] }"#;

fn http(app: App, name: &str, script: &str) -> App {
    app.file(&format!("{name}/function.json"), &HTTP.replace("SCRIPT", script))
}

/// No worker is started for an app that has no function for it, whatever the runtime setting says.
#[tokio::test]
async fn an_app_of_wasm_alone_starts_no_worker() {
    for runtime in ["", "wasm", "node"] {
        let app = App::new();
        assert!(add(&app, "c", "C"));
        std::fs::remove_dir_all(app.root().join("ShoutC")).expect("removed");
        let func = launch(&app).env("FUNCTIONS_WORKER_RUNTIME", runtime).start().await;
        assert_eq!(func.get("/api/hello-c").await.text(), "Hello, world, from C!", "runtime '{runtime}'");
        assert_eq!(func.children(), Vec::<u32>::new(), "runtime '{runtime}'");
        func.stop().await;
    }
}

/// The smallest modules, by hand: magic, version, and what is needed.
fn module(sections: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    sections.iter().for_each(|section| bytes.extend_from_slice(section));
    bytes
}

/// One type `() -> ()`, one function of it, exported as `_start`, with `code` as its body.
fn command(code: &[u8]) -> Vec<u8> {
    let length = u8::try_from(code.len()).expect("short");
    let mut body = vec![0x0a, length + 4, 1, length + 2, 0];
    body.extend_from_slice(code);
    body.push(0x0b);
    module(&[
        b"\x01\x04\x01\x60\0\0",
        b"\x03\x02\x01\0",
        b"\x05\x03\x01\0\x01",
        b"\x07\x13\x02\x06memory\x02\0\x06_start\0\0",
        &body,
    ])
}

/// `loop br 0 end`.
const SPIN: &[u8] = b"\x03\x40\x0c\0\x0b";
/// `unreachable`.
const TRAP: &[u8] = b"\0";

fn write(app: &App, name: &str, bytes: &[u8]) {
    std::fs::write(app.root().join(name), bytes).expect("written");
}

/// Issue "Wasm functions", bad input: files that are no guests fail on their own and say why.
#[tokio::test]
async fn broken_guests_are_listed_and_the_others_run() {
    let app = App::new();
    assert!(add(&app, "c", "C"));
    std::fs::remove_dir_all(app.root().join("ShoutC")).expect("removed");
    let app =
        http(http(http(app, "Text", "../text.wasm"), "Empty", "../empty.wasm"), "Import", "../import.wasm");
    write(&app, "text.wasm", b"this is not WebAssembly");
    write(&app, "empty.wasm", &module(&[]));
    // Imports the function `env.magic`.
    write(&app, "import.wasm", &module(&[b"\x01\x04\x01\x60\0\0", b"\x02\x0d\x01\x03env\x05magic\0\0"]));
    let func = launch(&app).env("FUNCTIONS_WORKER_RUNTIME", "wasm").start().await;
    func.wait_for_line("does not begin with the WebAssembly magic number").await;
    func.wait_for_line("a core module must be a WASI preview 1 command").await;
    func.wait_for_line("imports what Horus does not provide: env.magic").await;
    assert_eq!(func.get("/api/hello-c").await.text(), "Hello, world, from C!");
    assert_eq!(func.get("/api/Text").await.status, 404);
    func.stop().await;
}

/// Issue "Wasm functions", sandbox: a guest that loops or traps fails its own invocation, and nothing else notices.
#[tokio::test]
async fn hostile_guests_fail_alone() {
    let app = App::new();
    assert!(add(&app, "c", "C"));
    std::fs::remove_dir_all(app.root().join("ShoutC")).expect("removed");
    let app = http(http(http(app, "Spin", "../spin.wasm"), "Trap", "../trap.wasm"), "Mute", "../mute.wasm");
    app.write(
        "host.json",
        &json!({ "version": "2.0", "extensions": { "wasm": { "functions": { "Spin": { "timeout": "00:00:01" } } } } }).to_string(),
    );
    write(&app, "spin.wasm", &command(SPIN));
    write(&app, "trap.wasm", &command(TRAP));
    write(&app, "mute.wasm", &command(b""));
    let func = launch(&app).env("FUNCTIONS_WORKER_RUNTIME", "wasm").start().await;
    let spinning = async {
        let since = Instant::now();
        let answer = func.get("/api/Spin").await;
        (answer.status, since.elapsed())
    };
    let others = async {
        for _ in 0..20 {
            assert_eq!(func.get("/api/hello-c").await.text(), "Hello, world, from C!");
        }
    };
    let ((status, took), ()) = tokio::join!(spinning, others);
    assert_eq!(status, 500);
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(30), "{took:?}");
    func.wait_for_line("The guest did not end within its limit of 1s ('timeout')").await;
    assert_eq!(func.get("/api/Trap").await.status, 500);
    func.wait_for_line("The guest aborted (WebAssembly `unreachable` instruction executed)").await;
    // It says nothing at all, which is an answer without outputs.
    assert!(func.get("/api/Mute").await.status < 300);
    func.stop().await;
}

/// Issue "Wasm functions", sandbox: a value that does not fit is an error that names the key.
#[tokio::test]
async fn limits_that_mean_nothing_are_refused_by_name() {
    let app = http(App::new(), "Spin", "../spin.wasm");
    write(&app, "spin.wasm", &command(SPIN));
    app.write("host.json", r#"{ "version": "2.0", "extensions": { "wasm": { "functions": { "Spin": { "maxInstances": 0 } } } } }"#);
    let func: Func = launch(&app).env("FUNCTIONS_WORKER_RUNTIME", "wasm").spawn();
    func.wait_for_line("extensions.wasm.functions.Spin.maxInstances: must be a number above 0").await;
}
