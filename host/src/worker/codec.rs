//! Host values to [`TypedData`] and back (spec host.md §3.6, worker-protocol.md §9).

use bytes::Bytes;
use horus_bindings::{DeferredReference, Json, Value};
use horus_worker_protocol as rpc;
use rpc::typed_data::Data;
use rpc::{Capabilities, TypedData};

use super::{request, response};

/// A host value as the worker gets it.
pub fn encode(value: Value, capabilities: &Capabilities) -> TypedData {
    TypedData { data: encode_data(value, capabilities) }
}

fn encode_data(value: Value, capabilities: &Capabilities) -> Option<Data> {
    let keep_empty = capabilities.include_empty_entries_in_message_payload;
    Some(match value {
        Value::Null => return None,
        Value::String(text) => Data::String(text),
        Value::Bytes(bytes) => Data::Bytes(bytes),
        Value::Json(json) => Data::Json(json.into_string()),
        // Numbers travel as JSON: one worker cannot read anything else (spec worker-protocol.md §19.5).
        Value::Int(number) => Data::Json(number.to_string()),
        Value::Double(number) => Data::Json(number_text(number)),
        Value::HttpRequest(request) => Data::Http(Box::new(request::encode(&request, capabilities))),
        Value::HttpResponse(_) => return None,
        Value::Strings(texts) if capabilities.typed_data_collection => {
            Data::CollectionString(rpc::CollectionString {
                string: texts.into_iter().filter(|text| keep_empty || !text.is_empty()).collect(),
            })
        }
        Value::ByteArrays(arrays) if capabilities.typed_data_collection => {
            Data::CollectionBytes(rpc::CollectionBytes {
                bytes: arrays.into_iter().filter(|bytes| keep_empty || !bytes.is_empty()).collect(),
            })
        }
        Value::Ints(numbers) if capabilities.typed_data_collection => {
            Data::CollectionSint64(rpc::CollectionSInt64 { sint64: numbers })
        }
        Value::Doubles(numbers) if capabilities.typed_data_collection => {
            Data::CollectionDouble(rpc::CollectionDouble { double: numbers })
        }
        Value::Strings(texts) => Data::Json(serde_json::Value::from(texts).to_string()),
        Value::ByteArrays(arrays) => {
            let texts: Vec<String> = arrays.iter().map(base64).collect();
            Data::Json(serde_json::Value::from(texts).to_string())
        }
        Value::Ints(numbers) => Data::Json(serde_json::Value::from(numbers).to_string()),
        Value::Doubles(numbers) => Data::Json(serde_json::Value::from(numbers).to_string()),
        Value::Deferred(reference) => Data::ModelBindingData(deferred(reference)),
        Value::DeferredBatch(references) => {
            Data::CollectionModelBindingData(rpc::CollectionModelBindingData {
                model_binding_data: references.into_iter().map(deferred).collect(),
            })
        }
    })
}

/// What a worker sent, as a host value. A kind that only travels the other way is an error.
pub fn decode(data: TypedData) -> Result<Value, String> {
    Ok(match data.data {
        None => Value::Null,
        Some(Data::String(text)) => Value::String(text),
        Some(Data::Json(text)) => match Json::from_text(text) {
            Some(json) => Value::Json(json),
            None => return Err("the worker sent a 'json' value that is not JSON".to_owned()),
        },
        Some(Data::Bytes(bytes) | Data::Stream(bytes)) => Value::Bytes(bytes),
        Some(Data::Int(number)) => Value::Int(number),
        Some(Data::Double(number)) => Value::Double(number),
        Some(Data::Http(http)) => Value::HttpResponse(Box::new(response::decode(*http)?)),
        Some(Data::CollectionString(all)) => Value::Strings(all.string),
        Some(Data::CollectionBytes(all)) => Value::ByteArrays(all.bytes),
        Some(Data::CollectionDouble(all)) => Value::Doubles(all.double),
        Some(Data::CollectionSint64(all)) => Value::Ints(all.sint64),
        Some(Data::ModelBindingData(_) | Data::CollectionModelBindingData(_)) => {
            return Err("the worker sent a 'model_binding_data' value, which only hosts may send".to_owned());
        }
    })
}

fn deferred(reference: DeferredReference) -> rpc::ModelBindingData {
    rpc::ModelBindingData {
        version: "1.0".to_owned(),
        source: reference.source.to_owned(),
        content_type: reference.content_type.to_owned(),
        content: reference.content,
    }
}

fn number_text(number: f64) -> String {
    serde_json::Number::from_f64(number).map_or_else(|| "null".to_owned(), |number| number.to_string())
}

fn base64(bytes: &Bytes) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests;
