//! `Authorization: SharedKey` and `SharedKeyLite`.
//!
//! The strings to sign: <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>.

use super::Account;
use crate::protocol::dates::parse_rfc1123;
use crate::protocol::fault::{AUTHENTICATION_FAILED, INVALID_AUTHENTICATION};
use crate::protocol::{Call, Fault};
use crate::server::Service;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far a client's clock may be off.
const SKEW: Duration = Duration::from_secs(15 * 60);

pub(super) fn verify(
    account: &Account,
    service: Service,
    call: &Call,
    lite: bool,
    credential: &str,
) -> Result<(), Fault> {
    let (name, signature) = credential.split_once(':').ok_or_else(|| Fault::from(INVALID_AUTHENTICATION))?;
    if name != account.name() {
        return Err(AUTHENTICATION_FAILED.into());
    }
    check_date(call)?;
    let text = match (service, lite) {
        (Service::Table, true) => format!("{}\n{}", date(call), short_resource(call)),
        (Service::Table, false) => {
            format!(
                "{}\n{}\n{}\n{}\n{}",
                call.method,
                raw(call, "content-md5"),
                raw(call, "content-type"),
                date(call),
                short_resource(call)
            )
        }
        (_, true) => format!(
            "{}\n{}\n{}\n{}\n{}{}",
            call.method,
            raw(call, "content-md5"),
            raw(call, "content-type"),
            plain_date(call),
            canonical_headers(call),
            short_resource(call)
        ),
        (_, false) => full(call),
    };
    if account.verifies(&text, signature) {
        Ok(())
    } else {
        Err(AUTHENTICATION_FAILED.detail(
            "AuthenticationErrorDetail",
            format!("The MAC signature found in the HTTP request is not the same as any computed signature. Server used following string to sign: '{text}'."),
        ))
    }
}

fn full(call: &Call) -> String {
    let length = raw(call, "content-length");
    let mut text = format!("{}\n", call.method);
    for value in [
        raw(call, "content-encoding"),
        raw(call, "content-language"),
        // Since 2015 a length of zero is signed as nothing.
        if length == "0" { "" } else { length },
        raw(call, "content-md5"),
        raw(call, "content-type"),
        plain_date(call),
        raw(call, "if-modified-since"),
        raw(call, "if-match"),
        raw(call, "if-none-match"),
        raw(call, "if-unmodified-since"),
        raw(call, "range"),
    ] {
        text.push_str(value);
        text.push('\n');
    }
    text.push_str(&canonical_headers(call));
    text.push_str(&full_resource(call));
    text
}

fn raw<'a>(call: &'a Call, name: &str) -> &'a str {
    call.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).unwrap_or("")
}

/// Tables sign the date whichever header carries it.
fn date(call: &Call) -> &str {
    match raw(call, "x-ms-date") {
        "" => raw(call, "date"),
        date => date,
    }
}

/// Blobs and queues sign `Date` only when `x-ms-date` does not replace it.
fn plain_date(call: &Call) -> &str {
    if call.headers.contains_key("x-ms-date") { "" } else { raw(call, "date") }
}

fn check_date(call: &Call) -> Result<(), Fault> {
    let given = parse_rfc1123(date(call))
        .ok_or_else(|| AUTHENTICATION_FAILED.because("The request has no valid x-ms-date or Date header."))?;
    if given.since(call.now) > SKEW || call.now.since(given) > SKEW {
        return Err(AUTHENTICATION_FAILED
            .detail("AuthenticationErrorDetail", format!("Request date header too old: '{}'", date(call))));
    }
    Ok(())
}

fn canonical_headers(call: &Call) -> String {
    let mut sorted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in &call.headers {
        if name.as_str().starts_with("x-ms-") {
            let value = std::str::from_utf8(value.as_bytes()).unwrap_or("").trim();
            sorted.entry(name.as_str()).or_default().push(value);
        }
    }
    let mut text = String::new();
    for (name, values) in sorted {
        text.push_str(name);
        text.push(':');
        text.push_str(&values.join(","));
        text.push('\n');
    }
    text
}

/// `/account/path?comp=…`
fn short_resource(call: &Call) -> String {
    let mut text = format!("/{}{}", call.account, call.uri.path());
    if let Some(comp) = call.query.get("comp") {
        text.push_str("?comp=");
        text.push_str(comp);
    }
    text
}

/// `/account/path`, then every query parameter on its own line.
fn full_resource(call: &Call) -> String {
    let mut text = format!("/{}{}", call.account, call.uri.path());
    let mut sorted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in &call.query.0 {
        sorted.entry(name).or_default().push(value);
    }
    for (name, mut values) in sorted {
        values.sort_unstable();
        text.push('\n');
        text.push_str(name);
        text.push(':');
        text.push_str(&values.join(","));
    }
    text
}
