use horus_app::HostJson;
use horus_app::Settings;
use horus_app::function::Direction;
use horus_app::log::Log;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(host_json: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("host.json"), host_json).unwrap();
        Self(folder)
    }

    fn file(self, name: &str) -> Self {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "{}").unwrap();
        self
    }

    fn read(&self, settings: &[(&str, &str)]) -> Result<Option<Options>, String> {
        let settings = Settings::from_pairs(settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        let host = HostJson::load(self.0.path(), &settings, &Log::discard()).map_err(|e| e.to_string())?;
        Options::read(&host, &settings, self.0.path(), &Log::discard()).map_err(|error| error.to_string())
    }
}

fn host_json(section: &str) -> String {
    format!("{{\"version\": \"2.0\", {section}}}")
}

fn handler(section: &str) -> Folder {
    Folder::with(&host_json(&format!("\"customHandler\": {section}")))
}

/// host.md §7.1: defaults, for a program that is looked up in PATH.
#[test]
fn a_handler_needs_only_a_program() {
    let folder =
        handler(r#"{"description": {"defaultExecutablePath": "node", "defaultWorkerPath": "server.js"}}"#);
    let options = folder.read(&[]).unwrap().unwrap();
    let expected = Options {
        executable: "node".into(),
        arguments: vec!["server.js".into()],
        directory: folder.0.path().to_owned(),
        stderr_is_errors: true,
        http: HttpMode::Message,
        initialization_timeout: std::time::Duration::from_secs(30),
        port: None,
        routes: Vec::new(),
    };
    assert_eq!(options, expected);
    assert_eq!(Folder::with(r#"{"version": "2.0"}"#).read(&[]), Ok(None));
}

/// host.md §7.1: every key, files of the app as the program, and variables.
#[test]
fn every_key_is_read() {
    let folder = handler(
        r#"{
            "description": {
                "defaultExecutablePath": "handler%Suffix%", "defaultWorkerPath": "run.txt",
                "workingDirectory": "work", "workerDirectory": "bin",
                "arguments": ["-a", "%Suffix%", "%Unknown%", 5], "workerArguments": "[\"-z\", \"100%\"]",
                "useStdErrorStreamForErrorsOnly": false
            },
            "type": "Http", "enableForwardingHttpRequest": "true", "initializationTimeout": "00:01:30",
            "port": 8123,
            "http": {"defaultAuthorizationLevel": "anonymous",
                     "routes": [{"route": "a"}, {"route": "b", "authorizationLevel": "Admin"}]}
        }"#,
    )
    .file("bin/handler.sh");
    let options = folder.read(&[("Suffix", ".sh")]).unwrap().unwrap();
    let root = folder.0.path();
    assert_eq!(options.executable, root.join("bin/handler.sh").to_string_lossy());
    assert_eq!(options.arguments, ["-a", ".sh", "%Unknown%", "5", "run.txt", "-z", "100%"]);
    assert_eq!(options.directory, root.join("work"));
    assert!(!options.stderr_is_errors);
    assert_eq!(options.http, HttpMode::Forward);
    assert_eq!(options.initialization_timeout.as_secs(), 90);
    assert_eq!(options.port, Some(8123));
    let levels: Vec<&str> = options.routes.iter().map(|route| route.level.as_str()).collect();
    assert_eq!(levels, ["anonymous", "Admin"]);
}

/// host.md §7.1: proxying wins over forwarding, customHandler over httpWorker, and settings override the file.
#[test]
fn precedence() {
    let both = handler(
        r#"{"description": {"defaultExecutablePath": "new"}, "enableForwardingHttpRequest": true, "enableProxyingHttpRequest": true},
            "httpWorker": {"description": {"defaultExecutablePath": "old"}}"#,
    );
    let options = both.read(&[]).unwrap().unwrap();
    assert_eq!((options.executable.as_str(), options.http), ("new", HttpMode::Proxy));
    let older = Folder::with(&host_json(
        r#""httpWorker": {"description": {"defaultExecutablePath": "old"}, "port": 9, "type": "none"}"#,
    ));
    let options = older.read(&[]).unwrap().unwrap();
    assert_eq!((options.http, options.port), (HttpMode::ForwardToName, None));
    let overridden = both.read(&[
        ("AzureFunctionsJobHost__customHandler__description__defaultExecutablePath", "python3"),
        ("AzureFunctionsJobHost__customHandler__description__arguments__0", "one"),
        ("AzureFunctionsJobHost__customHandler__description__arguments__1", "two"),
        ("AzureFunctionsJobHost__customHandler__enableProxyingHttpRequest", "false"),
    ]);
    let options = overridden.unwrap().unwrap();
    assert_eq!((options.executable.as_str(), options.http), ("python3", HttpMode::Forward));
    assert_eq!(options.arguments, ["one", "two"]);
}

/// host.md §7.1: what cannot be used is named.
#[test]
fn mistakes_name_their_property() {
    for (section, message) in [
        (
            r#"{"description": {"arguments": ["x"]}}"#,
            "WorkerDescription DefaultExecutablePath cannot be empty",
        ),
        (r#"{"description": {"defaultExecutablePath": "x"}, "type": "grpc"}"#, "customHandler.type: 'grpc'"),
        (r#"{"description": {"defaultExecutablePath": "x"}, "port": 70000}"#, "customHandler.port"),
        (
            r#"{"description": {"defaultExecutablePath": "x"}, "initializationTimeout": "soon"}"#,
            "customHandler.initializationTimeout",
        ),
        (
            r#"{"description": {"defaultExecutablePath": "x", "arguments": "no list"}}"#,
            "customHandler.description.arguments",
        ),
        (
            r#"{"description": {"defaultExecutablePath": "x", "workerArguments": [[]]}}"#,
            "customHandler.description.workerArguments",
        ),
        (r#"{}"#, "Missing worker Description."),
    ] {
        let error = handler(section).read(&[]).unwrap_err();
        assert!(error.contains(message), "{section}: {error}");
    }
}

/// host.md §7.1 `http.routes`: functions without function.json, each bad route an error of its own.
#[test]
fn routes_declare_functions() {
    let folder = handler(
        r#"{"description": {"defaultExecutablePath": "x"}, "http": {"routes": [
            {"route": "{*all}", "authorizationLevel": "anonymous"}, {"route": "a b"}, {"route": "a//b"},
            {"route": "a/{}"}, {"route": "a}{"}, {"route": "a{b"}, {"route": "items/{id}"}]}}"#,
    );
    let options = folder.read(&[]).unwrap().unwrap();
    let index = functions(&options, folder.0.path(), &Settings::default()).unwrap();
    let names: Vec<&str> = index.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["http-handler1", "http-handler7"]);
    let first = &index.functions[0];
    assert_eq!(first.language, "http");
    assert_eq!(first.trigger().text("route"), Some("{*all}"));
    assert_eq!(first.trigger().text("authLevel"), Some("anonymous"));
    assert_eq!(first.trigger().property("methods").unwrap().as_array().unwrap().len(), 7);
    assert_eq!(index.functions[1].trigger().text("authLevel"), Some("Function"));
    let bindings: Vec<_> = first.bindings.iter().map(|b| (b.name.as_str(), b.direction)).collect();
    assert_eq!(bindings, [("req", Direction::In), ("res", Direction::Out)]);
    let messages: Vec<String> = index.errors.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 5, "{messages:?}");
    for (message, part) in
        messages.iter().zip(["spaces", "consecutive '/'", "'{}'", "closing brace", "unmatched '{'"])
    {
        assert!(message.contains(part), "{message}");
    }
    let folder = folder.file("old/function.json");
    assert_eq!(functions(&options, folder.0.path(), &Settings::default()).unwrap_err(), TWO_SOURCES);
}
