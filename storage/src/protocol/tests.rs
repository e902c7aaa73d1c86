use super::dates::{iso7, parse_iso, parse_rfc1123, rfc1123};
use super::xml::{Writer, parse};
use crate::Service;
use crate::engine::Timestamp;
use crate::probe::Probe;

const TIME: Timestamp = Timestamp(1_795_470_372_123);

#[test]
fn dates_have_the_services_forms() {
    assert_eq!(rfc1123(TIME), "Mon, 23 Nov 2026 21:46:12 GMT");
    assert_eq!(iso7(TIME), "2026-11-23T21:46:12.1230000Z");
    assert_eq!(rfc1123(Timestamp::NEVER), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(parse_rfc1123("Mon, 23 Nov 2026 21:46:12 GMT"), Some(Timestamp(1_795_470_372_000)));
    assert_eq!(parse_iso("2026-11-23T21:46:12.123Z"), Some(TIME));
    assert_eq!(parse_iso("2026-11-23T21:46Z"), Some(Timestamp(1_795_470_360_000)));
    assert_eq!(parse_iso("2026-11-23"), Some(Timestamp(1_795_392_000_000)));
    assert_eq!(parse_iso("tomorrow"), None);
}

#[test]
fn xml_text_survives_a_round_trip() {
    let text = "  <a href=\"x\">&amp;</a>\n\ttab\rreturn 👋 ";
    let mut xml = Writer::new();
    xml.open("Root");
    xml.text("Text", text);
    xml.text("Empty", "");
    xml.close("Root");
    let root = parse(xml.finish().as_bytes(), "Root").unwrap();
    assert_eq!(root.child_text("Text"), Some(text));
    assert_eq!(root.child_text("Empty"), Some(""));
}

#[test]
fn bad_xml_is_refused() {
    let deep = "<a>".repeat(100);
    for body in [
        "",
        "text",
        "<Root>",
        "<Root></Other>",
        "<Other/>",
        "<Root>&undefined;</Root>",
        "<!DOCTYPE Root [<!ENTITY x \"y\">]><Root>&x;</Root>",
        "\u{1}",
        &deep,
    ] {
        let fault = parse(body.as_bytes(), "Root").unwrap_err();
        assert_eq!((fault.status, &*fault.code), (400, "InvalidXmlDocument"), "{body}");
    }
    assert!(parse(b"<Root>\xFF</Root>", "Root").is_err());
    let entities = parse(b"<Root>&lt;&#x41;<![CDATA[<raw>]]></Root>", "Root").unwrap();
    assert_eq!(entities.text, "<A<raw>");
}

#[tokio::test]
async fn every_answer_carries_the_common_headers() {
    let probe = Probe::new();
    let headers = ["x-ms-version: 2025-11-05", "x-ms-client-request-id: mine"];
    for (service, status) in [(Service::Queue, 404), (Service::Blob, 404), (Service::Table, 404)] {
        let path =
            if service == Service::Table { "GET /missing" } else { "DELETE /missing?restype=container" };
        let reply = probe.call(service, path, &headers, "").await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.header("x-ms-version"), "2025-11-05");
        assert_eq!(reply.header("x-ms-client-request-id"), "mine");
        assert_eq!(reply.header("x-ms-request-id").len(), 36);
        assert!(parse_rfc1123(reply.header("date")).is_some());
        assert!(!reply.code().is_empty());
        assert!(reply.body.contains(reply.code()), "{}", reply.body);
        assert!(reply.body.contains("RequestId:"), "{}", reply.body);
    }
}

#[tokio::test]
async fn wrong_versions_and_unknown_operations_are_refused() {
    let probe = Probe::new();
    for version in ["x-ms-version: 2008-01-01", "x-ms-version: latest", "x-ms-version: 2025-13-01"] {
        let reply = probe.call(Service::Queue, "GET /?comp=list", &[version], "").await;
        assert_eq!((reply.status, reply.code()), (400, "InvalidHeaderValue"), "{version}");
        assert_eq!(reply.element("HeaderName"), "x-ms-version");
    }
    for (service, line, status) in [
        (Service::Queue, "GET /?comp=unknown", 400),
        (Service::Queue, "PATCH /queue", 405),
        (Service::Blob, "PUT /cont/blob?comp=page", 400),
        (Service::Blob, "GET /cont?restype=container&comp=unknown", 400),
        (Service::Table, "PATCH /Tables", 405),
    ] {
        assert_eq!(probe.call(service, line, &[], "").await.status, status, "{line}");
    }
}

#[tokio::test]
async fn browsers_get_what_the_cors_rules_allow() {
    let probe = Probe::new();
    let ask = ["origin: https://a.example", "access-control-request-method: GET"];
    let reply = probe.call(Service::Blob, "OPTIONS /x/y", &ask, "").await;
    assert_eq!((reply.status, reply.code()), (403, "CorsPreflightFailure"));
    let rule = "<StorageServiceProperties><Cors><CorsRule><AllowedOrigins>https://a.example</AllowedOrigins><AllowedMethods>GET,PUT</AllowedMethods><MaxAgeInSeconds>7</MaxAgeInSeconds><ExposedHeaders>x-ms-*</ExposedHeaders><AllowedHeaders>*</AllowedHeaders></CorsRule></Cors></StorageServiceProperties>";
    let set = probe.call(Service::Blob, "PUT /?restype=service&comp=properties", &[], rule).await;
    assert_eq!(set.status, 202, "{set:?}");
    let reply = probe.call(Service::Blob, "OPTIONS /x/y", &ask, "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), "https://a.example");
    assert_eq!(reply.header("access-control-max-age"), "7");
}

/// The quick forms agree with the calendar's own formatter, and only exact dates take the quick way.
#[test]
fn http_dates_are_written_and_read_as_the_standard_says() {
    let mut time = 0i64;
    while time < 253_402_300_799_000 {
        let known = chrono::DateTime::from_timestamp_millis(time).unwrap();
        let text = known.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert_eq!(rfc1123(Timestamp(time)), text);
        assert_eq!(parse_rfc1123(&text), Some(Timestamp(time - time % 1000)));
        time += 7_777_777_777_777 / 131;
    }
    assert_eq!(rfc1123(Timestamp::NEVER), "Fri, 31 Dec 9999 23:59:59 GMT");
    let friday = parse_rfc1123("Fri, 06 Nov 2026 08:49:37 GMT").unwrap();
    assert_eq!(parse_rfc1123("Fri, 6 Nov 2026 08:49:37 +0000"), Some(friday));
    for wrong in [
        "Mon, 06 Nov 2026 08:49:37 GMT",
        "Fri, 31 Nov 2026 08:49:37 GMT",
        "Fri, 06 Nov 2026 08:49:+7 GMT",
        "",
    ] {
        assert_eq!(parse_rfc1123(wrong), None, "{wrong}");
    }
}
