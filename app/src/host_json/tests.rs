use std::sync::Mutex;

use tempfile::TempDir;

use super::*;
use crate::log::{Level, Record, Sink};

type Pairs<'a> = &'a [(&'a str, &'a str)];

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Sink for Lines {
    fn accepts(&self, _category: &str, _level: Level) -> bool {
        true
    }

    fn write(&self, record: Record<'_>) {
        self.0.lock().unwrap().push(format!("{}: {}", record.category, record.message));
    }
}

impl Lines {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

fn settings(pairs: Pairs) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

struct Loaded {
    host: Result<HostJson, HostJsonError>,
    log: String,
    root: TempDir,
}

fn load(text: Option<&str>, pairs: Pairs) -> Loaded {
    let root = tempfile::tempdir().unwrap();
    if let Some(text) = text {
        std::fs::write(root.path().join(FILE_NAME), text).unwrap();
    }
    let lines = Lines::default();
    let host = HostJson::load(root.path(), &settings(pairs), &Log::new(lines.clone()));
    Loaded { host, log: lines.text(), root }
}

fn good(text: &str, pairs: Pairs) -> HostJson {
    load(Some(text), pairs).host.expect(text)
}

fn bad(text: &str, pairs: Pairs) -> HostJsonError {
    load(Some(text), pairs).host.expect_err(text)
}

/// host.md C01: the default file is written, flag included, and read back as default.
#[test]
fn c01_missing_file_is_created() {
    let loaded = load(None, &[]);
    let host = loaded.host.unwrap();
    assert!(host.is_default);
    assert_eq!(host.extension_bundle.as_ref().map(|bundle| bundle.version.as_str()), Some("[4.*, 5.0.0)"));
    assert!(
        loaded
            .log
            .contains("Host.Startup: No host configuration file found. Creating a default host.json file.")
    );
    let written = std::fs::read_to_string(loaded.root.path().join(FILE_NAME)).unwrap();
    assert_eq!(
        json::parse(&written).unwrap(),
        json!({"version":"2.0","isDefaultHostConfig":true,"extensionBundle":{"id":"Microsoft.Azure.Functions.ExtensionBundle","version":"[4.*, 5.0.0)"}})
    );
    assert!(HostJson::load(loaded.root.path(), &Settings::default(), &Log::discard()).unwrap().is_default);
    let powershell = load(None, &[("FUNCTIONS_WORKER_RUNTIME", "powershell")]);
    assert!(powershell.host.unwrap().managed_dependency);
}

/// host.md C02: nothing is written when the app runs from a package or cannot be written.
#[test]
fn c02_read_only() {
    for value in ["1", "https://packages/app.zip"] {
        let loaded = load(None, &[("WEBSITE_RUN_FROM_PACKAGE", value)]);
        let host = loaded.host.unwrap();
        assert!(host.is_default && !host.file_watching_enabled);
        assert!(loaded.log.contains("File system is read-only. Skipping host.json creation."));
        assert!(!loaded.root.path().join(FILE_NAME).exists());
    }
    assert!(load(None, &[("WEBSITE_RUN_FROM_PACKAGE", "0")]).root.path().join(FILE_NAME).exists());
    let nowhere = HostJson::load(Path::new("/dev/null/app"), &Settings::default(), &Log::discard());
    assert!(matches!(nowhere, Ok(_) | Err(HostJsonError::Read { .. })));
    let absent = tempfile::tempdir().unwrap().path().join("gone");
    assert!(HostJson::load(&absent, &Settings::default(), &Log::discard()).unwrap().is_default);
}

/// host.md C03, C04: the version check, which overrides do not reach.
#[test]
fn c03_c04_version() {
    let help = "https://aka.ms/functions-hostjson";
    let missing = format!(
        "The host.json file is missing the required 'version' property. See {help} for steps to migrate the configuration file."
    );
    let other = |v: &str, note: &str| {
        format!(
            "'{v}' is an invalid value for host.json 'version' property. We recommend you set the 'version' property to '2.0'. {note}See {help} for more information on this configuration file."
        )
    };
    let note = "This does not correspond to the function runtime version, only to the schema version of the host.json file. ";
    let table = [
        (r#"{"a":1}"#, missing.clone()),
        (r#"{"version":null}"#, missing),
        (r#"{"version":"3.0"}"#, other("3.0", note)),
        (r#"{"version":"4.0"}"#, other("4.0", "")),
        (r#"{"version":2}"#, other("2", "")),
        (r#"{"version":""}"#, other("", "")),
    ];
    for (text, expected) in table {
        let error = bad(text, &[("AzureFunctionsJobHost__version", "2.0")]);
        assert_eq!(error.to_string(), expected);
        assert!(error.is_configuration_error());
    }
    assert_eq!(good(r#"{"VERSION":"2.0"}"#, &[]).version, "2.0");
}

/// host.md C06: the text tools know, then where; transient.
#[test]
fn c06_malformed() {
    for (text, place) in [
        ("{\n  \"version\": \"2.0\",\n  oops\n}", "line 4"),
        ("", "line 1"),
        ("[]", "line 1 column 1"),
        ("\"x\"", "object"),
    ] {
        let loaded = load(Some(text), &[]);
        let error = loaded.host.unwrap_err();
        let path = loaded.root.path().join(FILE_NAME);
        let message = error.to_string();
        assert!(
            message.starts_with(&format!("Unable to parse host configuration file '{}'.", path.display())),
            "{message}"
        );
        assert!(message.contains(place), "{message}");
        assert_eq!((error.is_configuration_error(), error.diagnostic_code()), (false, Some("AZFD0009")));
    }
}

/// host.md C07, C08: overrides win, ignoring case, and reach what the file does not have.
#[test]
fn c07_c08_overrides() {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Http {
        route_prefix: String,
        max_outstanding_requests: Option<i32>,
    }
    let file = r#"{"version":"2.0","extensions":{"http":{"routePrefix":"api"}}}"#;
    let table = [
        (file, "AzureFunctionsJobHost__extensions__http__routePrefix", "x"),
        (file, "azurefunctionsjobhost:EXTENSIONS:Http__ROUTEPREFIX", "x"),
        (file, "AzureFunctionsJobHost__extensions__http__routePrefix", "7"),
        (file, "AzureFunctionsJobHost__extensions__http__routePrefix", ""),
        (r#"{"version":"2.0"}"#, "AzureFunctionsJobHost__extensions__http__routePrefix", "x"),
        (r#"{"version":"2.0"}"#, "AzureFunctionsJobHost__Extensions__HTTP__RoutePrefix", "7"),
        (
            r#"{"version":"2.0","extensions":null}"#,
            "AzureFunctionsJobHost__extensions__http__routePrefix",
            "x",
        ),
    ];
    for (text, name, value) in table {
        let host = good(
            text,
            &[(name, value), ("AzureFunctionsJobHost__extensions__http__maxOutstandingRequests", "5")],
        );
        let http: Http = host.extension_options("http").unwrap();
        assert_eq!((http.route_prefix.as_str(), http.max_outstanding_requests), (value, Some(5)), "{name}");
        assert_eq!(host.extension("HTTP").as_object().map(Map::len), Some(2));
    }
    let empty: Http = good(r#"{"version":"2.0","extensions":{"http":{"routePrefix":""}}}"#, &[])
        .extension_options("http")
        .unwrap();
    assert_eq!(empty.route_prefix, "");
    assert_eq!(HostJson::default().extension("http"), json!({}));
}

/// host.md C09, C10 and §1.1: the allow-list from file and environment; indexes merge.
#[test]
fn c09_c10_arrays() {
    let functions = |text: &str, pairs: Pairs| good(text, pairs).functions.unwrap_or_default().join(",");
    let list = r#"{"version":"2.0","functions":["A","B"]}"#;
    let name = "AzureFunctionsJobHost__functions__";
    let at = |n: u32| format!("{name}{n}");
    assert_eq!(functions(list, &[]), "A,B");
    assert_eq!(good(r#"{"version":"2.0"}"#, &[]).functions, None);
    assert_eq!(functions(r#"{"version":"2.0"}"#, &[(&at(0), "B")]), "B");
    assert_eq!(functions(list, &[(&at(0), "X")]), "X,B");
    assert_eq!(functions(list, &[(&at(10), "E"), (&at(2), "D"), (&at(1), "C")]), "A,C,D,E");
    assert_eq!(functions(list, &[("AzureFunctionsJobHost__functions", "X")]), "A,B");
    assert_eq!(functions(r#"{"version":"2.0"}"#, &[(&at(0), "true")]), "True");
}

/// host.md C11, C12, C13 and §1.2.
#[test]
fn c11_c12_c13_function_timeout() {
    let seconds = |n: u64| Some(Duration::from_secs(n));
    let dynamic: Pairs = &[("WEBSITE_SKU", "Dynamic")];
    let ok: [(&str, Pairs, Option<Duration>); 9] = [
        ("{}", &[], seconds(1800)),
        ("{}", dynamic, seconds(300)),
        (r#"{"functionTimeout":"-1"}"#, &[], None),
        (r#"{"functionTimeout":-1}"#, &[], None),
        (r#"{"functionTimeout":null}"#, &[], seconds(1800)),
        (r#"{"FunctionTimeout":"00:00:01"}"#, &[], seconds(1)),
        (r#"{"functionTimeout":"10.00:00:00"}"#, &[], seconds(864_000)),
        (r#"{"functionTimeout":"00:10:00"}"#, dynamic, seconds(600)),
        ("{}", &[("AzureFunctionsJobHost__functionTimeout", "-1")], None),
    ];
    let version = |text: &str| text.replacen('{', "{\"version\":\"2.0\",", 1).replace(",}", "}");
    for (text, pairs, expected) in ok {
        assert_eq!(good(&version(text), pairs).function_timeout, expected, "{text}");
    }
    let refused: [(&str, Pairs, &str); 6] = [
        (
            "00:00:00.5",
            &[],
            "FunctionTimeout must be greater than 00:00:01 and less than 10675199.02:48:05.4775807.",
        ),
        ("-00:01:00", &[], "FunctionTimeout must be greater than 00:00:01"),
        ("-1", dynamic, "FunctionTimeout must be greater than 00:00:01 and less than 00:10:00."),
        ("00:10:01", dynamic, "less than 00:10:00. ('functionTimeout' in "),
        ("soon", &[], "'soon' is no time span"),
        (
            "00:05:00",
            &[("AzureFunctionsJobHost__functionTimeout", "0")],
            "(setting 'AzureFunctionsJobHost__functionTimeout')",
        ),
    ];
    for (timeout, pairs, expected) in refused {
        let error = bad(&format!("{{\"version\":\"2.0\",\n \"functionTimeout\": \"{timeout}\"}}"), pairs);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.is_configuration_error());
    }
    let placed = bad("{\"version\":\"2.0\",\n \"functionTimeout\": \"00:00:00\"}", &[]).to_string();
    assert!(placed.ends_with("host.json', line 2 column 21)"), "{placed}");
}

/// host.md C16: what the log shows.
#[test]
fn c16_logged_json_is_sanitised() {
    let text = r#"{"version":"2.0","unknown":{"a":1},"extensions":{"x":{"storage":"DefaultEndpointsProtocol=https;AccountKey=zzz","apiKey":"zzz"}}}"#;
    let loaded = load(Some(text), &[]);
    assert!(loaded.host.is_ok());
    let path = loaded.root.path().join(FILE_NAME);
    assert!(
        loaded.log.contains(&format!("Host.Startup: Reading host configuration file '{}'", path.display()))
    );
    assert!(
        loaded.log.contains("Host configuration file read:\n{\n  \"version\": \"2.0\""),
        "{}",
        loaded.log
    );
    assert!(loaded.log.contains("[Hidden Credential]"));
    assert!(!loaded.log.contains("zzz") && !loaded.log.contains("unknown"), "{}", loaded.log);
    assert!(!format!("{:?}", loaded.host.unwrap()).contains("zzz"));
}

/// host.md C17: longest prefix wins, ignoring case.
#[test]
fn c17_log_levels() {
    let host = good(
        r#"{"version":"2.0","logging":{"fileLoggingMode":"ALWAYS","logLevel":{"Default":"warning","Function":"Debug","Function.fn.User":"Error"}}}"#,
        &[
            ("AzureFunctionsJobHost__logging__logLevel__Host.Results", "None"),
            ("AzureFunctionsJobHost__logging__loglevel__function", "Trace"),
        ],
    );
    let table = [
        ("Host.Startup", Level::Warning),
        ("Function.fn", Level::Trace),
        ("function.FN.user", Level::Error),
        ("Host.Results", Level::None),
        ("Fun", Level::Warning),
    ];
    for (category, level) in table {
        assert_eq!(host.logging.level_of(category), Some(level), "{category}");
    }
    assert_eq!(host.logging.file_logging_mode, FileLoggingMode::Always);
    assert_eq!(HostJson::default().logging.level_of("Host"), None);
    let error = bad(r#"{"version":"2.0","logging":{"logLevel":{"A.B":"loud"}}}"#, &[]).to_string();
    assert!(error.contains("'loud' is no log level"), "{error}");
}

/// host.md C18.
#[test]
fn c18_empty_object() {
    let loaded = load(Some("{ /* nothing */ }"), &[]);
    let host = loaded.host.unwrap();
    assert!(host.extension_bundle.is_none() && !host.is_default);
    assert!(loaded.log.contains("Empty host configuration file found. Creating a default host.json file."));
}

/// spec host.md §1.2, §1.3: defaults, and Development.
#[test]
fn defaults() {
    let host = HostJson::default();
    assert_eq!(host.watch_directories, ["node_modules"]);
    assert_eq!(host.watch_files, ["host.json", "function.json", "proxies.json"]);
    assert!(
        host.file_watching_enabled && host.send_canceled_invocations_to_worker && !host.sequential_restart
    );
    assert_eq!(host.metadata_provider_timeout, Duration::from_secs(30));
    assert_eq!(host.singleton.listener_lock_period, Duration::from_secs(60));
    assert_eq!((host.concurrency.maximum_function_concurrency, host.aggregator.batch_size), (500, 1000));
    assert!(!host.logging.console_enabled && host.retry.is_none());
    let developer = HostJson::minimal(&settings(&[("AZURE_FUNCTIONS_ENVIRONMENT", "development")]));
    assert_eq!(developer.singleton.listener_lock_period, Duration::from_secs(15));
    assert!(developer.logging.console_enabled);
}

/// spec host.md §1.2: every section with a value other than its default, comments and trailing commas included.
#[test]
fn whole_schema() {
    let host = good(
        "\u{feff}{ // comment\r\n \"version\": \"2.0\", \"watchDirectories\": [\"Shared\"], \"watchFiles\": [\"a.txt\", \"HOST.JSON\"],\r\n
        \"telemetryMode\": \"opentelemetry\", \"sendCanceledInvocationsToWorker\": false, \"metadataProviderTimeout\": \"00:00:45\",
        \"retry\": {\"strategy\":\"fixedDelay\",\"maxRetryCount\":2,\"delayInterval\":\"00:00:01\"},
        \"managedDependency\": {\"Enabled\": true}, \"sequentialRestart\": \"true\",
        \"singleton\": {\"lockPeriod\":\"00:00:20\",\"listenerLockPeriod\":\"00:00:30\"}, \"healthMonitor\": {\"enabled\": false},
        \"aggregator\": {\"batchSize\": 5}, \"concurrency\": {\"dynamicConcurrencyEnabled\": true, \"CPUThreshold\": 0.5, \"maximumFunctionConcurrency\": -1},
        \"extensionBundle\": {\"id\":\"Microsoft.Azure.Functions.ExtensionBundle\",\"version\":\"[3.3.0, 4.0.0)\"},
        \"customHandler\": {\"description\": {\"defaultExecutablePath\": \"h\"}}, \"logging\": {\"console\": {\"isEnabled\": true, \"disableColors\": true}, \"applicationInsights\": {\"a\": 1}}, }",
        &[("AZURE_FUNCTIONS_ENVIRONMENT", "Development")],
    );
    assert_eq!(host.watch_directories, ["Shared", "node_modules"]);
    assert_eq!(host.watch_files, ["a.txt", "HOST.JSON", "function.json", "proxies.json"]);
    assert_eq!(host.telemetry_mode, TelemetryMode::OpenTelemetry);
    assert!(!host.send_canceled_invocations_to_worker && host.sequential_restart && host.managed_dependency);
    assert_eq!(host.metadata_provider_timeout, Duration::from_secs(45));
    assert!(matches!(host.retry, Some(RetryPolicy::FixedDelay { max_retries: Some(2), .. })));
    assert_eq!(
        (host.singleton.lock_period, host.singleton.listener_lock_period),
        (Duration::from_secs(20), Duration::from_secs(30))
    );
    assert!(!host.health_monitor.enabled && host.concurrency.dynamic_concurrency_enabled);
    assert_eq!((host.aggregator.batch_size, host.concurrency.cpu_threshold), (5, 0.5));
    assert_eq!(host.extension_bundle.as_ref().and_then(ExtensionBundle::major), Some(3));
    assert!(host.custom_handler.is_some() && host.http_worker.is_none());
    assert!(host.logging.console_enabled && host.logging.console_colors_disabled);
    assert_eq!(host.logging.application_insights, json!({"a":1}));
    let beneath = host.beneath(&Settings::default());
    assert_eq!(beneath.expand("%AzureFunctionsJobHost:singleton:lockPeriod%").as_deref(), Ok("00:00:20"));
    assert_eq!(beneath.get("azurefunctionsjobhost__watchfiles__0"), Some("a.txt"));
    assert_eq!(beneath.get("AzureFunctionsJobHost:managedDependency:enabled"), Some("True"));
}

/// spec host.md §1.3, §1.4: ranges and messages; each names its property.
#[test]
fn refused_values() {
    let bundle = |name: &str| {
        format!(
            "The value of {name} property in extensionBundle section of host.json file is invalid or missing. See https://aka.ms/functions-hostjson for more information"
        )
    };
    let table = [
        (r#""customHandler":{}"#, "Missing worker Description.".to_owned()),
        (r#""httpWorker":{"description":null}"#, "Missing worker Description.".to_owned()),
        (r#""extensionBundle":{}"#, bundle("id")),
        (r#""extensionBundle":{"id":"a b","version":"1.0"}"#, bundle("id")),
        (r#""extensionBundle":{"id":"A.B"}"#, bundle("version")),
        (r#""extensionBundle":{"id":"A.B","version":"[x"}"#, bundle("version")),
        (
            r#""singleton":{"lockPeriod":"00:00:14"}"#,
            "singleton.lockPeriod: '00:00:14' is out of range: use 00:00:15 to 00:01:00.".to_owned(),
        ),
        (r#""singleton":{"listenerLockPeriod":"00:01:01"}"#, "singleton.listenerLockPeriod".to_owned()),
        (
            r#""singleton":{"lockAcquisitionPollingInterval":"00:00:00.4"}"#,
            "lockAcquisitionPollingInterval".to_owned(),
        ),
        (
            r#""singleton":{"listenerLockRecoveryPollingInterval":"00:00:14"}"#,
            "listenerLockRecoveryPollingInterval".to_owned(),
        ),
        (
            r#""singleton":{"lockPeriod":20}"#,
            "singleton.lockPeriod: '20.00:00:00' is out of range".to_owned(),
        ),
        (r#""singleton":7"#, "host.json: singleton: invalid type".to_owned()),
        (
            r#""aggregator":{"batchSize":0}"#,
            "aggregator.batchSize: '0' is out of range: use 1 to 10000.".to_owned(),
        ),
        (r#""aggregator":{"batchSize":-1}"#, "aggregator.batchSize".to_owned()),
        (r#""aggregator":{"flushTimeout":"00:05:01"}"#, "aggregator.flushTimeout".to_owned()),
        (
            r#""concurrency":{"maximumFunctionConcurrency":0}"#,
            "concurrency.maximumFunctionConcurrency: '0'".to_owned(),
        ),
        (r#""concurrency":{"CPUThreshold":1}"#, "concurrency.CPUThreshold: '1'".to_owned()),
        (
            r#""retry":{"strategy":"fixedDelay","maxRetryCount":-2,"delayInterval":"00:00:01"}"#,
            "'-2' is an invalid value for 'maxRetryCount'".to_owned(),
        ),
        (r#""telemetryMode":"carrier pigeon""#, "telemetryMode: unknown variant".to_owned()),
        (r#""functions":"A""#, "host.json: functions: invalid type".to_owned()),
        (r#""fileWatchingEnabled":"perhaps""#, "fileWatchingEnabled".to_owned()),
        (r#""logging":{"fileLoggingMode":"x"}"#, "logging.fileLoggingMode: unknown variant".to_owned()),
    ];
    for (property, expected) in table {
        let error = bad(&format!("{{\"version\":\"2.0\",\n{property}}}"), &[]);
        let message = error.to_string();
        assert!(message.contains(&expected), "{property}: {message}");
        if matches!(error, HostJsonError::Invalid { .. }) {
            assert!(message.contains("host.json', line 2 column "), "{property}: {message}");
        }
        assert_eq!(error.is_configuration_error(), message == "Missing worker Description.");
    }
}

/// An extension's own options are placed as well, in the file or in the environment.
#[test]
fn extension_errors_are_placed() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Queues {
        #[serde(rename = "batchSize")]
        _batch_size: u32,
    }
    let file = "{\"version\":\"2.0\",\n\"Extensions\":{\"Queues\":{\"BatchSize\":\"many\"}}}";
    let error = good(file, &[]).extension_options::<Queues>("queues").unwrap_err().to_string();
    assert!(error.contains("extensions.queues.batchSize") && error.contains("line 2 column 37"), "{error}");
    let name = "AzureFunctionsJobHost__extensions__queues__batchSize";
    let error = good(file, &[(name, "x")]).extension_options::<Queues>("queues").unwrap_err().to_string();
    assert!(error.contains(&format!("(setting '{name}')")), "{error}");
}

#[test]
fn later_duplicates_win() {
    let host = good(r#"{"version":"1.0","version":"2.0","functions":["A"],"Functions":["B"]}"#, &[]);
    assert_eq!(host.functions, Some(vec!["B".to_owned()]));
}
