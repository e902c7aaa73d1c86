//! Master-key signatures: `type=master&ver=1.0&sig=…` over verb, resource and date.
//!
//! <https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources>

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::{
    super::{Fault, options::Key},
    request::{Call, http_date},
};
use crate::engine::Timestamp;

/// How far a request's date may be off.
const SKEW: Duration = Duration::from_secs(15 * 60);

/// Refuses a request that none of `keys` has signed within the last minutes.
pub(super) fn verify(call: &Call, raw_path: &str, keys: &[Key], now: Timestamp) -> Result<(), Fault> {
    let header = call.header("authorization").ok_or_else(|| {
        Fault::unauthorized(
            "Required Header authorization is missing. Ensure a valid Authorization token is passed.",
        )
    })?;
    let token = percent_decode_str(header).decode_utf8_lossy();
    let mut kind = None;
    let mut signature = None;
    for part in token.split('&') {
        match part.split_once('=') {
            Some(("type", value)) => kind = Some(value),
            Some(("sig", value)) => signature = STANDARD.decode(value).ok(),
            _ => {}
        }
    }
    if kind != Some("master") {
        return Err(Fault::unauthorized(format!(
            "The authorization token has type '{}'; this document store accepts account keys (type 'master').",
            kind.unwrap_or_default()
        )));
    }
    let date = call.header("x-ms-date").or_else(|| call.header("date")).unwrap_or_default();
    let mismatch = || {
        Fault::unauthorized(
            "The input authorization token can't serve the request. The wrong key is being used or the expected \
             payload is not built as per the protocol.",
        )
    };
    let signature = signature.ok_or_else(mismatch)?;
    let mut matches = Choice::from(0);
    for payload in payloads(call, raw_path, date) {
        for key in keys {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
            mac.update(payload.as_bytes());
            matches |= mac.finalize().into_bytes().as_slice().ct_eq(&signature);
        }
    }
    if !bool::from(matches) {
        return Err(mismatch());
    }
    let signed = http_date(date).ok_or_else(mismatch)?;
    if now.since(signed) > SKEW || signed.since(now) > SKEW {
        return Err(Fault::forbidden(format!(
            "The authorization token is not valid at the current time. Please provide a valid token: the request is \
             dated '{date}', 15 minutes off at most are accepted."
        )));
    }
    Ok(())
}

/// What the client may have signed. Libraries differ in whether names in the resource's path are still encoded, and
/// requests by resource id sign that id alone.
fn payloads(call: &Call, raw_path: &str, date: &str) -> Vec<String> {
    let decoded: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let raw: Vec<&str> = raw_path.split('/').filter(|segment| !segment.is_empty()).collect();
    let is_feed = decoded.len() % 2 == 1;
    let kind = match (is_feed, decoded.as_slice()) {
        (_, []) => "",
        (true, [.., kind]) | (false, [.., kind, _]) => kind,
        (false, [_]) => "",
    };
    let link = |path: &[&str]| path[..path.len() - usize::from(is_feed)].join("/");
    let mut links = vec![link(&decoded)];
    if raw != decoded {
        links.push(link(&raw));
    }
    let own = if is_feed { decoded.len().checked_sub(2) } else { decoded.len().checked_sub(1) };
    links.extend(own.map(|own| decoded[own].to_ascii_lowercase()));
    let verb = call.method.as_str().to_ascii_lowercase();
    let date = date.to_ascii_lowercase();
    links
        .into_iter()
        .map(|link| format!("{verb}\n{}\n{link}\n{date}\n\n", kind.to_ascii_lowercase()))
        .collect()
}
