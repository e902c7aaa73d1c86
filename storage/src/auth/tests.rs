use super::*;
use crate::probe::{Probe, request, sign};
use crate::protocol::dates::rfc1123;
use crate::store::Trust;
use std::time::Duration;

const VERIFY: Trust = Trust::Verify { peer: Some(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)) };

/// The string to sign of `GET /devstoreaccount1/?comp=list` on queues and blobs.
fn list_text(date: &str) -> String {
    format!(
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2025-11-05\n/devstoreaccount1/devstoreaccount1/\ncomp:list"
    )
}

async fn list(probe: &Probe, date: &str, authorization: &str) -> (u16, String) {
    let headers = [
        format!("x-ms-date: {date}"),
        "x-ms-version: 2025-11-05".to_owned(),
        format!("authorization: {authorization}"),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let reply = probe.send(Service::Queue, request("GET /?comp=list", &headers, ""), VERIFY).await;
    (reply.status, reply.code().to_owned())
}

#[tokio::test]
async fn a_shared_key_signature_is_verified() {
    let probe = Probe::new();
    let date = rfc1123(probe.store.engine().clock().now());
    let signature = sign(&list_text(&date));
    let good = format!("SharedKey devstoreaccount1:{signature}");
    assert_eq!(list(&probe, &date, &good).await.0, 200);
    let failed = (403, "AuthenticationFailed".to_owned());
    let other = sign("something else");
    for bad in [
        format!("SharedKey devstoreaccount1:{other}"),
        "SharedKey devstoreaccount1:%%".to_owned(),
        format!("SharedKey another:{signature}"),
    ] {
        assert_eq!(list(&probe, &date, &bad).await, failed, "{bad}");
    }
    assert_eq!(list(&probe, &date, "Basic abc").await.0, 400);
    assert_eq!(list(&probe, &date, "nonsense").await.0, 400);
}

/// Issue 3, bad input: skewed dates.
#[tokio::test]
async fn dates_more_than_fifteen_minutes_off_are_refused() {
    let probe = Probe::new();
    let now = probe.store.engine().clock().now();
    for (minutes, status) in [(-14i64, 200), (14, 200), (-16, 403), (16, 403)] {
        let date = rfc1123(crate::engine::Timestamp(now.0 + minutes * 60_000));
        let authorization = format!("SharedKey devstoreaccount1:{}", sign(&list_text(&date)));
        assert_eq!(list(&probe, &date, &authorization).await.0, status, "{minutes} minutes");
    }
    let authorization = format!("SharedKey devstoreaccount1:{}", sign(&list_text("")));
    assert_eq!(list(&probe, "", &authorization).await.0, 403);
}

#[tokio::test]
async fn the_lite_scheme_is_verified() {
    let probe = Probe::new();
    let date = rfc1123(probe.store.engine().clock().now());
    let text = format!("{date}\n/devstoreaccount1/devstoreaccount1/Tables");
    let headers = [
        format!("x-ms-date: {date}"),
        format!("authorization: SharedKeyLite devstoreaccount1:{}", sign(&text)),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let reply = probe.send(Service::Table, request("GET /Tables", &headers, ""), VERIFY).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let text = format!("GET\n\n\n\nx-ms-date:{date}\n/devstoreaccount1/devstoreaccount1/?comp=list");
    let authorization = format!("authorization: SharedKeyLite devstoreaccount1:{}", sign(&text));
    let headers = [headers[0], authorization.as_str()];
    let reply = probe.send(Service::Blob, request("GET /?comp=list", &headers, ""), VERIFY).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// `sp`, `ss`, `srt`, `st`, `se`, `sip`, `spr` of an account SAS.
fn account_sas([sp, ss, srt, st, se, sip, spr]: [&str; 7]) -> String {
    let text = format!("devstoreaccount1\n{sp}\n{ss}\n{srt}\n{st}\n{se}\n{sip}\n{spr}\n2025-11-05\n\n");
    let signature = sign(&text).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("sv=2025-11-05&ss={ss}&srt={srt}&sp={sp}&st={st}&se={se}&sip={sip}&spr={spr}&sig={signature}")
}

#[tokio::test]
async fn an_account_sas_is_verified_in_every_field() {
    let probe = Probe::new();
    let late = "2099-01-01T00:00:00Z";
    for (fields, status, code) in [
        (["l", "q", "s", "", late, "", ""], 200, ""),
        (["l", "q", "s", "", late, "127.0.0.1", ""], 200, ""),
        (["l", "q", "s", "", late, "127.0.0.0-127.0.0.9", "https,http"], 200, ""),
        (["l", "b", "s", "", late, "", ""], 403, "AuthorizationServiceMismatch"),
        (["l", "q", "o", "", late, "", ""], 403, "AuthorizationResourceTypeMismatch"),
        (["r", "q", "s", "", late, "", ""], 403, "AuthorizationPermissionMismatch"),
        (["l", "q", "s", "", "2020-01-01", "", ""], 403, "AuthenticationFailed"),
        (["l", "q", "s", "2098-01-01", late, "", ""], 403, "AuthenticationFailed"),
        (["l", "q", "s", "", "", "", ""], 403, "AuthenticationFailed"),
        (["l", "q", "s", "", late, "10.0.0.1", ""], 403, "AuthorizationSourceIPMismatch"),
        (["l", "q", "s", "", late, "", "https"], 403, "AuthorizationProtocolMismatch"),
    ] {
        let line = format!("GET /?comp=list&{}", account_sas(fields));
        let reply = probe.send(Service::Queue, request(&line, &[], ""), VERIFY).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{fields:?}");
    }
    let forged = account_sas(["r", "q", "s", "", late, "", ""]).replace("sp=r", "sp=l");
    let reply =
        probe.send(Service::Queue, request(&format!("GET /?comp=list&{forged}"), &[], ""), VERIFY).await;
    assert_eq!(reply.code(), "AuthenticationFailed");
}

#[tokio::test]
async fn nobody_gets_in_without_a_signature_or_with_an_unknown_account() {
    let probe = Probe::new();
    for service in [Service::Queue, Service::Blob, Service::Table] {
        let line = if service == Service::Table { "GET /Tables" } else { "GET /?comp=list" };
        let reply = probe.send(service, request(line, &[], ""), VERIFY).await;
        assert_eq!((reply.status, reply.code()), (401, "NoAuthenticationInformation"));
    }
    let (mut parts, body) = request("GET /?comp=list", &[], "").into_parts();
    parts.uri = "/someoneelse/?comp=list".parse().unwrap();
    for trust in [VERIFY, Trust::Trusted] {
        let again = http::Request::from_parts(parts.clone(), crate::body::empty());
        assert_eq!(probe.send(Service::Queue, again, trust).await.status, 404);
    }
    drop(body);
}

#[test]
fn keys_are_checked_and_never_shown() {
    assert!(matches!(Account::new("Upper", "aaaa"), Err(AccountError::Name(_))));
    assert!(matches!(Account::new("mine", "not base64!"), Err(AccountError::Key(_))));
    let account = Account::new("mine", "c2VjcmV0").unwrap();
    assert!(!format!("{account:?}").contains("secret") && format!("{account:?}").contains("***"));
    assert!(!Accounts::new([account]).has_well_known_key());
    assert!(Accounts::default().has_well_known_key());
}

#[tokio::test]
async fn the_well_known_key_is_refused_beyond_the_loopback() {
    let probe = Probe::new();
    let everywhere =
        crate::Listeners::none().with(Service::Queue, "0.0.0.0:0".parse().unwrap()).await.unwrap();
    let error = probe.store.serve(everywhere, std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains("well-known key"), "{error}");
    let options = crate::Options {
        accounts: Accounts::new([Account::new("mine", "c2VjcmV0").unwrap()]),
        ..crate::Options::in_memory()
    };
    let store = crate::Store::open(options).unwrap();
    let everywhere =
        crate::Listeners::none().with(Service::Queue, "0.0.0.0:0".parse().unwrap()).await.unwrap();
    let served =
        tokio::time::timeout(Duration::from_secs(30), store.serve(everywhere, std::future::ready(())));
    served.await.unwrap().unwrap();
}
