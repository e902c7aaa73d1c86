//! What is decided before anything is sent.

use horus_app::settings::Settings;
use serde_json::json;

use super::accounts::Accounts;
use super::options::{ConnectionMode, Options};
use super::output::key_path;
use super::query::SqlQuery;
use crate::storage::Storage;
use crate::{BindingData, Value};

/// bindings.md 66: expressions never become part of a query's text.
#[test]
fn b66_expressions_are_parameters() {
    let query =
        SqlQuery::parse("SELECT * FROM c WHERE c.id = {id} AND c.n > {order.n} OR c.x = {id} -- {{literal}}")
            .unwrap();
    assert_eq!(query.text(), "SELECT * FROM c WHERE c.id = @id AND c.n > @order_n OR c.x = @id -- {literal}");
    let mut data = BindingData::default();
    data.push("id", Value::String("it's \"quoted\" {id}".to_owned()));
    data.push("order", Value::json(&json!({"n": 7})));
    assert_eq!(
        query.parameters(&data, "F").unwrap(),
        [("@id".to_owned(), json!("it's \"quoted\" {id}")), ("@order_n".to_owned(), json!("7"))]
    );
}

#[test]
fn parameters_keep_the_types_that_the_event_has() {
    let query = SqlQuery::parse("SELECT {DequeueCount}, {sys.methodName}").unwrap();
    let mut data = BindingData::default();
    data.push("DequeueCount", Value::json(&json!(3)));
    let parameters = query.parameters(&data, "Fn").unwrap();
    assert_eq!(parameters[0], ("@DequeueCount".to_owned(), json!(3)));
    assert_eq!(parameters[1], ("@sys_methodName".to_owned(), json!("Fn")));
}

#[test]
fn queries_with_odd_braces_or_names_fail() {
    assert!(SqlQuery::parse("SELECT {id").is_err());
    let query = SqlQuery::parse("SELECT {missing}").unwrap();
    let error = query.parameters(&BindingData::default(), "F").unwrap_err();
    assert_eq!(error.to_string(), "No value for named parameter 'missing'.");
}

#[test]
fn options_are_read_and_checked() {
    let options = Options::read(&json!({"ConnectionMode": "Direct", "userAgentSuffix": "shop"})).unwrap();
    assert_eq!(options.connection_mode, ConnectionMode::Direct);
    assert_eq!(options.user_agent_suffix.as_deref(), Some("shop"));
    assert_eq!(Options::read(&json!({})).unwrap(), Options::default());
    let error = Options::read(&json!({"connectionMode": "Pigeon"})).unwrap_err().to_string();
    assert!(error.contains("extensions.cosmosDB.connectionMode"), "{error}");
}

/// bindings.md §1.11: connection strings and sections; errors name keys, never values.
#[test]
fn connections_become_accounts() {
    let accounts = Accounts::new(Storage::new());
    let settings = Settings::from_pairs(
        [
            ("Text", "AccountEndpoint=https://a.documents.azure.com:443/;AccountKey=c2VjcmV0;"),
            ("Section__accountEndpoint", "https://b.documents.azure.com"),
            ("NoKey", "AccountEndpoint=https://a.documents.azure.com"),
            ("NoEndpoint__credential", "managedidentity"),
            ("BadEndpoint", "AccountEndpoint=nowhere;AccountKey=c2VjcmV0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let account = |name: &str| accounts.account(&settings.connection(name).unwrap(), Vec::new());
    assert_eq!(format!("{:?}", account("Text").unwrap()), "Account(https://a.documents.azure.com/)");
    assert_eq!(format!("{:?}", account("Section").unwrap()), "Account(https://b.documents.azure.com/)");
    for (name, expected) in
        [("NoKey", "AccountKey"), ("NoEndpoint", "accountEndpoint"), ("BadEndpoint", "nowhere")]
    {
        let error = account(name).unwrap_err();
        assert!(error.contains(expected) && !error.contains("c2VjcmV0"), "{error}");
    }
}

#[test]
fn partition_key_paths_may_lack_their_slash() {
    assert_eq!([key_path("/a/b"), key_path("a")], ["/a/b", "/a"]);
}
