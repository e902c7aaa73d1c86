use chrono::{DateTime, TimeZone, Utc};
use uuid::Uuid;

use super::date::Stamp;
use super::{guid, number, span};

fn table(rows: &[(&str, &str)], actual: impl Fn(&str) -> String) {
    for (given, expected) in rows {
        assert_eq!(actual(given), *expected, "given {given:?}");
    }
}

/// Spec bindings.md §1.4: .NET format strings on dates.
#[test]
fn dates_follow_dotnet_format_strings() {
    let utc = Stamp::from(Utc.with_ymd_and_hms(2024, 3, 9, 7, 5, 4).unwrap());
    table(
        &[
            ("yyyy-MM-ddTHH-mm-ssK", "2024-03-09T07-05-04Z"),
            ("yyyy", "2024"),
            ("yy/M/d", "24/3/9"),
            ("yyyyMMdd", "20240309"),
            ("ddd, dd MMM yyyy", "Sat, 09 Mar 2024"),
            ("dddd MMMM", "Saturday March"),
            ("h:mm tt", "7:05 AM"),
            ("HH'h'mm", "07h05"),
            ("ss.fff", "04.000"),
            ("ss.FFF", "04"),
            (r"\yyy", "y24"),
            ("%d", "9"),
            ("o", "2024-03-09T07:05:04.0000000Z"),
            ("s", "2024-03-09T07:05:04"),
            ("u", "2024-03-09 07:05:04Z"),
            ("r", "Sat, 09 Mar 2024 07:05:04 GMT"),
            ("d", "03/09/2024"),
            ("T", "07:05:04"),
        ],
        |format| utc.format(format).unwrap(),
    );
    let local = Stamp::from(DateTime::parse_from_rfc3339("2024-03-09T07:05:04.1234567-05:30").unwrap());
    table(
        &[
            ("%K", "-05:30"),
            ("zzz", "-05:30"),
            ("%z", "-5"),
            ("ss.fffffff", "04.1234567"),
            ("ss.FF", "04.12"),
            ("o", "2024-03-09T07:05:04.1234567-05:30"),
            ("u", "2024-03-09 12:35:04Z"),
        ],
        |format| local.format(format).unwrap(),
    );
    assert_eq!(utc.json(), "2024-03-09T07:05:04Z");
    assert!(utc.format("q").is_none());
}

/// Spec bindings.md §1.4 and §1.8: numbers in invariant text and under format strings.
#[test]
fn numbers_follow_dotnet_format_strings() {
    for (value, expected) in [
        (1.0, "1"),
        (0.1, "0.1"),
        (1e14, "100000000000000"),
        (1e15, "1E+15"),
        (1.5e-7, "1.5E-07"),
        (0.00001, "1E-05"),
        (0.0001, "0.0001"),
        (-2.5, "-2.5"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(number::double(value), expected);
    }
    for (given, format, expected) in [
        ("7", "", "7"),
        ("7", "D4", "0007"),
        ("-7", "d3", "-007"),
        ("255", "X", "FF"),
        ("255", "x4", "00ff"),
        ("-1", "X", "FFFFFFFF"),
        ("1234567.891", "N", "1,234,567.89"),
        ("1234.5", "F1", "1234.5"),
        ("2.5", "F0", "3"),
        ("0.256", "P1", "25.6 %"),
        ("1234", "E2", "1.23E+003"),
        ("7", "000", "007"),
        ("1234567", "#,##0", "1,234,567"),
        ("1234.5", "0.00", "1234.50"),
        ("0.5", "#.##", ".5"),
        ("5", "no 0", "no 5"),
        ("0.25", "0%", "25%"),
    ] {
        assert_eq!(number::format(given, format).as_deref(), Some(expected), "{given} as {format:?}");
    }
    assert_eq!(number::format("1.5", "D"), None);
    assert_eq!(number::json("123456789012345678901234567890"), "123456789012345678901234567890");
    assert_eq!(number::json("1.0"), "1");
}

/// Spec bindings.md §1.4: `N D B P X`.
#[test]
fn identifiers_have_five_formats() {
    let id = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let text = |format: &str| guid::format(&id, format);
    assert_eq!(text("").as_deref(), Some("00112233-4455-6677-8899-aabbccddeeff"));
    assert_eq!(text("n").as_deref(), Some("00112233445566778899aabbccddeeff"));
    assert_eq!(text("B").as_deref(), Some("{00112233-4455-6677-8899-aabbccddeeff}"));
    assert_eq!(text("P").as_deref(), Some("(00112233-4455-6677-8899-aabbccddeeff)"));
    let nested = "{0x00112233,0x4455,0x6677,{0x88,0x99,0xaa,0xbb,0xcc,0xdd,0xee,0xff}}";
    assert_eq!(text("X").as_deref(), Some(nested));
    assert_eq!(text("Z"), None);
    for format in ["D", "N", "B", "P"] {
        assert_eq!(guid::parse(&text(format).unwrap()), Some(id));
    }
    assert_eq!(guid::parse("{0011}"), None);
}

#[test]
fn spans_read_days_clock_and_fraction() {
    for (text, seconds) in [
        ("00:05:00", Some(300.0)),
        ("1.00:00:01", Some(86_401.0)),
        ("1:00:00:01", Some(86_401.0)),
        ("6", Some(518_400.0)),
        ("00:30", Some(1800.0)),
        ("00:00:00.5", Some(0.5)),
        ("24:00:00", None),
        ("00:60:00", None),
        ("-00:01:00", None),
        ("", None),
        ("a:b", None),
        ("1.2.3:4", None),
        ("::", None),
    ] {
        assert_eq!(span::parse(text).map(|span| span.as_secs_f64()), seconds, "{text}");
    }
}
