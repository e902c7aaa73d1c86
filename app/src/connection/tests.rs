use super::*;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn text_of(connection: &Connection) -> &str {
    match connection {
        Connection::ConnectionString(text) => text.get("K").unwrap_or_default(),
        Connection::Section(section) => section["serviceuri"].as_str(),
    }
}

/// bindings.md §22 no. 24: every name that is tried, in order; removing the winner lets the next one win.
#[test]
fn b24_lookup_order() {
    let order = [
        "ConnectionStrings__AzureWebJobsFoo",
        "CUSTOMCONNSTR_AzureWebJobsFoo",
        "AzureWebJobsFoo",
        "ConnectionStrings:Foo",
        "CUSTOMCONNSTR_Foo",
        "SQLCONNSTR_Foo",
        "SQLAZURECONNSTR_Foo",
        "MYSQLCONNSTR_Foo",
        "Foo",
    ];
    for first in 0..order.len() {
        let settings = Settings::from_pairs(
            order[first..].iter().rev().map(|name| ((*name).to_owned(), format!("K={name}"))),
        );
        let storage = settings.storage_connection(Some("foo")).unwrap();
        assert_eq!(text_of(&storage), order[first]);
        assert_eq!(text_of(&settings.connection("foo").unwrap()), order[first]);
    }
    assert!(Settings::default().connection("foo").is_err());
}

/// bindings.md §22 no. 24 and 25: sections win by the same order.
#[test]
fn b25_sections() {
    let both =
        settings(&[("Foo", "K=text"), ("AzureWebJobsFoo__serviceUri", "uri"), ("Bar__SERVICEURI", "bar")]);
    assert_eq!(text_of(&both.storage_connection(Some("Foo")).unwrap()), "uri");
    let bar = both.connection("bar").unwrap();
    assert_eq!(bar.setting("serviceUri"), Some("bar"));
    assert_eq!(bar.setting("credential"), None);
    let mixed = settings(&[("Foo", "K=text"), ("Foo__serviceUri", "uri")]);
    assert_eq!(text_of(&mixed.connection("Foo").unwrap()), "text");
}

#[test]
fn default_and_prefixed_names() {
    let settings = settings(&[("AzureWebJobsStorage", "K=1")]);
    for name in [None, Some(""), Some("Storage"), Some("AzureWebJobsStorage"), Some("azurewebjobsstorage")] {
        assert_eq!(text_of(&settings.storage_connection(name).unwrap()), "1", "{name:?}");
    }
}

/// bindings.md §22 no. 27: the messages of missing connections.
#[test]
fn b27_missing_and_malformed() {
    let settings = settings(&[("Empty", " "), ("Bad", "s3cret-text"), ("Part", "A=1;s3cret")]);
    let missing = |name| settings.storage_connection(name).unwrap_err().to_string();
    assert_eq!(
        missing(None),
        "Storage account connection string 'AzureWebJobsStorage' does not exist. Make sure that it is a defined App Setting."
    );
    assert!(missing(Some("Empty")).contains("'AzureWebJobsEmpty' does not exist"));
    assert!(missing(Some("AzureWebJobsX")).contains("'AzureWebJobsX' does not exist"));
    for name in ["Bad", "Part"] {
        let error = missing(Some(name));
        assert!(error.contains(&format!("'{name}' is malformed")) && !error.contains("s3cret"), "{error}");
    }
    assert!(
        settings
            .connection("Empty")
            .unwrap_err()
            .to_string()
            .starts_with("Connection string 'Empty' is missing or empty")
    );
    assert!(settings.connection("").is_err());
}

#[test]
fn connection_strings_keep_equal_signs_and_hide_values() {
    let parsed = ConnectionString::parse("AccountName=me; AccountKey=abc==;;UseDevelopmentStorage=").unwrap();
    assert_eq!(parsed.get("accountkey"), Some("abc=="));
    assert_eq!(parsed.get("UseDevelopmentStorage"), None);
    assert!(!format!("{parsed:?}").contains("abc"));
    let connection = Connection::Section([("clientsecret".to_owned(), "hush".to_owned())].into());
    assert_eq!(format!("{connection:?}"), r#"Section {"clientsecret"}"#);
    let address = ConnectionString::lenient("amqp://u:p@h:5672/v");
    assert_eq!(address.text().reveal(), "amqp://u:p@h:5672/v");
    assert!(ConnectionString::parse("").is_err() && ConnectionString::parse(";").is_err());
}
