//! Signatures, verified for real.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use super::super::{Documents, Key, Options, WELL_KNOWN_KEY};
use crate::engine::{Engine, EngineOptions};

pub(super) fn authorization(key: &str, payload: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap();
    mac.update(payload.as_bytes());
    let token = format!("type=master&ver=1.0&sig={}", STANDARD.encode(mac.finalize().into_bytes()));
    utf8_percent_encode(&token, NON_ALPHANUMERIC).to_string()
}

pub(super) fn now() -> String {
    chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

async fn status(documents: &Documents, path: &str, date: &str, authorization: Option<&str>) -> u16 {
    let mut request = Request::get(path).header("x-ms-date", date);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    documents.answer(request.body(Bytes::new()).unwrap()).await.status().as_u16()
}

/// Point 5: the key must fit, for this verb, resource and time.
#[tokio::test]
async fn only_the_right_signature_opens() {
    let own = STANDARD.encode(b"a key of our own");
    let keys = vec![Key::well_known(), Key::parse(&own).unwrap()];
    let engine = Engine::open(EngineOptions::in_memory()).unwrap();
    let documents = Documents::new(engine, Options { keys });
    let date = now();
    let payload = |verb: &str, kind: &str, link: &str, date: &str| {
        format!("{verb}\n{kind}\n{link}\n{}\n\n", date.to_lowercase())
    };
    for key in [WELL_KNOWN_KEY, &own] {
        let root = authorization(key, &payload("get", "", "", &date));
        assert_eq!(status(&documents, "/", &date, Some(&root)).await, 200);
        let feed = authorization(key, &payload("get", "colls", "dbs/My Db", &date));
        assert_eq!(status(&documents, "/dbs/My%20Db/colls", &date, Some(&feed)).await, 404);
        assert_eq!(status(&documents, "/dbs/Other/colls", &date, Some(&feed)).await, 401, "another resource");
        let encoded = authorization(key, &payload("get", "colls", "dbs/My%20Db", &date));
        assert_eq!(status(&documents, "/dbs/My%20Db/colls", &date, Some(&encoded)).await, 404);
        let posted = authorization(key, &payload("post", "dbs", "", &date));
        assert_eq!(status(&documents, "/dbs", &date, Some(&posted)).await, 401, "another verb");
    }
    let stranger = authorization(&STANDARD.encode(b"not a key of ours"), &payload("get", "dbs", "", &date));
    assert_eq!(status(&documents, "/dbs", &date, Some(&stranger)).await, 401);
    assert_eq!(status(&documents, "/dbs", &date, None).await, 401);
    for garbage in
        ["", "type=master", "type=master&ver=1.0&sig=%%%", "type=resource&ver=1.0&sig=AAAA", "Bearer x"]
    {
        assert_eq!(status(&documents, "/dbs", &date, Some(garbage)).await, 401, "{garbage}");
    }
}

/// Bad input: skewed dates.
#[tokio::test]
async fn an_old_signature_is_refused() {
    let engine = Engine::open(EngineOptions::in_memory()).unwrap();
    let clock = engine.clock().clone();
    let documents = Documents::new(engine, Options::default());
    let date = now();
    let signed = authorization(WELL_KNOWN_KEY, &format!("get\ndbs\n\n{}\n\n", date.to_lowercase()));
    assert_eq!(status(&documents, "/dbs", &date, Some(&signed)).await, 200);
    clock.advance(std::time::Duration::from_secs(14 * 60));
    assert_eq!(status(&documents, "/dbs", &date, Some(&signed)).await, 200);
    clock.advance(std::time::Duration::from_secs(2 * 60));
    assert_eq!(status(&documents, "/dbs", &date, Some(&signed)).await, 403);
    // A client whose clock is ahead is off just as much.
    let ahead = |minutes: i64| {
        let now = chrono::DateTime::from_timestamp_millis(clock.now().0).unwrap();
        let date = now + chrono::Duration::minutes(minutes);
        let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let signed = authorization(WELL_KNOWN_KEY, &format!("get\ndbs\n\n{}\n\n", date.to_lowercase()));
        (date, signed)
    };
    for (minutes, expected) in [(14, 200), (16, 403), (-14, 200), (-16, 403)] {
        let (date, signed) = ahead(minutes);
        assert_eq!(status(&documents, "/dbs", &date, Some(&signed)).await, expected, "{minutes}");
    }
    let undated = authorization(WELL_KNOWN_KEY, "get\ndbs\n\nyesterday\n\n");
    assert_eq!(status(&documents, "/dbs", "yesterday", Some(&undated)).await, 401);
}

#[test]
fn keys_do_not_print() {
    assert_eq!(format!("{:?}", Options::default()), "Options { keys: [***] }");
    assert!(Key::parse("not base64!").is_err() && Key::parse("").is_err());
}
