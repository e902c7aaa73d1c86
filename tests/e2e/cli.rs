//! `func` as people and tools see it (cli.md items 1–9 and 40–71).

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use horus_stub_worker::{Log, LogLevel, Step};
use regex::Regex;
use serde_json::json;

use crate::support::{App, Launch, Mode, Stub, http, http_with, queue, timer};

/// Exit code, standard output and standard error of a `func` that ends by itself.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Launch::of(folder).command().args(arguments).output().expect("func runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn stub() -> Stub {
    Stub::new().function(http("fn"), &[])
}

fn local(values: &str) -> String {
    format!(r#"{{"IsEncrypted": false, "Values": {values}}}"#)
}

/// cli.md item 1: the version, bare, however it is asked for.
#[test]
fn cli_01_the_version_is_one_line() {
    let folder = App::empty();
    let version = Regex::new(r"^4\.\d+\.\d+\n$").unwrap();
    for word in ["--version", "-v", "version"] {
        let (code, out, err) = run(&folder.root(), &[word]);
        assert!(version.is_match(&out), "{word}: {out:?}");
        assert_eq!((code, err.as_str()), (0, ""), "{word}");
    }
}

/// cli.md items 3 and 7: help lists what there is; anything else is an error.
#[test]
fn cli_03_07_help_and_unknown_words() {
    let folder = App::empty();
    let action = Regex::new("(?m)^start +").unwrap();
    let hidden = Regex::new("(?m)^(host|function) +").unwrap();
    for arguments in [&[][..], &["--help"], &["-h"], &["help"]] {
        let (code, out, _) = run(&folder.root(), arguments);
        assert_eq!(code, 0, "{arguments:?}");
        assert!(out.contains("Usage: func [context] [context] <action> [-/--options]"), "{out}");
        assert!(action.is_match(&out) && !hidden.is_match(&out), "{out}");
    }
    let (code, out, err) = run(&folder.root(), &["frobnicate"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("Error: unknown argument frobnicate\n"), "{err}");
    let (code, out, _) = run(&folder.root(), &["start", "--help"]);
    assert_eq!(code, 0);
    for option in ["--port", "--cors", "--enableAuth", "--functions", "--language-worker", "--verbose"] {
        assert!(out.contains(option), "{option} in {out}");
    }
}

/// cli.md items 4, 5 and 9: `host start`, words in any case, and another folder.
#[tokio::test]
async fn cli_04_05_09_other_ways_to_start() {
    let stub = stub();
    let launch = stub.launch();
    let elsewhere = App::empty();
    let root = stub.app.root();
    for words in
        [vec!["host", "start"], vec!["HOST", "Start"], vec!["start", "--script-root", root.to_str().unwrap()]]
    {
        let folder = if words.len() == 3 { elsewhere.root() } else { root.clone() };
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut child = launch
            .command()
            .current_dir(folder)
            .args(&words)
            .args(["--port", &port.to_string(), "--storage", "off"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}/api/fn");
        let answer = crate::support::until(
            || format!("an answer to {words:?}"),
            || async { reqwest::get(&url).await.ok().map(|answer| answer.status().as_u16()) },
        )
        .await;
        assert_eq!(answer, 200, "{words:?}");
        let _ = Command::new("kill").arg(child.id().to_string()).status();
        assert!(child.wait().unwrap().success(), "{words:?}");
    }
    let (code, _, err) = run(&elsewhere.root(), &["start", "--script-root", "missing"]);
    assert_eq!((code, err.lines().next()), (1, Some("\"missing\" doesn't exist.")));
}

/// cli.md §4.1: a folder without an app.
#[test]
fn cli_a_folder_without_an_app_is_told() {
    let folder = App::empty();
    let (code, out, err) = run(&folder.root(), &["start"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("Unable to find project root. Expecting to find one of host.json, local.settings.json in project root.\n"), "{err}");
}

/// cli.md item 40: settings that do not say that they are plain count as encrypted.
#[tokio::test]
async fn cli_40_settings_count_as_encrypted() {
    let stub = stub();
    stub.app.write("local.settings.json", r#"{"Values": {"A": "1"}}"#);
    let (status, _, err) = stub.launch().fail().await;
    assert_eq!(status.code(), Some(1));
    assert!(
        err.starts_with(
            "Failed to decrypt settings. Encrypted settings only be edited through 'func settings add'."
        ),
        "{err}"
    );
}

/// cli.md items 41 to 43: the environment wins, and what is skipped is said.
#[tokio::test]
async fn cli_41_to_43_what_becomes_of_settings() {
    let stub = stub();
    stub.app
        .write("local.settings.json", &local(r#"{"A": "file", "B": null, "": "x", "C": "", "D": "file"}"#));
    let func =
        stub.launch().env("A", "environment").env("AZURE_FUNCTIONS_ENVIRONMENT", "Production").start().await;
    for line in [
        "Skipping 'A' from local settings as it's already defined in current environment variables.",
        "Skipping 'B' because value is null",
        "Skipping local setting with empty key.",
        "AZURE_FUNCTIONS_ENVIRONMENT already exists with value 'Production', overriding to 'Development'.",
    ] {
        func.wait_for_line(line).await;
    }
    let environment = &stub.received("start")[0]["environment"];
    assert_eq!(environment["A"], "environment");
    assert_eq!(environment.get("B"), None);
    assert_eq!((&environment["C"], &environment["D"]), (&json!(""), &json!("file")));
    assert_eq!(environment["AZURE_FUNCTIONS_ENVIRONMENT"], "Development");
}

/// cli.md item 45: the option beats the file, the file beats the default; port 0 is any free one.
#[tokio::test]
async fn cli_45_which_port_it_is() {
    let stub = stub();
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (first, second) = (free(), free());
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let text = format!(r#"{{"IsEncrypted": false, "Host": {{"LocalHttpPort": {}}}}}"#, port(&first));
    stub.app.write("local.settings.json", &text);
    // Both ports are taken, so the message tells which one was wanted.
    let launch = stub.launch();
    let complaint = |arguments: &[&str]| {
        let output = launch.command().arg("start").args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(complaint(&[]).starts_with(&format!("Port {} is unavailable.", port(&first))));
    let other = port(&second).to_string();
    assert!(complaint(&["--port", &other]).starts_with(&format!("Port {other} is unavailable.")));
    std::fs::remove_file(stub.app.root().join("local.settings.json")).unwrap();
    // Whoever has the default port, it is busy.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 7071));
    assert!(complaint(&[]).starts_with("Port 7071 is unavailable."));
    drop((first, second));
    let func = stub.launch().port(0).spawn();
    let line = func.wait_for_line("http://localhost:").await;
    let port: u16 = Regex::new(r"localhost:(\d+)/").unwrap().captures(&line).unwrap()[1].parse().unwrap();
    assert_eq!(reqwest::get(format!("http://127.0.0.1:{port}/api/fn")).await.unwrap().status(), 200);
    assert_eq!(stub.received("start")[0]["environment"]["WEBSITE_HOSTNAME"], format!("localhost:{port}"));
}

/// cli.md item 46: a busy port, and who has it.
#[tokio::test]
async fn cli_46_a_busy_port_names_its_holder() {
    let stub = stub();
    let holder = stub.start().await;
    let (status, out, err) = stub.launch().port(holder.port).fail().await;
    assert_eq!((status.code(), out.as_str()), (Some(1), ""));
    let port = holder.port;
    assert_eq!(
        err,
        format!(
            "Port {port} is unavailable. Close the process using that port, or specify another port using --port [-p].\nhint: The port is held by process {} (func).",
            holder.id()
        )
    );
}

/// cli.md item 47: loopback unless told otherwise.
#[tokio::test]
async fn cli_47_where_it_listens() {
    let stub = stub();
    // All of 127/8 is this machine, but only one address of it is listened on.
    let reachable = |port| TcpStream::connect((Ipv4Addr::new(127, 0, 0, 2), port)).is_ok();
    let func = stub.start().await;
    assert!(!reachable(func.port));
    drop(func);
    let func = stub.launch().arg("--address").arg("0.0.0.0").start().await;
    assert!(reachable(func.port));
    drop(func);
    let (status, _, err) = stub.launch().arg("--address").arg("everywhere").fail().await;
    assert_eq!(status.code(), Some(1));
    assert_eq!(
        err,
        "Invalid --address value 'everywhere'. Expected an IP address, for example 127.0.0.1 or 0.0.0.0."
    );
}

/// cli.md items 48 to 53, 55, 56 and 58: what is printed by a start, in order and without colours.
#[tokio::test]
async fn cli_48_to_58_what_a_start_prints() {
    let stub = Stub::new()
        .function(http_with("Hello", json!({ "methods": ["get", "POST"] })), &[])
        .function(http_with("Item", json!({ "route": "items/{id:int?}" })), &[])
        .function(queue("Later", "work"), &[])
        .function(timer("Tick", json!({ "schedule": "0 0 0 1 1 *" })), &[])
        .function(http("Off"), &[]);
    let func = stub
        .launch()
        .env("AzureWebJobsStorage", "UseDevelopmentStorage=true")
        .env("AzureWebJobs.Off.Disabled", "true")
        .start()
        .await;
    func.wait_for_line("For detailed output, run func with --verbose flag.").await;
    let port = func.port;
    let expected = format!(
        "\nAzure Functions Core Tools\nCore Tools Version:       4.X (64-bit)\nFunction Runtime Version: 4.X\n\n[T] Worker process started and initialized.\n\nFunctions:\n\n\tHello: [GET,POST] http://localhost:{port}/api/Hello\n\n\tItem:  http://localhost:{port}/api/items/{{id:int?}}\n\n\tLater: queueTrigger\n\n\tTick: timerTrigger\n\n\tFunction Off is disabled.\n\nFor detailed output, run func with --verbose flag."
    );
    let text = func.out().join("\n");
    let end = text.find("For detailed output").unwrap()
        + "For detailed output, run func with --verbose flag.".len();
    let text = Regex::new(r"Version:( +)4\.[0-9.]+")
        .unwrap()
        .replace_all(&text[..end], "Version:${1}4.X")
        .into_owned();
    let text = Regex::new(r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\]")
        .unwrap()
        .replace_all(&text, "[T]")
        .into_owned();
    // Storage that is not there is complained about whenever it is noticed.
    let text: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("[T]") || line.contains("Worker process started"))
        .collect();
    assert_eq!(text.join("\n"), expected);
    assert!(!func.transcript().contains('\x1b'), "no colours without a terminal");
    assert_eq!(func.get("/api/Off").await.status, 200, "every local caller is an administrator");
}

/// cli.md item 50: the prefix in what is printed and served.
#[tokio::test]
async fn cli_50_an_empty_prefix_is_left_out() {
    let stub = stub().host_json(r#"{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}"#);
    let func = stub.start().await;
    func.wait_for_line(&format!("\tfn:  http://localhost:{}/fn", func.port)).await;
    assert_eq!(func.get("/fn").await.status, 200);
}

/// cli.md item 54: only some functions.
#[tokio::test]
async fn cli_54_only_the_named_functions_are_loaded() {
    let stub = stub().function(http("other"), &[]).function(http("third"), &[]);
    let func = stub.launch().arg("--functions").arg("fn").arg("third").start().await;
    assert_eq!([func.get("/api/fn").await.status, func.get("/api/other").await.status], [200, 404]);
    let mut loaded: Vec<String> = stub.received("load").iter().map(|load| load["name"].to_string()).collect();
    loaded.sort();
    assert_eq!(loaded, ["\"fn\"", "\"third\""]);
}

/// cli.md item 55: every physical line has its time.
#[tokio::test]
async fn cli_55_each_line_has_its_time() {
    let log = Log { message: "one\ntwo".into(), ..Log::default() };
    let stub = Stub::new().function(http("fn"), &[Step::Log(log), Step::Echo]);
    let func = stub.start().await;
    func.get("/api/fn").await;
    let stamp = Regex::new(r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] ").unwrap();
    for text in ["] one", "] two"] {
        let line = func.wait_for_line(text).await;
        assert!(stamp.is_match(&line), "{line}");
    }
}

/// cli.md items 56 and 60: what editors wait for is printed at any level; user lines are not.
#[tokio::test]
async fn cli_56_60_editors_get_their_lines_at_any_level() {
    let log = |level, message: &str| Step::Log(Log { level, message: message.into(), ..Log::default() });
    let steps = [log(LogLevel::Information, "for users"), log(LogLevel::Error, "an error"), Step::Echo];
    let stub = Stub::new().function(http("fn"), &steps);
    let func = stub.launch().arg("--user-log-level").arg("Error").start().await;
    func.wait_for_line("Worker process started and initialized.").await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    func.wait_for_line("an error").await;
    assert_eq!(func.count("for users") + func.count("Executing 'Functions.fn'"), 0, "{}", func.transcript());
    let (status, _, err) = stub.launch().arg("--user-log-level").arg("Loud").fail().await;
    assert_eq!(status.code(), Some(1));
    assert!(err.starts_with("Invalid --user-log-level value 'Loud'."), "{err}");
}

/// cli.md item 59: build servers get the host's own lines, unless they say that they do not want them.
#[tokio::test]
async fn cli_59_build_servers_see_everything() {
    let stub = stub();
    let func = stub.launch().env("CI", "1").start().await;
    func.wait_for_line("Job host started").await;
    drop(func);
    let func = stub.launch().env("CI", "1").arg("--verbose").arg("false").start().await;
    func.wait_for_line("For detailed output").await;
    assert_eq!(func.count("Job host started"), 0);
}

/// cli.md items 61 and 62: keys do not count locally, unless they are asked for.
#[tokio::test]
async fn cli_61_62_keys_count_only_when_asked_for() {
    let stub = Stub::new().function(http_with("fn", json!({ "authLevel": "function" })), &[]);
    let func = stub.start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    assert_eq!(func.get("/admin/host/status").await.json()["state"], "Running");
    drop(func);
    let func = stub.launch().mode(Mode::Keys).spawn();
    func.wait_for_line("For detailed output").await;
    assert_eq!(func.get("/api/fn").await.status, 401);
}

/// cli.md items 63, 70 and 71: a timer without storage and without a network, run by its schedule and by hand.
#[tokio::test]
async fn cli_63_70_71_timers_need_no_storage_and_no_network() {
    let stub = Stub::new().function(timer("T", json!({ "schedule": "* * * * * *" })), &[]).host_json(
        r#"{"version": "2.0", "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}}"#,
    );
    // Nothing listens on the discard port: whoever wanted the network would fail.
    let func = stub
        .launch()
        .env("https_proxy", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .start()
        .await;
    func.wait_for_line("Executing 'Functions.T' (Reason='Timer fired at 20").await;
    assert_eq!(func.post_json("/admin/functions/T", &json!({ "input": "" })).await.status, 202);
    func.wait_for_line("Executing 'Functions.T' (Reason='This function was programmatically called").await;
    assert!(!func.transcript().to_lowercase().contains("download"), "{}", func.transcript());
}

/// cli.md items 20 of host.md's W and 66: a debugger's arguments reach Node, and its line reaches the editor.
#[tokio::test]
async fn cli_66_debuggers_can_attach() {
    let app = App::new()
        .file(
            "fn/function.json",
            r#"{"bindings": [{"type": "httpTrigger", "name": "req", "authLevel": "anonymous"}]}"#,
        )
        .file("fn/index.js", "module.exports = async () => {};");
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let inspect = format!("--inspect={port}");
    let launches = [
        Launch::of(&app.root()).env("languageWorkers__node__arguments", &inspect),
        Launch::of(&app.root()).arg("--language-worker").arg(&inspect),
    ];
    for launch in launches {
        let func = launch.env("FUNCTIONS_WORKER_RUNTIME", "node").start().await;
        func.wait_for_line(&format!("Debugger listening on ws://127.0.0.1:{port}/")).await;
        let version = reqwest::get(format!("http://127.0.0.1:{port}/json/version")).await.unwrap();
        assert_eq!(version.status(), 200);
        func.stop().await;
    }
}

/// cli.md item 67: lines for tools go to their file.
#[tokio::test]
async fn cli_67_lines_for_tools_go_to_their_file() {
    let event = "azfuncjsonlog:{\"name\":\"dotnet-worker-startup\",\"workerProcessId\":1}";
    let stub = stub().script(|script| script.print = vec![event.into()]);
    let file = stub.app.beside("events.json");
    let launch =
        stub.launch().arg("--enable-json-output").arg("--json-output-file").arg(file.to_str().unwrap());
    let func = launch.start().await;
    let text = crate::support::until(
        || "the event in its file".to_owned(),
        || async { std::fs::read_to_string(&file).ok().filter(|text| text.ends_with('\n')) },
    )
    .await;
    assert_eq!(text, format!("{event}\n"));
    func.wait_for_line("Worker process started").await;
    assert_eq!(func.count("azfuncjsonlog"), 0);
    assert_eq!(stub.received("start")[0]["environment"]["FUNCTIONS_ENABLE_JSON_OUTPUT"], "True");
}

/// cli.md §1.1: an option nobody knows is warned about and ignored.
#[tokio::test]
async fn cli_05_unknown_options_are_warned_about() {
    let stub = stub();
    let func = stub.launch().arg("--Port").arg("1").start().await;
    assert_eq!(func.get("/api/fn").await.status, 200);
    let warnings = func.err();
    assert_eq!(warnings, ["Option '--Port' is not known and has no effect."]);
}
