//! Functions that host.json declares by their routes (spec host.md §7.1 `http.routes`).

use horus_app::index::{self, Index, WorkerFunction};
use horus_app::{FunctionError, Settings};
use serde_json::json;

use super::LANGUAGE;
use super::options::Route;

const METHODS: [&str; 7] = ["get", "post", "put", "delete", "patch", "head", "options"];

/// One HTTP function per route: `http-handler1`, `http-handler2` and so on, in the order of the routes.
pub(super) fn functions(routes: &[Route], settings: &Settings) -> Index {
    let mut errors = Vec::new();
    let mut found = Vec::new();
    for (n, route) in routes.iter().enumerate() {
        let name = format!("http-handler{}", n + 1);
        if let Some(message) = complaint(&route.template) {
            errors.push(FunctionError { function: name, message: message.to_owned() });
            continue;
        }
        let trigger = json!({
            "type": "httpTrigger",
            "direction": "in",
            "name": "req",
            "authLevel": route.level,
            "methods": METHODS,
            "route": route.template,
        });
        let response = json!({ "type": "http", "direction": "out", "name": "res" });
        found.push(WorkerFunction {
            name,
            script_file: "host.json".to_owned(),
            raw_bindings: vec![trigger.to_string(), response.to_string()],
            ..WorkerFunction::default()
        });
    }
    let mut index = index::from_worker(found, settings, LANGUAGE);
    index.errors.extend(errors);
    index
}

/// What is wrong with a template, in the platform's words.
fn complaint(template: &str) -> Option<&'static str> {
    if template.contains(' ') {
        return Some("Route template cannot contain spaces.");
    }
    if template.contains("//") {
        return Some("Route template cannot contain consecutive '/'.");
    }
    if template.contains("{}") {
        return Some("Route template contains an empty parameter '{}'.");
    }
    let mut depth = 0_i32;
    for letter in template.chars() {
        depth += match letter {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth < 0 {
            return Some("Route template contains unmatched closing brace '}'.");
        }
    }
    (depth > 0).then_some("Route template contains unmatched '{'.")
}
