//! An `RpcHttp` response as a host value (spec host.md §3.7, worker-protocol.md §7).

use chrono::{DateTime, Utc};
use horus_bindings::Value;
use horus_bindings::http::{Cookie, HttpResponse, SameSite};
use horus_worker_protocol as rpc;
use rpc::rpc_http_cookie::SameSite as Wire;
use rpc::{RpcHttp, RpcHttpCookie, nullable_bool, nullable_double, nullable_string, nullable_timestamp};

/// The response that the worker sent. A missing body field is kept apart from an empty body, since the platform
/// treats the two differently.
pub(super) fn decode(http: RpcHttp) -> Result<HttpResponse, String> {
    let headers = http
        .headers
        .into_iter()
        .map(|(name, value)| (name, Some(value)))
        .chain(http.nullable_headers.into_iter().map(|(name, value)| (name, text(Some(value)))))
        .collect();
    let has_body = http.body.is_some();
    let response = HttpResponse {
        status: (!http.status_code.is_empty()).then_some(http.status_code),
        headers,
        cookies: http.cookies.into_iter().map(cookie).collect(),
        body: match http.body {
            Some(body) => super::codec::decode(*body)?,
            None => Value::Null,
        },
        enable_content_negotiation: http.enable_content_negotiation,
    };
    Ok(if has_body { response } else { response.without_body_field() })
}

fn cookie(cookie: RpcHttpCookie) -> Cookie {
    let same_site = match cookie.same_site() {
        Wire::None => SameSite::Unspecified,
        Wire::Lax => SameSite::Lax,
        Wire::Strict => SameSite::Strict,
        Wire::ExplicitNone => SameSite::None,
    };
    Cookie {
        same_site,
        domain: text(cookie.domain).filter(|text| !text.is_empty()),
        path: text(cookie.path).filter(|text| !text.is_empty()),
        expires: cookie.expires.and_then(|expires| expires.timestamp).and_then(
            |nullable_timestamp::Timestamp::Value(at)| {
                DateTime::<Utc>::from_timestamp(at.seconds, u32::try_from(at.nanos).unwrap_or_default())
            },
        ),
        secure: flag(cookie.secure),
        http_only: flag(cookie.http_only),
        max_age: cookie
            .max_age
            .and_then(|age| age.double)
            .map(|nullable_double::Double::Value(seconds)| seconds),
        name: cookie.name,
        value: cookie.value,
    }
}

fn text(value: Option<rpc::NullableString>) -> Option<String> {
    value.and_then(|value| value.string).map(|nullable_string::String::Value(text)| text)
}

fn flag(value: Option<rpc::NullableBool>) -> Option<bool> {
    value.and_then(|value| value.bool).map(|nullable_bool::Bool::Value(flag)| flag)
}
