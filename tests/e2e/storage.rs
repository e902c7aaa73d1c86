//! `func storage` on its own, and HTTPS (cli.md item 68, issue of the embedded store).

use std::process::Command;

use horus_test_support::{Azurite, CosmosEmulator};
use regex::Regex;

use crate::support::{App, Ended, Launch, Store, Stub, http, storage_verb, until};

/// What every verb does, with whatever serves it. `verb` gives exit code, standard output and standard error.
fn all_verbs(verb: &dyn Fn(&[&str], &str) -> Ended) {
    let good = |words: &[&str], input: &str| {
        let (code, out, err) = verb(words, input);
        assert_eq!(code, Some(0), "{words:?}: {err}");
        out
    };
    good(&["queue", "put", "orders", "<1> & two"], "");
    good(&["queue", "put", "orders"], "from a pipe\n");
    let peeked = good(&["queue", "peek", "orders"], "");
    let texts: Vec<&str> = peeked.lines().filter_map(|line| line.split("taken 0x  ").nth(1)).collect();
    assert_eq!(texts, ["<1> & two", "from a pipe"], "{peeked}");
    assert!(Regex::new(r"(?m)^orders +2$").unwrap().is_match(&good(&["queue", "list"], "")));
    good(&["queue", "clear", "orders"], "");
    assert_eq!(good(&["queue", "peek", "orders"], ""), "");

    good(&["blob", "put", "photos/a/ü 1.txt"], "content");
    assert_eq!(good(&["blob", "get", "photos/a/ü 1.txt"], ""), "content");
    assert_eq!(good(&["blob", "list"], ""), "photos\n");
    assert!(good(&["blob", "list", "photos/a/"], "").ends_with("a/ü 1.txt\n"));
    good(&["blob", "delete", "photos/a/ü 1.txt"], "");
    let (code, out, err) = verb(&["blob", "get", "photos/a/ü 1.txt"], "");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("BlobNotFound"), "{err}");

    good(&["document", "put", "shop/orders", "--create", "/id"], r#"{"id": "7", "total": 3}"#);
    assert_eq!(good(&["document", "list"], ""), "shop\n");
    assert!(good(&["document", "list", "shop"], "").starts_with("orders"));
    assert!(good(&["document", "get", "shop/orders/7"], "").contains("\"total\": 3"));
    let sql = "SELECT VALUE c.total FROM c WHERE c.total > 2";
    assert_eq!(good(&["document", "query", "shop/orders", sql], ""), "3\n");
}

/// The verbs reach a store that runs in another process, with real signatures; signals drain it.
#[test]
fn storage_verbs_reach_a_running_store() {
    let app = App::empty();
    let launch = Launch::of(&app.root());
    let mut store = Store::start(&launch);
    all_verbs(&|words, input| store.verb(&launch, words, input));

    let pid = store.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    assert!(store.child.wait().expect("it ends").success(), "a store that is told to stop ends well");
}

/// The same against the emulators: the verbs are clients like any other.
#[test]
fn storage_verbs_reach_the_emulators() {
    let (azurite, cosmos) = (Azurite::in_memory(), CosmosEmulator::start());
    let [blob, queue, table] = azurite.ports();
    let ports = [("blob", blob), ("queue", queue), ("table", table), ("document", cosmos.address().port())];
    let ports: Vec<String> =
        ports.iter().flat_map(|(kind, port)| [format!("--{kind}-port"), port.to_string()]).collect();
    let app = App::empty();
    let launch = Launch::of(&app.root());
    all_verbs(&|words, input| storage_verb(&launch, &ports, words, input));
}

/// The well-known key opens a store to everybody: it stays on this machine.
#[test]
fn storage_needs_keys_of_its_own_beyond_this_machine() {
    let app = App::empty();
    let launch = Launch::of(&app.root());
    let output = launch.command().args(["storage", "--in-memory", "--address", "0.0.0.0"]).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("Refusing to listen on 0.0.0.0") && err.contains("FUNC_STORAGE_ACCOUNTS"), "{err}");
}

/// cli.md item 68: HTTPS without external tools, and https URLs in the list.
#[tokio::test]
async fn cli_68_https_with_a_certificate_of_its_own() {
    let stub = Stub::new().function(http("fn"), &[]);
    let func = stub.launch().arg("--useHttps").spawn();
    let line = func.wait_for_line("https://localhost:").await;
    assert!(line.contains(&format!("https://localhost:{}/api/fn", func.port)), "{line}");
    let certificate = stub.app.read(".func/https/localhost.crt");
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build().expect("a client");
    let url = format!("https://localhost:{}", func.port);
    let status = until(
        || format!("{url} answers\n{}", func.transcript()),
        || async { client.get(format!("{url}/api/fn")).send().await.ok() },
    )
    .await;
    assert_eq!(status.status(), 200);
    assert_eq!(status.version(), reqwest::Version::HTTP_11);
    let plain = reqwest::get(format!("http://127.0.0.1:{}/", func.port)).await;
    assert!(plain.is_err(), "plain HTTP is not served on that port");
    func.stop().await;
}
