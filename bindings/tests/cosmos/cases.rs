//! bindings.md §7, input and output.

use std::sync::Arc;

use horus_app::log::Log;
use horus_app::settings::Settings;
use horus_app::{Binding, Cardinality, DataType, Direction, Function, FunctionSource};
use horus_bindings::cosmos::Extension;
use horus_bindings::queue::Wakers;
use horus_bindings::{BindingData, Extension as _, HostState, IndexContext, Input, Output, Value};
use serde_json::{Value as Json, json};

use super::Service;
use crate::Counterpart;

struct App {
    settings: Settings,
    extension: Extension,
}

impl App {
    fn new(service: &impl Counterpart) -> Self {
        let settings = Settings::from_pairs([("CosmosDB".to_owned(), service.connection_string())]);
        Self { settings, extension: Extension::new(&service.storage()) }
    }

    fn with<T>(
        &self,
        direction: Direction,
        properties: Json,
        make: impl FnOnce(&Binding, &IndexContext<'_>) -> T,
    ) -> T {
        let binding = |kind: &str, direction, properties| {
            let Json::Object(raw) = properties else { panic!("binding properties are an object") };
            Binding {
                name: "doc".to_owned(),
                kind: kind.to_owned(),
                direction,
                data_type: DataType::Undefined,
                cardinality: Cardinality::One,
                raw,
            }
        };
        let function = Function {
            name: "Store".to_owned(),
            id: "id".to_owned(),
            directory: "/app".into(),
            script_file: "/app/index.js".into(),
            entry_point: String::new(),
            language: "node".to_owned(),
            bindings: vec![
                binding("httpTrigger", Direction::In, json!({})),
                binding("cosmosDB", direction, properties),
            ],
            retry: None,
            disabled: false,
            source: FunctionSource::Host,
            config: Json::Null,
            properties: Vec::new(),
        };
        let cx = IndexContext {
            function: &function,
            settings: &self.settings,
            host_id: "tests",
            state: &HostState::in_memory(),
            wakers: &Wakers::default(),
            log: &Log::discard(),
            development: false,
        };
        make(&function.bindings[1], &cx)
    }

    fn output(&self, properties: Json) -> Arc<dyn Output> {
        self.with(Direction::Out, properties, |binding, cx| self.extension.output(binding, cx)).unwrap()
    }

    fn input(&self, properties: Json) -> Arc<dyn Input> {
        self.with(Direction::In, properties, |binding, cx| self.extension.input(binding, cx)).unwrap()
    }
}

fn data(pairs: &[(&'static str, &str)]) -> BindingData {
    let mut data = BindingData::default();
    for (name, value) in pairs {
        data.push(*name, Value::String((*value).to_owned()));
    }
    data
}

fn parsed(value: Value) -> Json {
    match value {
        Value::Json(json) => json.parse(),
        Value::Null => Json::Null,
        other => panic!("neither JSON nor nothing: {other:?}"),
    }
}

/// bindings.md 67: a container that is missing fails by name, is made when asked for, and arrays are upserted.
#[tokio::test]
async fn b67_items_are_upserted_and_containers_made_on_demand() {
    let service = Service::start();
    let app = App::new(&service);
    let place = json!({"databaseName": "shop", "containerName": "orders"});
    let strict = app.output(place.clone());
    let error = strict.write(Value::json(&json!({"id": "1"})), &data(&[])).await.unwrap_err().to_string();
    assert!(
        error.contains("'orders'") && error.contains("'shop'") && error.contains("createIfNotExists"),
        "{error}"
    );

    let mut creating = place.clone();
    creating["createIfNotExists"] = json!(true);
    creating["partitionKey"] = json!("/region");
    let output = app.output(creating);
    let items = json!([
        {"id": "1", "region": "eu", "total": 5, "nested": {"a": [1, 2]}},
        {"id": "2", "region": "us", "total": 7},
        {"region": "eu", "total": 9},
    ]);
    output.write(Value::json(&items), &data(&[])).await.unwrap();
    // Upsert: the same id again replaces the document. Text that holds an object is one, too.
    strict
        .write(Value::String("{\"id\":\"2\",\"region\":\"us\",\"total\":8}".to_owned()), &data(&[]))
        .await
        .unwrap();

    let all = parsed(app.input(place.clone()).read(&data(&[])).await.unwrap());
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|document| document["_etag"].is_string()), "documents as stored");
    let made = all.iter().find(|document| document["total"] == 9).expect("the document without an id");
    assert_eq!(made["id"].as_str().unwrap().len(), 36, "a GUID");
    let replaced = all.iter().find(|document| document["id"] == "2").unwrap();
    assert_eq!(replaced["total"], 8);

    let error = strict.write(Value::String("just text".to_owned()), &data(&[])).await.unwrap_err();
    assert!(error.to_string().contains("JSON object"), "{error}");
}

/// bindings.md 18 and §7: a document by id and key; what does not exist is nothing.
#[tokio::test]
async fn b18_point_reads_give_the_document_or_nothing() {
    let service = Service::start();
    let app = App::new(&service);
    // Property names of the extension's third major version.
    let output = app.output(json!({
        "databaseName": "shop", "collectionName": "orders", "connectionStringSetting": "CosmosDB",
        "createIfNotExists": true, "partitionKey": "/region",
    }));
    output.write(Value::json(&json!({"id": "1", "region": "eu", "total": 5})), &data(&[])).await.unwrap();

    let input = app.input(json!({
        "databaseName": "{db}", "containerName": "orders", "id": "{id}", "partitionKey": "{region}",
    }));
    let found = input.read(&data(&[("db", "shop"), ("id", "1"), ("region", "eu")])).await.unwrap();
    assert_eq!(parsed(found)["total"], 5);
    for missing in [
        [("db", "shop"), ("id", "2"), ("region", "eu")],
        [("db", "shop"), ("id", "1"), ("region", "us")],
        [("db", "nowhere"), ("id", "1"), ("region", "eu")],
    ] {
        assert_eq!(input.read(&data(&missing)).await.unwrap(), Value::Null, "{missing:?}");
    }
}

/// A container spread by id needs no partition key in the binding.
#[tokio::test]
async fn documents_spread_by_id_are_found_by_it() {
    let service = Service::start();
    let app = App::new(&service);
    let output = app.output(json!({"databaseName": "d", "containerName": "c", "createIfNotExists": true}));
    output.write(Value::json(&json!({"id": "x", "v": 1})), &data(&[])).await.unwrap();
    let input = app.input(json!({"databaseName": "d", "containerName": "c", "id": "{id}"}));
    assert_eq!(parsed(input.read(&data(&[("id", "x")])).await.unwrap())["v"], 1);
}

/// bindings.md 66: values are parameters; a partition key limits the query.
#[tokio::test]
async fn b66_queries_take_parameters_and_a_partition() {
    let service = Service::start();
    let app = App::new(&service);
    let output = app.output(json!({
        "databaseName": "d", "containerName": "c", "createIfNotExists": true, "partitionKey": "/region",
    }));
    let items = json!([
        {"id": "1", "region": "eu", "name": "it's \"a\" name"},
        {"id": "2", "region": "eu", "name": "other"},
        {"id": "3", "region": "us", "name": "it's \"a\" name"},
    ]);
    output.write(Value::json(&items), &data(&[])).await.unwrap();
    let query = "SELECT * FROM c WHERE c.name = {name}";
    let everywhere = app.input(json!({"databaseName": "d", "containerName": "c", "sqlQuery": query}));
    let here = app.input(json!({
        "databaseName": "d", "containerName": "c", "sqlQuery": query, "partitionKey": "{region}",
    }));
    let event = data(&[("name", "it's \"a\" name"), ("region", "us")]);
    let ids = |value: Value| {
        let mut ids: Vec<String> = parsed(value)
            .as_array()
            .unwrap()
            .iter()
            .map(|document| document["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(everywhere.read(&event).await.unwrap()), ["1", "3"]);
    assert_eq!(ids(here.read(&event).await.unwrap()), ["3"]);
    let none = data(&[("name", "' OR 1=1 --"), ("region", "us")]);
    assert_eq!(ids(everywhere.read(&none).await.unwrap()), Vec::<String>::new());
}

/// More documents than one page holds.
#[tokio::test]
async fn large_results_arrive_whole() {
    let service = Service::start();
    let app = App::new(&service);
    let place = json!({"databaseName": "d", "containerName": "c", "createIfNotExists": true});
    let items: Vec<Json> = (0..250).map(|number| json!({"id": format!("{number}")})).collect();
    app.output(place.clone()).write(Value::json(&Json::Array(items)), &data(&[])).await.unwrap();
    let all = parsed(app.input(place).read(&data(&[])).await.unwrap());
    assert_eq!(all.as_array().unwrap().len(), 250);
}
