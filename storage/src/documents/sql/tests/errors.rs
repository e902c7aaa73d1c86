//! What the grammar refuses, and whether the message says what it was.

use serde_json::json;

use super::try_rows;

/// Bad input: SQL outside of the grammar names what is not supported.
#[test]
fn refusals_name_the_cause() {
    let table = [
        ("", "SC1001", "ends too early"),
        ("SELEC * FROM c", "SC1001", "'SELEC'"),
        ("SELECT * FROM", "SC1001", "ends too early"),
        ("SELECT * FROM c WHERE", "SC1001", "ends too early"),
        ("SELECT * FROM c WHERE c.a = ", "SC1001", "ends too early"),
        ("SELECT * FROM c extra words", "SC1001", "'words'"),
        ("SELECT c.order FROM c", "SC1001", "'order'"),
        ("SELECT c.value FROM c", "SC1001", "'value'"),
        ("SELECT 'open FROM c", "SC1010", "string literal"),
        ("SELECT '\\u12' FROM c", "SC1010", "string literal"),
        ("SELECT 1abc FROM c", "SC1010", "number literal"),
        ("SELECT # FROM c", "SC1010", "'#'"),
        ("SELECT * /* FROM c", "SC1010", "comment"),
        ("SELECT * FROM c WHERE d.x = 1", "SC2001", "'d'"),
        ("SELECT * FROM Families f WHERE Families.x = 1", "SC2001", "'Families'"),
        ("SELECT NOSUCH(c.x) FROM c", "SC2005", "'NOSUCH'"),
        ("SELECT ST_DISTANCE(c.a, c.b) FROM c", "SC2999", "'ST_DISTANCE'"),
        ("SELECT udf.f(c.a) FROM c", "SC2999", "user-defined function"),
        ("SELECT * FROM c WHERE c.a IN (SELECT VALUE 1)", "SC2999", "inside IN"),
        ("SELECT c.s FROM c GROUP BY c.s HAVING COUNT(1) > 1", "SC2999", "HAVING"),
        ("SELECT c.s FROM c GROUP BY c.s ORDER BY c.s", "SC2999", "ORDER BY together with GROUP BY"),
        ("SELECT * FROM c ORDER BY RANK RRF(c.a)", "SC2999", "ORDER BY RANK"),
        ("SELECT LOWER() FROM c", "SC2009", "'LOWER'"),
        ("SELECT COUNT(1, 2) FROM c", "SC2009", "'COUNT'"),
        ("SELECT * FROM c WHERE c.a = @missing", "SC2061", "'@missing'"),
        ("SELECT TOP @text * FROM c", "SC2062", "TOP"),
        ("SELECT TOP -1 * FROM c", "SC1001", "'-'"),
        ("SELECT c.a, c.a FROM c", "SC2040", "'a'"),
        ("SELECT * FROM c JOIN x IN c.a", "SC2030", "single input set"),
        ("SELECT * FROM c JOIN c IN c.a", "SC2012", "'c'"),
        ("SELECT c.a, COUNT(1) FROM c", "SC2102", "'c'"),
        ("SELECT * FROM c WHERE COUNT(1) > 1", "SC2101", "WHERE"),
        ("SELECT SUM(COUNT(1)) FROM c", "SC2101", "aggregate"),
        ("DELETE FROM c", "SC1001", "'DELETE'"),
        ("SELECT * FROM c; SELECT * FROM c", "SC1001", "'SELECT'"),
    ];
    for (text, code, part) in table {
        let error = try_rows(text, &json!({"text": "x"}), &[]).expect_err(text);
        assert_eq!(error.code, code, "{text}: {error}");
        assert!(error.message.contains(part), "{text}: {error}");
    }
}

/// The span points at the offending text.
#[test]
fn spans_point_at_the_text() {
    let error = try_rows("SELECT * FORM c", &json!({}), &[]).unwrap_err();
    assert_eq!(error.span, 9..13);
}
