//! Whole statements over a few families and their children.

use serde_json::{Value, json};

use super::{rows, try_rows};

fn families() -> Vec<Value> {
    vec![
        json!({"id": "andersen", "state": "WA", "size": 3, "registered": true,
            "children": [{"name": "Henriette", "grade": 5, "pets": [{"n": "Fluffy"}]}]}),
        json!({"id": "wakefield", "state": "NY", "size": 4, "registered": false,
            "children": [{"name": "Jesse", "grade": 1, "pets": [{"n": "Goofy"}, {"n": "Shadow"}]},
                         {"name": "Lisa", "grade": 8}]}),
        json!({"id": "miller", "state": "WA", "registered": true, "children": []}),
        json!({"id": "smith", "state": "ny", "size": "4"}),
    ]
}

fn check(table: &[(&str, Value)]) {
    for (text, expected) in table {
        assert_eq!(rows(text, &families()), *expected, "{text}");
    }
}

/// Point 4: projections and aliases.
#[test]
fn projections() {
    check(&[
        (
            "SELECT c.id, c.size AS persons FROM c WHERE c.state = 'WA'",
            json!([
            {"id": "andersen", "persons": 3}, {"id": "miller"}]),
        ),
        ("SELECT VALUE c.size FROM c", json!([3, 4, "4"])),
        (
            "SELECT VALUE {n: c.id, big: c.size > 3} FROM c WHERE c.registered",
            json!([
            {"n": "andersen", "big": false}, {"n": "miller"}]),
        ),
        (
            "SELECT c.size + 1, c.id, 'x', c.children[0] FROM c WHERE c.id = 'andersen'",
            json!([
            {"$1": 4, "id": "andersen", "$2": "x",
             "$3": {"name": "Henriette", "grade": 5, "pets": [{"n": "Fluffy"}]}}]),
        ),
        ("SELECT f FROM f WHERE f.id = 'smith'", json!([{"f": {"id": "smith", "state": "ny", "size": "4"}}])),
        (
            "SELECT * FROM Families f WHERE f.id = \"smith\";",
            json!([{"id": "smith", "state": "ny", "size": "4"}]),
        ),
        ("SELECT 1 AS one, 'b' two", json!([{"one": 1, "two": "b"}])),
        ("select value Count(1) from root -- a comment\n where root.state = 'WA' /* and one */", json!([2])),
    ]);
}

/// Point 4: FROM paths, IN and JOIN over arrays in an item.
#[test]
fn joins() {
    check(&[
        ("SELECT VALUE ch.name FROM ch IN c.children", json!(["Henriette", "Jesse", "Lisa"])),
        ("SELECT VALUE children FROM c.children WHERE ARRAY_LENGTH(children) = 0", json!([[]])),
        (
            "SELECT c.id, ch.name FROM c JOIN ch IN c.children WHERE ch.grade > 4",
            json!([
            {"id": "andersen", "name": "Henriette"}, {"id": "wakefield", "name": "Lisa"}]),
        ),
        (
            "SELECT VALUE p.n FROM c JOIN ch IN c.children JOIN p IN ch.pets",
            json!(["Fluffy", "Goofy", "Shadow"]),
        ),
        ("SELECT VALUE pet FROM c JOIN (SELECT VALUE p.n FROM p IN c.children[1].pets) AS pet", json!([])),
        (
            "SELECT VALUE pet FROM c JOIN (SELECT VALUE p.n FROM p IN c.children[0].pets WHERE p.n != 'Goofy') pet",
            json!(["Fluffy", "Shadow"]),
        ),
        ("SELECT VALUE COUNT(1) FROM c JOIN a IN c.children JOIN b IN c.children", json!([5])),
    ]);
}

/// Point 4: nested queries.
#[test]
fn subqueries() {
    check(&[
        (
            "SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE x FROM x IN c.children WHERE x.grade = 8)",
            json!(["wakefield"]),
        ),
        (
            "SELECT VALUE c.id FROM c WHERE NOT EXISTS (SELECT VALUE x FROM x IN c.children)",
            json!(["miller", "smith"]),
        ),
        (
            "SELECT c.id, ARRAY(SELECT VALUE x.name FROM x IN c.children WHERE x.grade < 6) AS young FROM c \
          WHERE c.size >= 3",
            json!([
            {"id": "andersen", "young": ["Henriette"]}, {"id": "wakefield", "young": ["Jesse"]}]),
        ),
        (
            "SELECT c.id, (SELECT VALUE COUNT(1) FROM x IN c.children) AS n FROM c WHERE c.registered",
            json!([
            {"id": "andersen", "n": 1}, {"id": "miller", "n": 0}]),
        ),
        (
            "SELECT VALUE s.n FROM (SELECT c.id AS n FROM c WHERE c.registered) AS s",
            json!(["andersen", "miller"]),
        ),
        (
            "SELECT VALUE (SELECT VALUE x.grade FROM x IN c.children ORDER BY x.grade DESC OFFSET 0 LIMIT 1) FROM c",
            json!([5, 8]),
        ),
    ]);
}

/// Point 4: ORDER BY puts types in the service's order, undefined first.
#[test]
fn ordering() {
    let mixed: Vec<Value> = [
        json!({"k": "text"}),
        json!({"k": [1]}),
        json!({}),
        json!({"k": true}),
        json!({"k": 2}),
        json!({"k": {}}),
        json!({"k": null}),
        json!({"k": 1.5}),
        json!({"k": false}),
    ]
    .into();
    let ascending = json!([{}, {"k": null}, {"k": false}, {"k": true}, {"k": 1.5}, {"k": 2}, {"k": "text"},
        {"k": [1]}, {"k": {}}]);
    assert_eq!(rows("SELECT * FROM c ORDER BY c.k", &mixed), ascending);
    let mut descending = ascending.as_array().unwrap().clone();
    descending.reverse();
    assert_eq!(rows("SELECT * FROM c ORDER BY c.k DESC", &mixed), Value::Array(descending));
    check(&[
        (
            "SELECT VALUE c.id FROM c ORDER BY c.state DESC, c.id ASC",
            json!(["smith", "andersen", "miller", "wakefield"]),
        ),
        ("SELECT VALUE c.id FROM c ORDER BY c.id OFFSET 1 LIMIT 2", json!(["miller", "smith"])),
        ("SELECT TOP 2 VALUE c.id FROM c ORDER BY c.id", json!(["andersen", "miller"])),
        ("SELECT VALUE c.id FROM c OFFSET 3 LIMIT 10", json!(["smith"])),
        ("SELECT TOP 0 * FROM c", json!([])),
        (
            "SELECT VALUE c.id FROM c ORDER BY LENGTH(c.id) DESC, c.id",
            json!(["wakefield", "andersen", "miller", "smith"]),
        ),
    ]);
}

/// Point 4: aggregates skip undefined, refuse what they cannot add, and answer for no rows.
#[test]
fn aggregates() {
    check(&[
        ("SELECT VALUE COUNT(1) FROM c", json!([4])),
        ("SELECT VALUE COUNT(c.size) FROM c", json!([3])),
        ("SELECT VALUE SUM(c.size) FROM c WHERE IS_NUMBER(c.size)", json!([7])),
        ("SELECT VALUE SUM(c.size) FROM c", json!([])),
        ("SELECT VALUE AVG(c.size) FROM c WHERE IS_NUMBER(c.size)", json!([3.5])),
        (
            "SELECT MIN(c.id) AS low, MAX(c.id) AS high FROM c",
            json!([{"low": "andersen", "high": "wakefield"}]),
        ),
        ("SELECT VALUE MAX(c.size) FROM c", json!(["4"])),
        ("SELECT VALUE COUNT(1) FROM c WHERE false", json!([0])),
        ("SELECT VALUE SUM(c.size) FROM c WHERE false", json!([0])),
        ("SELECT AVG(c.size) AS mean FROM c WHERE false", json!([{}])),
        ("SELECT VALUE MIN(c.children) FROM c", json!([])),
        ("SELECT COUNT(1) FROM c", json!([{"$1": 4}])),
        (
            "SELECT VALUE SUM(ch.grade) / COUNT(1) FROM c JOIN ch IN c.children WHERE ch.grade != 8",
            json!([3]),
        ),
        (
            "SELECT VALUE [{'item': {'sum': SUM(c.size), 'count': COUNT(c.size)}}] FROM c WHERE c.size > 0",
            json!([[{"item": {"sum": 7, "count": 2}}]]),
        ),
    ]);
}

/// Point 4: GROUP BY and DISTINCT.
#[test]
fn groups() {
    check(&[
        (
            "SELECT c.state, COUNT(1) AS n FROM c GROUP BY c.state",
            json!([
            {"state": "WA", "n": 2}, {"state": "NY", "n": 1}, {"state": "ny", "n": 1}]),
        ),
        (
            "SELECT UPPER(c.state) AS s, COUNT(1) AS n FROM c GROUP BY UPPER(c.state)",
            json!([
            {"s": "WA", "n": 2}, {"s": "NY", "n": 2}]),
        ),
        (
            "SELECT c.registered, MAX(c.id) AS last FROM c GROUP BY c.registered",
            json!([
            {"registered": true, "last": "miller"}, {"registered": false, "last": "wakefield"}, {"last": "smith"}]),
        ),
        ("SELECT VALUE c.state FROM c GROUP BY c.state", json!(["WA", "NY", "ny"])),
        ("SELECT DISTINCT VALUE c.state FROM c", json!(["WA", "NY", "ny"])),
        (
            "SELECT DISTINCT c.state FROM c ORDER BY c.state DESC",
            json!([
            {"state": "ny"}, {"state": "WA"}, {"state": "NY"}]),
        ),
        ("SELECT DISTINCT VALUE LOWER(c.state) FROM c OFFSET 1 LIMIT 5", json!(["ny"])),
    ]);
}

/// The rewritten texts other SDKs send after planning on their own side are ordinary queries.
#[test]
fn rewritten_by_a_client() {
    check(&[(
        "SELECT c._rid, [{\"item\": c.size}] AS orderByItems, c.id AS payload\nFROM c\nWHERE (true)\nORDER BY c.size DESC",
        json!([
                {"orderByItems": [{"item": "4"}], "payload": "smith"},
                {"orderByItems": [{"item": 4}], "payload": "wakefield"},
                {"orderByItems": [{"item": 3}], "payload": "andersen"},
                {"orderByItems": [{}], "payload": "miller"}]),
    )]);
}

/// Point 4: parameters, also in TOP, OFFSET and LIMIT, with or without the sign in their name.
#[test]
fn parameters() {
    let found = try_rows(
        "SELECT TOP @top VALUE c.id FROM c WHERE c.state IN (@a, @b) AND ARRAY_CONTAINS(@ids, c.id)",
        &json!({"top": 1, "a": "WA", "b": "NY", "ids": ["miller", "wakefield"]}),
        &families(),
    );
    assert_eq!(found, Ok(vec![json!("wakefield")]));
    let injected = try_rows("SELECT * FROM c WHERE c.id = @id", &json!({"id": "x' OR true --"}), &families());
    assert_eq!(injected, Ok(vec![]));
}
