//! Whatever the text, parsing and running end in rows or in an error, within a bounded stack.

use serde_json::{Map, json};

use super::{Query, try_rows};

/// A small generator with a fixed seed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

const WORDS: [&str; 62] = [
    "SELECT",
    "VALUE",
    "*",
    "FROM",
    "c",
    "JOIN",
    "x",
    "IN",
    "c.items",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "=",
    "<",
    ">=",
    "+",
    "-",
    "||",
    "??",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "'text'",
    "\"q",
    "1",
    "2.5e3",
    "@p",
    "@",
    "ORDER",
    "BY",
    "GROUP",
    "OFFSET",
    "LIMIT",
    "TOP",
    "DISTINCT",
    "COUNT",
    "SUM(",
    "EXISTS",
    "ARRAY",
    "LIKE",
    "BETWEEN",
    "null",
    "undefined",
    "LOWER(",
    "\\",
    "é",
    "ESCAPE",
    "AS",
    "SUBSTRING(c.s,",
    "RegexMatch(c.s,",
    "-- x",
    "/*",
    "0x",
    "~",
];

/// Bad input: 20,000 random sentences of the language's own words.
#[test]
fn random_sentences_never_panic() {
    let documents = [json!({"items": [1, {"a": "b"}], "s": "text", "x": {"y": [null, true]}})];
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut understood = 0;
    for round in 0..20_000 {
        let mut text =
            if round % 2 == 0 { "SELECT VALUE ".to_owned() } else { "SELECT * FROM c WHERE ".to_owned() };
        for _ in 0..dice.roll(14) {
            text.push_str(WORDS[dice.roll(WORDS.len())]);
            if dice.roll(4) > 0 {
                text.push(' ');
            }
        }
        understood += usize::from(try_rows(&text, &json!({"p": 3}), &documents).is_ok());
    }
    assert!(understood > 100, "the generator must also produce valid queries, not {understood}");
}

/// Bad input: a good query with bytes cut, doubled or replaced.
#[test]
fn mutilated_queries_never_panic() {
    let good = "SELECT TOP 3 c.id, ARRAY(SELECT VALUE t FROM t IN c.tags WHERE t LIKE 'a[b-d]%' ESCAPE '!') AS tags \
        FROM c JOIN x IN c.items WHERE (c.n BETWEEN 1 AND 0x10 OR c.s IN ('\\u0041é', \"😀\")) AND NOT x.y ?? true \
        ORDER BY c.a DESC, c['b'][0] OFFSET 1 LIMIT 2";
    let mut dice = Dice(42);
    for _ in 0..20_000 {
        let mut characters: Vec<char> = good.chars().collect();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(characters.len());
            match dice.roll(3) {
                0 => _ = characters.remove(at),
                1 => characters.insert(at, characters[dice.roll(characters.len())]),
                _ => characters[at] = char::from((dice.roll(126) + 1) as u8),
            }
        }
        let text: String = characters.into_iter().collect();
        let _ = try_rows(&text, &json!({}), &[json!({"n": 1, "items": [{"y": false}], "tags": ["abc"]})]);
    }
}

/// Bad input: depth is bounded, whatever makes it; width is not depth.
#[test]
fn deep_nesting_is_refused_and_width_is_not() {
    let deep = |open: &str, close: &str| {
        format!("SELECT VALUE {}1{} FROM c", open.repeat(20_000), close.repeat(20_000))
    };
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("- ", ""),
        ("NOT ", ""),
        ("{a:", "}"),
        ("1 ?? ", ""),
        ("1 + ", ""),
        ("(SELECT VALUE ", ")"),
        ("true ? 1 : ", ""),
        ("LOWER(", ")"),
        ("1 = ", ""),
        ("'a' || ", ""),
        ("1 * 2 + ", ""),
    ] {
        let error = Query::parse(&deep(open, close), &Map::new()).expect_err(open);
        assert_eq!(error.code, "SC3002", "{open}: {error}");
    }
    let members = format!("SELECT VALUE c{} FROM c", ".a".repeat(20_000));
    assert_eq!(Query::parse(&members, &Map::new()).unwrap_err().code, "SC3002");
    for (open, close) in [("(", ")"), ("LOWER(", ")"), ("{a:", "}"), ("(SELECT VALUE ", ")")] {
        let allowed = format!("SELECT VALUE {}'A'{} FROM c", open.repeat(25), close.repeat(25));
        assert_eq!(try_rows(&allowed, &json!({}), &[json!({})]).map(|rows| rows.len()), Ok(1), "{open}");
    }
    for wide in [vec!["c.a = 1"; 5_000].join(" OR "), format!("c.a IN ({})", vec!["1"; 20_000].join(","))] {
        Query::parse(&format!("SELECT * FROM c WHERE {wide}"), &Map::new()).expect("width is fine");
    }
    let endless = format!("SELECT * FROM c WHERE c.a = '{}'", "x".repeat(600_000));
    assert_eq!(Query::parse(&endless, &Map::new()).unwrap_err().code, "SC3001");
}
