use super::address::{Address, Key};
use super::entity::{ticks_in, ticks_text};
use crate::Service;
use crate::probe::{Probe, Reply};

#[test]
fn addresses_name_tables_entities_and_batches() {
    let key = |partition: &str, row: &str| Key { partition: partition.to_owned(), row: row.to_owned() };
    for (path, expected) in [
        ("", Some(Address::Service)),
        ("$batch", Some(Address::Batch)),
        ("Tables", Some(Address::Tables)),
        ("Tables()", Some(Address::Tables)),
        ("Tables('t')", Some(Address::TableRecord("t".to_owned()))),
        ("people", Some(Address::Entities("people".to_owned()))),
        ("people()", Some(Address::Entities("people".to_owned()))),
        ("people(PartitionKey='a',RowKey='b')", Some(Address::Entity("people".to_owned(), key("a", "b")))),
        (
            "people(RowKey='O''Neil, x', PartitionKey='')",
            Some(Address::Entity("people".to_owned(), key("", "O'Neil, x"))),
        ),
        ("people(PartitionKey='a')", None),
        ("people(PartitionKey='a,RowKey='b')", None),
        ("people(Other='a')", None),
        ("people(", None),
    ] {
        assert_eq!(Address::parse(path).ok(), expected, "{path}");
    }
}

#[test]
fn times_keep_seven_digits() {
    for text in
        ["2026-01-02T03:04:05.1234567Z", "1601-01-01T00:00:00.0000000Z", "9999-12-31T23:59:59.9999999Z"]
    {
        assert_eq!(ticks_text(ticks_in(text).unwrap()), text);
    }
    assert_eq!(ticks_in("2026-01-02T04:04:05+01:00"), ticks_in("2026-01-02T03:04:05Z"));
    assert_eq!(ticks_in("never"), None);
}

async fn call(probe: &Probe, line: &str, headers: &[&str], content: &str) -> Reply {
    probe.call(Service::Table, line, headers, content).await
}

async fn with_table() -> Probe {
    let probe = Probe::new();
    let made = call(&probe, "POST /Tables", &[], "{\"TableName\":\"People\"}").await;
    assert_eq!(made.status, 201, "{made:?}");
    probe
}

#[tokio::test]
async fn the_three_levels_of_metadata() {
    let probe = with_table().await;
    let entity = r#"{"PartitionKey":"p","RowKey":"r","Big":"5","Big@odata.type":"Edm.Int64","Whole":5.0,"Odd":"NaN","Odd@odata.type":"Edm.Double","Nothing":null}"#;
    assert_eq!(call(&probe, "POST /People", &[], entity).await.status, 201);
    let get = async |accept: &str| {
        let reply = call(&probe, "GET /people(PartitionKey='p',RowKey='r')", &[accept], "").await;
        serde_json::from_str::<serde_json::Value>(&reply.body).unwrap()
    };
    let none = get("accept: application/json;odata=nometadata").await;
    assert_eq!(none["Big"], "5");
    assert!(none.as_object().unwrap().keys().all(|name| !name.contains("odata")), "{none}");
    assert!(none.get("Nothing").is_none());
    let minimal = get("accept: application/json;odata=minimalmetadata").await;
    assert_eq!(minimal["Big@odata.type"], "Edm.Int64");
    assert_eq!(minimal["Odd@odata.type"], "Edm.Double");
    assert!(minimal.get("Whole@odata.type").is_none());
    assert!(minimal["odata.etag"].as_str().unwrap().starts_with("W/"));
    let full = get("accept: application/json;odata=fullmetadata").await;
    assert_eq!(full["Timestamp@odata.type"], "Edm.DateTime");
    assert_eq!(full["odata.editLink"], "people(PartitionKey='p',RowKey='r')");
}

#[tokio::test]
async fn bad_entities_are_refused_with_the_services_codes() {
    let probe = with_table().await;
    let many: String = (0..253).map(|number| format!(",\"P{number}\":1")).collect();
    let many = format!("{{\"PartitionKey\":\"p\",\"RowKey\":\"r\"{many}}}");
    let long_key = format!("{{\"PartitionKey\":\"{}\",\"RowKey\":\"r\"}}", "k".repeat(1025));
    for (line, content, status, code) in [
        ("POST /People", "not json", 400, "InvalidInput"),
        ("POST /People", "{\"RowKey\":\"r\"}", 400, "PropertiesNeedValue"),
        ("POST /People", "{\"PartitionKey\":1,\"RowKey\":\"r\"}", 400, "InvalidInput"),
        ("POST /People", "{\"PartitionKey\":\"p\",\"RowKey\":\"r\",\"X\":{}}", 400, "InvalidInput"),
        (
            "POST /People",
            "{\"PartitionKey\":\"p\",\"RowKey\":\"r\",\"X\":\"z\",\"X@odata.type\":\"Edm.Int64\"}",
            400,
            "InvalidInput",
        ),
        ("POST /People", "{\"PartitionKey\":\"p\",\"RowKey\":\"r\",\"a b\":1}", 400, "PropertyNameInvalid"),
        ("POST /People", many.as_str(), 400, "TooManyProperties"),
        ("POST /People", long_key.as_str(), 400, "KeyValueTooLarge"),
        ("POST /Nobody", "{\"PartitionKey\":\"p\",\"RowKey\":\"r\"}", 404, "TableNotFound"),
        ("POST /Tables", "{\"TableName\":\"people\"}", 409, "TableAlreadyExists"),
        ("POST /Tables", "{\"TableName\":\"1x2\"}", 400, "InvalidResourceName"),
        ("DELETE /Tables('nobody')", "", 404, "ResourceNotFound"),
        ("DELETE /People(PartitionKey='p',RowKey='r')", "", 400, "MissingRequiredHeader"),
        ("GET /People?$filter=x%20eq", "", 400, "InvalidInput"),
        ("GET /People?NextPartitionKey=x", "", 400, "InvalidQueryParameterValue"),
    ] {
        let reply = call(&probe, line, &[], content).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{line} {}", reply.body);
        let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(body["odata.error"]["code"], code, "{line}");
    }
}

fn batch(parts: &[(&str, &str)]) -> String {
    let mut text = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n".to_owned();
    for (line, content) in parts {
        let (method, path) = line.split_once(' ').unwrap();
        let request = format!(
            "{method} http://127.0.0.1:10002/devstoreaccount1{path} HTTP/1.1\r\nContent-Type: application/json\r\nIf-Match: *\r\nPrefer: return-no-content\r\n\r\n{content}"
        );
        text.push_str(&format!(
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n{request}\r\n"
        ));
    }
    text + "--c--\r\n--b--\r\n"
}

#[tokio::test]
async fn bad_transactions_change_nothing() {
    let probe = with_table().await;
    let insert = |row: &str| format!("{{\"PartitionKey\":\"p\",\"RowKey\":\"{row}\"}}");
    let other = "{\"PartitionKey\":\"q\",\"RowKey\":\"1\"}";
    let (one, two) = (insert("1"), insert("2"));
    let kind = "content-type: multipart/mixed; boundary=b";
    for (parts, status, code) in [
        (
            vec![("POST /People", one.as_str()), ("POST /People", other)],
            "400",
            "CommandsInBatchActOnDifferentPartitions",
        ),
        (vec![("POST /People", one.as_str()), ("POST /People", one.as_str())], "400", "InvalidDuplicateRow"),
        (
            vec![("POST /People", one.as_str()), ("DELETE /People(PartitionKey='p',RowKey='9')", "")],
            "404",
            "ResourceNotFound",
        ),
        (
            vec![("POST /People", two.as_str()), ("POST /Nobody", one.as_str())],
            "400",
            "CommandsInBatchActOnDifferentPartitions",
        ),
        (vec![("POST /People", two.as_str()), ("GET /People", "")], "400", "InvalidInput"),
    ] {
        let reply = call(&probe, "POST /$batch", &[kind], &batch(&parts)).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        assert!(reply.body.contains(&format!("HTTP/1.1 {status}")), "{}", reply.body);
        assert!(reply.body.contains(code) && reply.body.contains("\"1:"), "{}", reply.body);
    }
    let left = call(&probe, "GET /People()", &[], "").await;
    assert!(left.body.ends_with("\"value\":[]}"), "{}", left.body);
    for (kind, body) in
        [(kind, "nonsense"), ("content-type: application/json", "{}"), (kind, "--b\r\n\r\n\r\n--b--\r\n")]
    {
        let reply = call(&probe, "POST /$batch", &[kind], body).await;
        assert_eq!((reply.status, reply.code()), (400, "InvalidInput"), "{body}");
    }
}
