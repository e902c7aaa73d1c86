//! Tables in the words of the service's documentation: a query (or expression) on the left, what it yields on the right.

mod errors;
mod expressions;
mod fuzz;
mod queries;

use serde_json::{Map, Value, json};

use super::{Execution, Query, SqlError};

/// Rows of `text` over `documents`, window applied as the service applies it.
fn try_rows(text: &str, parameters: &Value, documents: &[Value]) -> Result<Vec<Value>, SqlError> {
    let parameters = parameters.as_object().cloned().unwrap_or_default();
    let query = Query::parse(text, &parameters)?;
    let mut execution = Execution::new(&query);
    for document in documents {
        execution.push(document);
    }
    let (skip, take) = query.window();
    let size = |count: u64| usize::try_from(count).unwrap();
    Ok(execution.finish().into_iter().skip(size(skip)).take(size(take)).collect())
}

fn rows(text: &str, documents: &[Value]) -> Value {
    try_rows(text, &json!({}), documents).unwrap_or_else(|error| panic!("{text}: {error}")).into()
}

/// What `expression` is for the document `c`; `None` for undefined.
fn value_in(expression: &str, c: &Value) -> Option<Value> {
    let text = format!("SELECT VALUE {expression} FROM c");
    let query = Query::parse(&text, &Map::new()).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut execution = Execution::new(&query);
    execution.push(c);
    execution.finish().pop()
}
