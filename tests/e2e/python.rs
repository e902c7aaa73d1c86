//! The Python worker with the public library: mistakes of apps, and large values by file.

use crate::support::{App, Launch, Store, until, with_python_library};

fn launch(app: &App) -> Launch {
    with_python_library(Launch::of(&app.root()).env("FUNCTIONS_WORKER_RUNTIME", "python"))
}

const HEAD: &str = "import azure.functions as func\napp = func.FunctionApp(http_auth_level='ANONYMOUS')\n";
const GOOD: &str = "@app.route('fn')\ndef fn(req: func.HttpRequest) -> str:\n    return 'fine'\n";

/// Issue "Bad input": each mistake of an app is one clear message of a host that lives, and the next save mends it.
#[tokio::test]
async fn mistakes_of_python_apps_are_told_and_mended() {
    let table: [(&str, String, &[&str]); 4] = [
        ("a syntax error", format!("{HEAD}def broken(:\n    pass\n"), &["SyntaxError", "function_app.py"]),
        (
            "a missing package",
            format!("import no_such_package\n{HEAD}{GOOD}"),
            &["no_such_package", "pip install"],
        ),
        (
            "two functions of one name",
            format!(
                "{HEAD}{GOOD}@app.route('other')\ndef fn(req: func.HttpRequest) -> str:\n    return ''\n"
            ),
            &["fn", "unique"],
        ),
        (
            "a decorator misused",
            format!(
                "{HEAD}@app.queue_output(arg_name='out', queue_name='q', connection='c')\ndef fn(out) -> str:\n    return ''\n"
            ),
            &["fn", "trigger"],
        ),
    ];
    let app = App::new().file("function_app.py", &table[0].1);
    let mut func = launch(&app).spawn();
    for (what, text, words) in &table {
        app.write("function_app.py", text);
        let status = func.wait_for_state("Error").await;
        let error = status["errors"][0].as_str().unwrap();
        assert!(words.iter().all(|word| error.contains(word)), "{what}: {error}");
        assert_eq!(func.get("/api/fn").await.status, 503, "{what}");
        app.write("function_app.py", &format!("{HEAD}{GOOD}"));
        func.wait_for_state("Running").await;
        assert_eq!(func.get("/api/fn").await.text(), "fine", "after {what}");
    }
    func.stop().await;
}

const COPY: &str = r#"
import os
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("copy")
@app.blob_input(arg_name="source", path="files/in", connection="AzureWebJobsStorage", data_type="BINARY")
@app.blob_output(arg_name="target", path="files/out", connection="AzureWebJobsStorage")
def copy(req: func.HttpRequest, source: bytes, target: func.Out[bytes]) -> str:
    folder = os.environ["FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES"]
    shared = os.listdir(os.path.join(folder, "AzureFunctions"))
    target.set(source[::-1])
    if req.params.get("crash"):
        os._exit(3)
    if req.params.get("fail"):
        raise ValueError("on purpose")
    return str(len(shared))
"#;

/// worker-protocol.md §16: a large blob goes in and out by file with the real worker, content and all, and no file is left
/// when the invocation ends, fails or takes its worker with it. Without the setting the same app works over the stream.
#[tokio::test]
async fn large_values_travel_by_shared_memory() {
    let app = App::new().file("function_app.py", COPY);
    let store = Store::start(&Launch::of(&app.root()));
    let storage = store.connection_string();
    let content: String = (0..300_000).map(|n| format!("{n:010}")).collect();
    let stored = store.verb(&Launch::of(&app.root()), &["blob", "put", "files/in"], &content);
    assert_eq!(stored.0, Some(0), "{}", stored.2);
    let shm = app.beside("shm");
    std::fs::create_dir(&shm).unwrap();
    let files = || walk(&shm);
    let func = launch(&app)
        .env("AzureWebJobsStorage", &storage)
        .env("FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED", "1")
        .env("FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES", shm.to_string_lossy())
        .start()
        .await;
    let answer = func.get("/api/copy").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "1"), "{}", func.transcript());
    let (code, out, error) = store.verb(&Launch::of(&app.root()), &["blob", "get", "files/out"], "");
    assert_eq!(code, Some(0), "{error}");
    assert!(out == content.chars().rev().collect::<String>(), "{} bytes came back", out.len());
    until(|| format!("no region is left: {:?}", files()), || async { files().is_empty().then_some(()) })
        .await;
    assert_eq!(func.get("/api/copy?fail=1").await.status, 500);
    assert_eq!(func.get("/api/copy?crash=1").await.status, 500);
    until(|| format!("no region is left: {:?}", files()), || async { files().is_empty().then_some(()) })
        .await;
    func.wait_for_line("exited with code 3 (0x3)").await;
    assert_eq!(func.get("/api/copy").await.status, 200);
    func.stop().await;
    assert_eq!(std::fs::read_dir(&shm).unwrap().count(), 0, "nothing is left of the host");
}

/// The regions below a folder; locks of hosts do not count.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => found.extend(walk(&path)),
            false if path.extension().is_none_or(|found| found != "lock") => found.push(path),
            false => {}
        }
    }
    found
}
