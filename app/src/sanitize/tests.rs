use serde_json::json;

use super::*;

/// spec host.md §11.6 and C16.
#[test]
fn c16_text_table() {
    let table = [
        ("AccountKey=abc==", "[Hidden Credential]"),
        ("a DefaultEndpointsProtocol=https;AccountName=x;AccountKey=y\" b", "a [Hidden Credential]\" b"),
        ("DefaultEndpointsProtocol=ftp", "DefaultEndpointsProtocol=ftp"),
        (
            "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=k",
            "Endpoint=sb://x/;SharedAccessKeyName=n;[Hidden Credential]",
        ),
        ("GET http://h/api/x?code=123\nnext", "GET http://h/api/x[Hidden Credential]\nnext"),
        ("http://h/b?a=1&SIG=zz<br>", "http://h/b?a=1[Hidden Credential]<br>"),
        ("amqp://user:pw@host:5672/v", "[Hidden Credential]"),
        ("see redis://:pw@h", "see [Hidden Credential]"),
        ("http://host:80/a@b:c", "http://host:80/a@b:c"),
        ("mailto: user@host", "mailto: user@host"),
        ("Server=tcp:x;Password=y \"z\" pwd=1", "[Hidden Credential]\"z\" [Hidden Credential]"),
        ("é ToKeN=1", "é [Hidden Credential]"),
        ("x = 1, a==b, ://", "x = 1, a==b, ://"),
        ("", ""),
    ];
    for (text, expected) in table {
        assert_eq!(sanitize(text), expected, "{text}");
    }
    assert!(matches!(sanitize("nothing to hide = here"), Cow::Borrowed(_)));
}

#[test]
fn c16_json() {
    let value = json!({"extensions":{"x":{"apiKey":"a","hostPassword":5,"fine":"b","c":["AccountKey=1"],"secrets":{"d":1}}}});
    assert_eq!(
        sanitize_json(&value),
        json!({"extensions":{"x":{"apiKey":HIDDEN,"hostPassword":HIDDEN,"fine":"b","c":[HIDDEN],"secrets":{"d":1}}}})
    );
}
