use super::*;

#[test]
fn notation_table() {
    let seconds = |text: &str| parse(text).map(|duration| duration.as_secs_f64());
    let table = [
        ("00:00:01", Some(1.0)),
        ("00:00:00.5", Some(0.5)),
        ("00:00:00.0000001", Some(1e-7)),
        ("1:2", Some(3720.0)),
        ("23:59:59", Some(86_399.0)),
        ("1.00:00:00", Some(86_400.0)),
        ("6.12:14", Some(562_440.0)),
        ("1:02:03:04", Some(93_784.0)),
        ("1:02:03:04.25", Some(93_784.25)),
        ("5", Some(432_000.0)),
        ("24:00:00", Some(24.0 * 86_400.0)),
        ("30:01:02", Some(30.0 * 86_400.0 + 3720.0)),
        (" 00:05:00 ", Some(300.0)),
        ("24:00", None),
        ("00:60:00", None),
        ("00:00:60", None),
        ("1.24:00:00", None),
        ("00:00:00.12345678", None),
        ("24:00:00.5", None),
        ("1.2.3:00:00", None),
        ("1:2:3:4:5", None),
        ("1.1:2:3:4", None),
        ("-00:00:01", None),
        ("-1", None),
        ("", None),
        (":", None),
        ("a:b:c", None),
        ("+1:00:00", None),
        ("10675199.02:48:06", None),
        ("99999999.00:00:00", None),
        ("99999999999999999999", None),
    ];
    for (text, expected) in table {
        assert_eq!(seconds(text), expected, "{text}");
    }
    assert_eq!(parse("10675199.02:48:05.4775807"), Some(MAX));
}

#[test]
fn format_is_the_inverse() {
    for text in ["00:00:00", "00:05:00", "1.02:03:04", "00:00:00.5000000", "10675199.02:48:05.4775807"] {
        assert_eq!(parse(text).map(format).as_deref(), Some(text));
    }
}
