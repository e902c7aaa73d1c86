//! Operators and functions, one expression at a time.

use serde_json::{Value, json};

use super::value_in;

/// Checks `(expression, Some(expected) | None for undefined)` against one document.
fn check(table: &[(&str, Option<Value>)]) {
    let c = json!({
        "id": "a", "n": 5, "f": 2.5, "s": "Hello", "t": true, "z": null, "neg": -3,
        "o": {"x": 1, "y": {"z": "deep"}}, "list": [1, 2, 3], "mixed": [1, "a", null, {"k": 1, "l": 2}],
        "order": "kept", "with space": 7,
    });
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(expression, expected)| {
            let actual = value_in(expression, &c);
            (actual != *expected).then(|| format!("{expression}: expected {expected:?}, got {actual:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn some(value: impl Into<Value>) -> Option<Value> {
    Some(value.into())
}

/// Point 4: members, literals and constructors.
#[test]
fn members_and_literals() {
    check(&[
        ("c.o.y.z", some("deep")),
        ("c['o'][\"y\"].z", some("deep")),
        ("c['order']", some("kept")),
        ("c['with space']", some(7)),
        ("c.list[1]", some(2)),
        ("c.list[3]", None),
        ("c.list[-1]", None),
        ("c.s.x", None),
        ("c.missing.deeper", None),
        ("'it\\'s \\u0041\\n'", some("it's A\n")),
        ("\"double \\ud83d\\ude00\"", some("double 😀")),
        ("1.50", some(1.5)),
        ("1e3", some(1000.0)),
        ("0x1F", some(31)),
        ("-7", some(-7)),
        ("undefined", None),
        ("{'a': c.n, b: c.missing}", some(json!({"a": 5}))),
        ("[c.n, c.missing, [c.s]]", some(json!([5, ["Hello"]]))),
        ("{}", some(json!({}))),
        ("[]", some(json!([]))),
    ]);
}

/// Point 4: equality crosses types, order does not, undefined is contagious.
#[test]
fn comparison() {
    check(&[
        ("c.n = 5", some(true)),
        ("c.n = 5.0", some(true)),
        ("c.n = '5'", some(false)),
        ("c.n != '5'", some(true)),
        ("c.s != null", some(true)),
        ("c.z = null", some(true)),
        ("c.missing = null", None),
        ("c.missing != 1", None),
        ("c.n < 6", some(true)),
        ("c.n < 'z'", None),
        ("c.s >= 'Hello'", some(true)),
        ("false < true", some(true)),
        ("c.list < [9]", None),
        ("c.list = [1, 2, 3]", some(true)),
        ("{a: 1, b: 2} = {b: 2, a: 1}", some(true)),
        ("c.n BETWEEN 1 AND 5", some(true)),
        ("c.n NOT BETWEEN 1 AND 5", some(false)),
        ("c.n BETWEEN 'a' AND 'b'", None),
        ("c.n IN (1, 5)", some(true)),
        ("c.n NOT IN (1, 5)", some(false)),
        ("c.missing IN (1)", None),
        ("c.n <> 4", some(true)),
    ]);
}

/// Point 4: AND, OR, NOT with three values, as in the service's truth tables.
#[test]
fn logic() {
    check(&[
        ("true AND c.missing", None),
        ("false AND c.missing", some(false)),
        ("c.missing AND false", some(false)),
        ("true OR c.missing", some(true)),
        ("c.missing OR true", some(true)),
        ("false OR c.missing", None),
        ("true AND 1", None),
        ("NOT c.missing", None),
        ("NOT c.t", some(false)),
        ("NOT c.n = 4", some(true)),
        ("NOT (c.t AND false) OR false", some(true)),
        ("true OR false AND false", some(true)),
        ("c.missing ?? c.n", some(5)),
        ("c.z ?? c.n", some(Value::Null)),
        ("c.missing ?? c.none ?? 'last'", some("last")),
        ("c.t ? 'yes' : 'no'", some("yes")),
        ("c.missing ? 'yes' : 'no'", some("no")),
        ("c.n > 3 ? c.n > 4 ? 'big' : 'mid' : 'small'", some("big")),
    ]);
}

/// Point 4: numbers, bits and text.
#[test]
fn arithmetic() {
    check(&[
        ("1 + 2 * 3 - 4 / 2", some(5)),
        ("(1 + 2) * 3", some(9)),
        ("7 / 2", some(3.5)),
        ("-7 % 3", some(-1)),
        ("10 - 3 - 2", some(5)),
        ("1 / 0", None),
        ("c.n + c.s", None),
        ("c.n + c.missing", None),
        ("-c.n", some(-5)),
        ("- -c.n", some(5)),
        ("+c.n", some(5)),
        ("-c.s", None),
        ("~5", some(-6)),
        ("6 & 3", some(2)),
        ("6 | 3", some(7)),
        ("6 ^ 3", some(5)),
        ("1 << 4", some(16)),
        ("-16 >> 2", some(-4)),
        ("-1 >>> 28", some(15)),
        ("1 + 1 = 2", some(true)),
        ("c.s || ' ' || 'World'", some("Hello World")),
        ("c.s || c.n", None),
        ("9007199254740993", some(9_007_199_254_740_993_i64)),
    ]);
}

/// Point 4: LIKE.
#[test]
fn like() {
    check(&[
        ("c.s LIKE 'H%'", some(true)),
        ("c.s LIKE '%l%o'", some(true)),
        ("c.s LIKE 'h%'", some(false)),
        ("c.s LIKE '_ello'", some(true)),
        ("c.s LIKE '[A-H]ello'", some(true)),
        ("c.s LIKE '[^A-H]ello'", some(false)),
        ("c.s NOT LIKE '%x%'", some(true)),
        ("'50%' LIKE '50!%' ESCAPE '!'", some(true)),
        ("'500' LIKE '50!%' ESCAPE '!'", some(false)),
        ("c.n LIKE '5'", None),
        ("'' LIKE '%'", some(true)),
        ("'a.b' LIKE 'a.b'", some(true)),
        ("'axb' LIKE 'a.b'", some(false)),
    ]);
}

/// Point 4: string functions.
#[test]
fn text_functions() {
    check(&[
        ("CONTAINS(c.s, 'ell')", some(true)),
        ("CONTAINS(c.s, 'ELL')", some(false)),
        ("contains(c.s, 'ELL', true)", some(true)),
        ("CONTAINS(c.n, 'x')", None),
        ("STARTSWITH(c.s, 'he', true)", some(true)),
        ("ENDSWITH(c.s, 'lo')", some(true)),
        ("StringEquals(c.s, 'HELLO', true)", some(true)),
        ("LOWER(c.s)", some("hello")),
        ("UPPER('straße')", some("STRASSE")),
        ("LENGTH('größe')", some(5)),
        ("SUBSTRING(c.s, 1, 3)", some("ell")),
        ("SUBSTRING(c.s, 1)", some("ello")),
        ("SUBSTRING(c.s, 9, 3)", some("")),
        ("CONCAT('a', 'b', 'c')", some("abc")),
        ("CONCAT('a', 1)", None),
        ("INDEX_OF(c.s, 'l')", some(2)),
        ("INDEX_OF(c.s, 'l', 3)", some(3)),
        ("INDEX_OF(c.s, 'x')", some(-1)),
        ("REPLACE(c.s, 'l', 'L')", some("HeLLo")),
        ("TRIM('  a  ')", some("a")),
        ("LTRIM('  a ')", some("a ")),
        ("RTRIM(' a  ')", some(" a")),
        ("TRIM('xxaxx', 'x')", some("a")),
        ("LEFT(c.s, 2)", some("He")),
        ("RIGHT(c.s, 2)", some("lo")),
        ("REVERSE('abc')", some("cba")),
        ("REPLICATE('ab', 3)", some("ababab")),
        ("REPLICATE('ab', 6000)", None),
        ("RegexMatch('abcd', 'AB.', 'i')", some(true)),
        ("RegexMatch('abcd', '^b')", some(false)),
        ("RegexMatch('abcd', '(')", None),
        ("RegexMatch('abcabc', '^(abc)\\\\1$')", some(true)),
        ("RegexMatch('price 5', 'price (?=\\\\d)')", some(true)),
        ("ToString(1.0)", some("1")),
        ("ToString(c.o)", some("{\"x\":1,\"y\":{\"z\":\"deep\"}}")),
        ("ToString(true)", some("true")),
        ("ToString(c.missing)", None),
        ("StringToNumber('1.5')", some(1.5)),
        ("StringToNumber('x')", None),
        ("StringToBoolean('true')", some(true)),
        ("StringToArray('[1]')", some(json!([1]))),
        ("StringToObject('{\"a\":1}')", some(json!({"a": 1}))),
        ("StringToNull('null')", some(Value::Null)),
        ("StringJoin(['a', 'b'], '-')", some("a-b")),
        ("StringSplit('a-b', '-')", some(json!(["a", "b"]))),
        ("CONTAINS_ANY_CI('Hello', 'x', 'HE')", some(true)),
        ("CONTAINS_ALL_CS('Hello', 'He', 'LO')", some(false)),
    ]);
}

/// Point 4: type tests answer for undefined as well.
#[test]
fn kind_functions() {
    check(&[
        ("IS_DEFINED(c.n)", some(true)),
        ("IS_DEFINED(c.missing)", some(false)),
        ("IS_NULL(c.z)", some(true)),
        ("IS_NULL(c.missing)", some(false)),
        ("IS_STRING(c.s)", some(true)),
        ("IS_NUMBER(c.s)", some(false)),
        ("IS_BOOL(c.t)", some(true)),
        ("IS_ARRAY(c.list)", some(true)),
        ("IS_OBJECT(c.o)", some(true)),
        ("IS_PRIMITIVE(c.o)", some(false)),
        ("IS_INTEGER(c.f)", some(false)),
        ("IIF(c.t, 1, 2)", some(1)),
        ("IIF(c.missing, 1, 2)", some(2)),
        ("CHOOSE(2, 'a', 'b')", some("b")),
        ("CHOOSE(3, 'a', 'b')", None),
    ]);
}

/// Point 4: arrays and sets.
#[test]
fn array_functions() {
    check(&[
        ("ARRAY_LENGTH(c.list)", some(3)),
        ("ARRAY_LENGTH(c.s)", None),
        ("ARRAY_CONTAINS(c.list, 2)", some(true)),
        ("ARRAY_CONTAINS(c.list, '2')", some(false)),
        ("ARRAY_CONTAINS(c.mixed, {'k': 1}, true)", some(true)),
        ("ARRAY_CONTAINS(c.mixed, {'k': 1})", some(false)),
        ("ARRAY_CONCAT(c.list, [4])", some(json!([1, 2, 3, 4]))),
        ("ARRAY_SLICE(c.list, 1)", some(json!([2, 3]))),
        ("ARRAY_SLICE(c.list, -2, 1)", some(json!([2]))),
        ("ARRAY_SLICE(c.list, 9, 9)", some(json!([]))),
        ("SetIntersect([1, 2, 2, 3], [2, 3])", some(json!([2, 3]))),
        ("SetUnion([1, 2], [2, 3])", some(json!([1, 2, 3]))),
        ("ObjectToArray({a: 1})", some(json!([{"k": "a", "v": 1}]))),
        ("ARRAY_CONTAINS_ANY(c.list, 9, 3)", some(true)),
        ("ARRAY_CONTAINS_ALL(c.list, 1, 9)", some(false)),
    ]);
}

/// Point 4: mathematics; what JSON cannot hold is undefined.
#[test]
fn math_functions() {
    check(&[
        ("ABS(c.neg)", some(3)),
        ("FLOOR(c.f)", some(2)),
        ("CEILING(c.f)", some(3)),
        ("ROUND(c.f)", some(3)),
        ("ROUND(-2.5)", some(-3)),
        ("ROUND(2.345, 2)", some(2.35)),
        ("TRUNC(-2.7)", some(-2)),
        ("SQRT(16)", some(4)),
        ("SQRT(-1)", None),
        ("SQUARE(3)", some(9)),
        ("POWER(2, 10)", some(1024)),
        ("SIGN(c.neg)", some(-1)),
        ("LOG10(1000)", some(3)),
        ("LOG(0)", None),
        ("PI() > 3.14", some(true)),
        ("RAND() < 1", some(true)),
        ("NumberBin(37, 10)", some(30)),
        ("IntAdd(9007199254740993, 1)", some(9_007_199_254_740_994_i64)),
        ("IntDiv(7, 0)", None),
        ("ABS('x')", None),
    ]);
}

/// Point 4: dates.
#[test]
fn time_functions() {
    check(&[
        ("DateTimeAdd('mm', 1, '2024-01-31T00:00:00Z')", some("2024-02-29T00:00:00.0000000Z")),
        ("DateTimeAdd('hh', -25, '2024-01-02T00:30:00.1234567Z')", some("2023-12-31T23:30:00.1234567Z")),
        ("DateTimeDiff('dd', '2024-01-01T23:00:00Z', '2024-01-02T01:00:00Z')", some(1)),
        ("DateTimeDiff('hh', '2024-01-02T01:00:00Z', '2024-01-01T23:00:00Z')", some(-2)),
        ("DateTimePart('yyyy', '2024-05-06T07:08:09.1234567Z')", some(2024)),
        ("DateTimePart('ns', '2024-05-06T07:08:09.1234567Z')", some(123_456_700)),
        ("DateTimePart('dw', '2024-05-06')", some(2)),
        ("DateTimeFromParts(2024, 2, 3, 4, 5, 6, 7)", some("2024-02-03T04:05:06.0000007Z")),
        ("DateTimeFromParts(2024, 13, 1)", None),
        ("DateTimeToTimestamp('1970-01-01T00:00:01Z')", some(1000)),
        ("DateTimeToTicks('1970-01-01T00:00:01Z')", some(10_000_000)),
        ("TimestampToDateTime(1500)", some("1970-01-01T00:00:01.5000000Z")),
        ("TicksToDateTime(15)", some("1970-01-01T00:00:00.0000015Z")),
        ("DateTimeBin('2024-05-06T07:08:09Z', 'hh', 2)", some("2024-05-06T06:00:00.0000000Z")),
        ("DateTimeAdd('era', 1, '2024-01-31')", None),
        ("DateTimeAdd('dd', 1, 'tomorrow')", None),
        ("GetCurrentTimestamp() > 1700000000000", some(true)),
        ("GetCurrentDateTime() > '2024'", some(true)),
        ("GetCurrentTicks() = GetCurrentTicks()", some(true)),
    ]);
}
