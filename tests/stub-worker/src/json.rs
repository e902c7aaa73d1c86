//! Messages of the host as JSON, for records and echoes.

use std::collections::BTreeMap;

use horus_worker_protocol as rpc;
use rpc::parameter_binding::RpcData;
use rpc::streaming_message::Content;
use rpc::typed_data::Data;
use rpc::{FunctionLoadRequest, InvocationRequest, NullableString, RpcHttp, TypedData, nullable_string};
use serde_json::{Map, Value, json};

/// Kind and content of a message.
pub(crate) fn message(content: &Content) -> (&'static str, Value) {
    match content {
        Content::WorkerInitRequest(init) => (
            "init",
            json!({
                "hostVersion": init.host_version,
                "capabilities": init.capabilities,
                "workerDirectory": init.worker_directory,
                "functionAppDirectory": init.function_app_directory,
            }),
        ),
        Content::FunctionsMetadataRequest(request) => {
            ("index", json!({ "functionAppDirectory": request.function_app_directory }))
        }
        Content::FunctionLoadRequest(request) => ("load", load(request)),
        Content::FunctionLoadRequestCollection(all) => {
            ("loadAll", all.function_load_requests.iter().map(load).collect())
        }
        Content::InvocationRequest(request) => ("invoke", invocation(request)),
        Content::InvocationCancel(cancel) => ("cancel", json!({ "invocationId": cancel.invocation_id })),
        Content::WorkerTerminate(terminate) => {
            ("terminate", json!({ "graceSeconds": terminate.grace_period.as_ref().map(|span| span.seconds) }))
        }
        Content::WorkerStatusRequest(_) => ("status", Value::Null),
        _ => ("other", Value::Null),
    }
}

fn load(request: &FunctionLoadRequest) -> Value {
    let metadata = request.metadata.clone().unwrap_or_default();
    let bindings: Map<String, Value> = metadata
        .bindings
        .iter()
        .map(|(name, info)| {
            let direction = info.direction().as_str_name();
            (name.clone(), json!({ "type": info.r#type, "direction": direction, "dataType": info.data_type }))
        })
        .collect();
    json!({
        "functionId": request.function_id,
        "name": metadata.name,
        "directory": metadata.directory,
        "scriptFile": metadata.script_file,
        "entryPoint": metadata.entry_point,
        "properties": metadata.properties,
        "bindings": bindings,
    })
}

/// An invocation as the worker got it.
pub(crate) fn invocation(request: &InvocationRequest) -> Value {
    let inputs: Map<String, Value> = request
        .input_data
        .iter()
        .map(|input| {
            let value = match &input.rpc_data {
                Some(RpcData::Data(value)) => data(value),
                Some(RpcData::RpcSharedMemory(memory)) => json!({ "sharedMemory": memory.name }),
                None => json!("nothing at all"),
            };
            (input.name.clone(), value)
        })
        .collect();
    let metadata: Map<String, Value> =
        request.trigger_metadata.iter().map(|(name, value)| (name.clone(), data(value))).collect();
    let trace = request.trace_context.clone().unwrap_or_default();
    let retry = request.retry_context.as_ref().map(|retry| {
        json!({
            "count": retry.retry_count,
            "max": retry.max_retry_count,
            "exception": retry.exception.as_ref().map(|exception| &exception.message),
        })
    });
    json!({
        "invocationId": request.invocation_id,
        "functionId": request.function_id,
        "inputs": inputs,
        "metadata": metadata,
        "trace": { "parent": trace.trace_parent, "state": trace.trace_state },
        "retry": retry,
    })
}

fn data(value: &TypedData) -> Value {
    match &value.data {
        None => Value::Null,
        Some(Data::String(text)) => json!({ "string": text }),
        Some(Data::Json(text)) => json!({ "json": text }),
        Some(Data::Bytes(bytes)) => json!({ "bytes": bytes_text(bytes) }),
        Some(Data::Stream(bytes)) => json!({ "stream": bytes_text(bytes) }),
        Some(Data::Int(number)) => json!({ "int": number }),
        Some(Data::Double(number)) => json!({ "double": number }),
        Some(Data::Http(request)) => json!({ "http": http(request) }),
        Some(Data::CollectionString(all)) => json!({ "strings": all.string }),
        Some(Data::CollectionBytes(all)) => json!({ "byteArrays": all.bytes.len() }),
        Some(Data::CollectionDouble(all)) => json!({ "doubles": all.double }),
        Some(Data::CollectionSint64(all)) => json!({ "ints": all.sint64 }),
        Some(Data::ModelBindingData(model)) => json!({
            "model": model.source,
            "version": model.version,
            "contentType": model.content_type,
            "content": bytes_text(&model.content),
        }),
        Some(Data::CollectionModelBindingData(all)) => json!({ "models": all.model_binding_data.len() }),
    }
}

/// Short bytes as text, long ones by their number.
fn bytes_text(bytes: &[u8]) -> Value {
    const LONG: usize = 4096;
    match bytes.len() {
        0..=LONG => json!(String::from_utf8_lossy(bytes)),
        more => json!(more),
    }
}

fn http(request: &RpcHttp) -> Value {
    let identities: Vec<Value> = request
        .identities
        .iter()
        .map(|identity| {
            let claims: Vec<[&str; 2]> =
                identity.claims.iter().map(|claim| [claim.r#type.as_str(), claim.value.as_str()]).collect();
            json!({ "type": identity.authentication_type.as_ref().map(nullable), "claims": claims })
        })
        .collect();
    json!({
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "query": request.query,
        "params": request.params,
        "nullableHeaders": nullables(&request.nullable_headers),
        "nullableQuery": nullables(&request.nullable_query),
        "nullableParams": nullables(&request.nullable_params),
        "body": request.body.as_deref().map_or(json!("absent"), data),
        "rawBody": request.raw_body.as_deref().map_or(json!("absent"), data),
        "identities": identities,
    })
}

fn nullables(all: &BTreeMap<String, NullableString>) -> Map<String, Value> {
    all.iter().map(|(name, value)| (name.clone(), nullable(value))).collect()
}

fn nullable(value: &NullableString) -> Value {
    match &value.string {
        Some(nullable_string::String::Value(text)) => json!(text),
        None => Value::Null,
    }
}
