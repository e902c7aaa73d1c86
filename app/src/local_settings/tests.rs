use super::*;

fn file(text: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join(FILE_NAME), text).unwrap();
    root
}

fn load(text: &str) -> LocalSettings {
    LocalSettings::load(file(text).path()).expect(text)
}

fn env(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

const FULL: &str = "\u{feff}{\r\n  // local only\r\n  \"isEncrypted\": false,
  \"Values\": { \"A\": \"1\", \"Empty\": \"\", \"N\": 7, \"B\": true, \"Null\": null, \"\": \"x\", \"V\": \"@Microsoft.KeyVault(SecretUri=u)\", },
  \"ConnectionStrings\": { \"Db\": \"Server=s\", \"Other\": { \"ConnectionString\": \"c\", \"ProviderName\": \"p\" }, },
  \"Host\": { \"LocalHttpPort\": 7075, \"LocalHttpAddress\": \"127.0.0.1\", \"CORS\": \"http://a, http://b\", \"CORSCredentials\": true }, /* end */
}";

/// cli.md §4.4: every element, comments and trailing commas.
#[test]
fn every_element() {
    let local = load(FULL);
    assert!(!local.is_encrypted && local.warnings.is_empty());
    let values: Vec<_> = local.values.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    assert_eq!(
        values[..5],
        [("A", Some("1")), ("Empty", Some("")), ("N", Some("7")), ("B", Some("true")), ("Null", None)]
    );
    assert_eq!(
        local.host,
        LocalHost {
            port: Some(7075),
            address: Some("127.0.0.1".to_owned()),
            cors: vec!["http://a".to_owned(), "http://b".to_owned()],
            cors_credentials: true,
        }
    );
    let strings: Vec<_> = local
        .connection_strings
        .iter()
        .map(|one| (one.name.as_str(), one.text.as_str(), one.provider.as_str()))
        .collect();
    assert_eq!(strings, [("Db", "Server=s", "System.Data.SqlClient"), ("Other", "c", "p")]);
    let shown = format!("{local:?}");
    assert!(shown.contains("\"A\"") && !shown.contains("Server=s") && !shown.contains("KeyVault"), "{shown}");
    assert_eq!(
        load(r#"{"IsEncrypted":"false","Host":{"CORS":["x"," "],"LocalHttpPort":"80"}}"#).host,
        LocalHost { port: Some(80), cors: vec!["x".to_owned()], ..LocalHost::default() }
    );
}

/// cli.md §4.4: missing IsEncrypted means true, which matters as soon as there are values.
#[test]
fn encrypted() {
    let text = "Failed to decrypt settings. Encrypted settings only be edited through 'func settings add'.";
    let table = [
        (r#"{"Values":{"A":"1"}}"#, "add \"IsEncrypted\": false"),
        (r#"{"IsEncrypted":true,"Values":{"A":"CfDJ8x"}}"#, "func settings decrypt"),
        (r#"{"IsEncrypted":null,"ConnectionStrings":{"A":"1"}}"#, "add \"IsEncrypted\": false"),
    ];
    for (content, hint) in table {
        let root = file(content);
        let error = LocalSettings::load(root.path()).unwrap_err().to_string();
        assert!(error.starts_with(text) && error.contains(hint), "{error}");
        assert!(LocalSettings::read(root.path()).is_encrypted);
    }
    assert!(load("{}").is_encrypted && load(r#"{"Values":{}}"#).values.is_empty());
}

/// cli.md §4.4: a file that cannot be understood is a warning with a place, and counts as empty.
#[test]
fn unreadable() {
    let table = [
        ("{", "on line 1"),
        (
            "{\n \"Values\": {\n  \"A\": {\"B\": 1}\n }\n}",
            "'Values.A' must be text, not a nested object or array on line 3 column 8.",
        ),
        (r#"{"IsEncrypted":false,"Values":[]}"#, "'Values' must be an object"),
        (r#"{"IsEncrypted":"maybe"}"#, "'IsEncrypted' must be true or false"),
        (r#"{"Host":{"LocalHttpPort":70000}}"#, "'Host.LocalHttpPort' must be a port number"),
        (r#"{"ConnectionStrings":{"X":{}}}"#, "'ConnectionStrings.X'"),
        ("[]", "It must hold a JSON object."),
        ("", "on line 1"),
    ];
    for (content, expected) in table {
        let root = file(content);
        let local = LocalSettings::load(root.path()).unwrap();
        let path = root.path().join(FILE_NAME);
        let start = format!(
            "Failed to read app settings file at '{}'. Ensure it is a valid JSON file. ",
            path.display()
        );
        assert!(
            local.warnings[0].starts_with(&start) && local.warnings[0].contains(expected),
            "{:?}",
            local.warnings
        );
        assert!(local.values.is_empty() && !local.is_encrypted);
        assert_eq!(merge(&local, &Settings::default()).1, local.warnings);
    }
    let none = LocalSettings::load(tempfile::tempdir().unwrap().path()).unwrap();
    assert!(none.values.is_empty() && none.warnings.is_empty());
}

/// cli.md §4.4 precedence and messages.
#[test]
fn precedence() {
    let local = load(FULL);
    let computed = [("N".to_owned(), "computed".to_owned()), ("B".to_owned(), "computed".to_owned())];
    let environment = env(&[
        ("a", "env"),
        ("B", "env"),
        ("ConnectionStrings__Db", "env"),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Staging"),
        ("Own", "env"),
    ]);
    let (settings, messages) = merge_with(&local, &computed, &environment);
    let table = [
        ("A", Some("env")),
        ("N", Some("computed")),
        ("B", Some("env")),
        ("Empty", Some("")),
        ("Null", None),
        ("Own", Some("env")),
        ("ConnectionStrings:Db", Some("env")),
        ("ConnectionStrings__Other", Some("c")),
        ("V", Some("@Microsoft.KeyVault(SecretUri=u)")),
        ("AZURE_FUNCTIONS_ENVIRONMENT", Some("Development")),
    ];
    for (name, expected) in table {
        assert_eq!(settings.get(name), expected, "{name}");
    }
    for expected in [
        "Skipping 'A' from local settings as it's already defined in current environment variables.",
        "Skipping 'B' from local settings as it's already defined in current environment variables.",
        "Skipping 'ConnectionStrings:Db' from local settings as it's already defined in current environment variables.",
        "Skipping 'Null' because value is null",
        "Skipping local setting with empty key.",
        "AZURE_FUNCTIONS_ENVIRONMENT already exists with value 'Staging', overriding to 'Development'.",
    ] {
        assert_eq!(
            messages.iter().filter(|message| *message == expected).count(),
            1,
            "{expected}: {messages:?}"
        );
    }
    assert_eq!(messages.iter().filter(|message| message.contains("Key Vault")).count(), 1);
    assert_eq!(messages.len(), 7, "{messages:?}");
    let (settings, messages) =
        merge(&LocalSettings::default(), &env(&[("AZURE_FUNCTIONS_ENVIRONMENT", "Development")]));
    assert_eq!((settings.get("azure_functions_environment"), messages.len()), (Some("Development"), 0));
}

/// Ours: a `.env` file adds settings, and local.settings.json wins over it.
#[test]
fn a_dotenv_file_adds_settings_beneath() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join(".env"), "A=dotenv\nB=dotenv\nnonsense\n").unwrap();
    let text = r#"{"IsEncrypted": false, "Values": {"a": "local"}}"#;
    std::fs::write(root.path().join("local.settings.json"), text).unwrap();
    let local = LocalSettings::load(root.path()).unwrap();
    let (settings, messages) = merge(&local, &Settings::default());
    assert_eq!((settings.get("A"), settings.get("B")), (Some("local"), Some("dotenv")));
    assert!(messages.iter().any(|message| message.contains(".env line 3")));
    // Without a local.settings.json it stands alone.
    std::fs::remove_file(root.path().join("local.settings.json")).unwrap();
    let local = LocalSettings::load(root.path()).unwrap();
    assert_eq!(merge(&local, &Settings::default()).0.get("A"), Some("dotenv"));
}
