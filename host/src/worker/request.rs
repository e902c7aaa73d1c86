//! An HTTP request as `RpcHttp`, shaped by what the worker can take (spec host.md §3.5).

use std::collections::BTreeMap;

use bytes::Bytes;
use horus_bindings::http::{HttpRequest, Identity};
use horus_worker_protocol as rpc;
use rpc::typed_data::Data;
use rpc::{Capabilities, NullableString, RpcHttp, TypedData, nullable_string};

/// The request as the worker gets it.
pub(super) fn encode(request: &HttpRequest, capabilities: &Capabilities) -> RpcHttp {
    let mut http = RpcHttp {
        method: request.method.clone(),
        url: request.url.clone(),
        identities: request.identities.iter().map(identity).collect(),
        ..RpcHttp::default()
    };
    if capabilities.use_nullable_value_dictionary_for_http {
        http.nullable_headers = nullable_map(&request.headers);
        http.nullable_query = nullable_map(&request.query);
        http.nullable_params = nullable_map(&request.params);
    } else {
        let keep_empty = !capabilities.ignore_empty_valued_rpc_http_headers;
        http.headers = plain_map(&request.headers, keep_empty);
        http.query = plain_map(&request.query, false);
        http.params = plain_map(&request.params, true);
    }
    if let Some(body) = request.body.as_ref().filter(|body| !body.is_empty()) {
        if capabilities.rpc_http_body_only {
            http.body = Some(Box::new(raw_body(request, body, capabilities)));
        } else {
            http.body = Some(Box::new(parsed_body(request, body)));
            http.raw_body = Some(Box::new(TypedData {
                data: Some(if capabilities.raw_http_body_bytes {
                    Data::Bytes(body.clone())
                } else {
                    Data::String(text(body))
                }),
            }));
        }
    }
    http
}

/// The empty request that stands for one which is forwarded to the worker's own HTTP server.
pub(super) fn encode_forwarded(request: &HttpRequest, capabilities: &Capabilities) -> RpcHttp {
    let mut http = RpcHttp::default();
    if capabilities.requires_route_parameters {
        if capabilities.use_nullable_value_dictionary_for_http {
            http.nullable_params = nullable_map(&request.params);
        } else {
            http.params = plain_map(&request.params, true);
        }
    }
    http
}

fn raw_body(request: &HttpRequest, body: &Bytes, capabilities: &Capabilities) -> TypedData {
    let data = if capabilities.raw_http_body_bytes || request.is_binary() {
        Data::Bytes(body.clone())
    } else {
        Data::String(text(body))
    };
    TypedData { data: Some(data) }
}

/// The body as workers without `RpcHttpBodyOnly` expect it: JSON is parsed first.
fn parsed_body(request: &HttpRequest, body: &Bytes) -> TypedData {
    if request.is_binary() {
        return TypedData { data: Some(Data::Bytes(body.clone())) };
    }
    let is_json = request.media_type().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    let data = match is_json.then(|| serde_json::from_slice::<serde_json::Value>(body)) {
        Some(Ok(serde_json::Value::Null)) => None,
        Some(Ok(serde_json::Value::String(text))) => Some(Data::String(text)),
        Some(Ok(serde_json::Value::Number(number))) if number.is_f64() => {
            Some(Data::Double(number.as_f64().unwrap_or_default()))
        }
        Some(Ok(value)) => Some(Data::Json(value.to_string())),
        Some(Err(_)) | None => Some(Data::String(text(body))),
    };
    TypedData { data }
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn plain_map(pairs: &[(String, String)], keep_empty: bool) -> BTreeMap<String, String> {
    pairs.iter().filter(|(_, value)| keep_empty || !value.is_empty()).cloned().collect()
}

fn nullable_map(pairs: &[(String, String)]) -> BTreeMap<String, NullableString> {
    pairs.iter().map(|(name, value)| (name.clone(), nullable(value))).collect()
}

fn nullable(value: &str) -> NullableString {
    NullableString { string: Some(nullable_string::String::Value(value.to_owned())) }
}

fn identity(identity: &Identity) -> rpc::RpcClaimsIdentity {
    let optional = |text: &Option<String>| text.as_deref().map(nullable);
    rpc::RpcClaimsIdentity {
        authentication_type: optional(&identity.authentication_type),
        name_claim_type: optional(&identity.name_claim_type),
        role_claim_type: optional(&identity.role_claim_type),
        claims: identity
            .claims
            .iter()
            .map(|(kind, value)| rpc::RpcClaim { value: value.clone(), r#type: kind.clone() })
            .collect(),
    }
}
