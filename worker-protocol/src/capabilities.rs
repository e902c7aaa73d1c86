//! What a worker says that it can do (spec worker-protocol.md §6).

use std::collections::HashMap;

/// A worker's capabilities. One is on when its value is not empty: some workers say `true`, others repeat the name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// HTTP bodies always travel as bytes.
    pub raw_http_body_bytes: bool,
    /// Only `body` is filled in, never `rawBody`.
    pub rpc_http_body_only: bool,
    /// The request is left out of the trigger metadata.
    pub rpc_http_trigger_metadata_removed: bool,
    /// Empty header values are dropped from the plain map.
    pub ignore_empty_valued_rpc_http_headers: bool,
    /// Headers, query and params travel in the nullable maps.
    pub use_nullable_value_dictionary_for_http: bool,
    /// Arrays travel as collections instead of JSON.
    pub typed_data_collection: bool,
    /// Empty members of collections are kept.
    pub include_empty_entries_in_message_payload: bool,
    /// All functions are loaded with one message.
    pub supports_load_response_collection: bool,
    /// `WorkerTerminate` is understood.
    pub handles_worker_terminate_message: bool,
    /// `InvocationCancel` is understood.
    pub handles_invocation_cancel_message: bool,
    /// `WorkerStatusRequest` is understood.
    pub worker_status: bool,
    /// Shared memory may be used for large payloads.
    pub shared_memory_data_transfer: bool,
    /// The proxied request's `RpcHttp` must carry route parameters.
    pub requires_route_parameters: bool,
    /// Where HTTP requests are forwarded to instead of travelling over the stream.
    pub http_uri: Option<String>,
}

impl Capabilities {
    /// Reads what the worker announced.
    pub fn of(announced: &HashMap<String, String>) -> Self {
        let value = |name: &str| announced.get(name).filter(|value| !value.is_empty());
        let on = |name: &str| value(name).is_some();
        Self {
            raw_http_body_bytes: on("RawHttpBodyBytes"),
            rpc_http_body_only: on("RpcHttpBodyOnly"),
            rpc_http_trigger_metadata_removed: on("RpcHttpTriggerMetadataRemoved"),
            ignore_empty_valued_rpc_http_headers: on("IgnoreEmptyValuedRpcHttpHeaders"),
            use_nullable_value_dictionary_for_http: on("UseNullableValueDictionaryForHttp"),
            typed_data_collection: on("TypedDataCollection"),
            include_empty_entries_in_message_payload: on("IncludeEmptyEntriesInMessagePayload"),
            supports_load_response_collection: on("SupportsLoadResponseCollection"),
            handles_worker_terminate_message: on("HandlesWorkerTerminateMessage"),
            handles_invocation_cancel_message: on("HandlesInvocationCancelMessage"),
            worker_status: on("WorkerStatus"),
            shared_memory_data_transfer: on("SharedMemoryDataTransfer"),
            requires_route_parameters: on("RequiresRouteParameters"),
            http_uri: value("HttpUri").cloned(),
        }
    }
}
