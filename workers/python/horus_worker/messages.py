"""Field tables of the FunctionRpc messages the worker reads or writes (spec worker-protocol.md §3).

InvocationRequest and TypedData are not here: they have hand-written decoders in `invocation` and `datum`, because
they are read once per event.
"""
from __future__ import annotations

from .wire import BOOL, BYTES, DOUBLE, INT, SINT, STRING, Message

DURATION = Message("google.protobuf.Duration", (1, "seconds", INT), (2, "nanos", INT))
TIMESTAMP = Message("google.protobuf.Timestamp", (1, "seconds", INT), (2, "nanos", INT))

RPC_EXCEPTION = Message(
    "RpcException",
    (1, "stack_trace", STRING),
    (2, "message", STRING),
    (3, "source", STRING),
    (4, "is_user_exception", BOOL),
    (5, "type", STRING),
)
STATUS_RESULT = Message(
    "StatusResult", (1, "result", STRING), (2, "exception", RPC_EXCEPTION), (4, "status", INT)
)
# StatusResult.Status: Failure is proto3's default and therefore absent from the wire (spec §14).
FAILURE, SUCCESS, CANCELLED = 0, 1, 2

WORKER_METADATA = Message(
    "WorkerMetadata",
    (1, "runtime_name", STRING),
    (2, "runtime_version", STRING),
    (3, "worker_version", STRING),
    (4, "worker_bitness", STRING),
    (5, "custom_properties", STRING, "map"),
)
START_STREAM = Message("StartStream", (2, "worker_id", STRING))
WORKER_INIT_REQUEST = Message(
    "WorkerInitRequest",
    (1, "host_version", STRING),
    (2, "capabilities", STRING, "map"),
    (4, "worker_directory", STRING),
    (5, "function_app_directory", STRING),
)
WORKER_INIT_RESPONSE = Message(
    "WorkerInitResponse",
    (1, "worker_version", STRING),
    (2, "capabilities", STRING, "map"),
    (3, "result", STATUS_RESULT),
    (4, "worker_metadata", WORKER_METADATA),
)
WORKER_TERMINATE = Message("WorkerTerminate", (1, "grace_period", DURATION))
EMPTY = Message("Empty")
WORKER_WARMUP_RESPONSE = Message("WorkerWarmupResponse", (1, "result", STATUS_RESULT))

RELOAD_REQUEST = Message(
    "FunctionEnvironmentReloadRequest",
    (1, "environment_variables", STRING, "map"),
    (2, "function_app_directory", STRING),
)
RELOAD_RESPONSE = Message(
    "FunctionEnvironmentReloadResponse",
    (1, "worker_metadata", WORKER_METADATA),
    (2, "capabilities", STRING, "map"),
    (3, "result", STATUS_RESULT),
)
CLOSE_SHARED_MEMORY_REQUEST = Message(
    "CloseSharedMemoryResourcesRequest", (1, "map_names", STRING, "repeated")
)
CLOSE_SHARED_MEMORY_RESPONSE = Message(
    "CloseSharedMemoryResourcesResponse", (1, "close_map_results", BOOL, "map")
)

METADATA_REQUEST = Message("FunctionsMetadataRequest", (1, "function_app_directory", STRING))
RETRY_OPTIONS = Message(
    "RpcRetryOptions",
    (2, "max_retry_count", INT),
    (3, "delay_interval", DURATION),
    (4, "minimum_interval", DURATION),
    (5, "maximum_interval", DURATION),
    (6, "retry_strategy", INT),
)
EXPONENTIAL_BACKOFF, FIXED_DELAY = 0, 1
BINDING_INFO = Message(
    "BindingInfo",
    (2, "type", STRING),
    (3, "direction", INT),
    (4, "data_type", INT),
    (5, "properties", STRING, "map"),
)
IN, OUT, INOUT = 0, 1, 2
FUNCTION_METADATA = Message(
    "RpcFunctionMetadata",
    (1, "directory", STRING),
    (2, "script_file", STRING),
    (3, "entry_point", STRING),
    (4, "name", STRING),
    (6, "bindings", BINDING_INFO, "map"),
    (7, "is_proxy", BOOL),
    (8, "status", STATUS_RESULT),
    (9, "language", STRING),
    (10, "raw_bindings", STRING, "repeated"),
    (13, "function_id", STRING),
    (14, "managed_dependency_enabled", BOOL),
    (15, "retry_options", RETRY_OPTIONS),
    (16, "properties", STRING, "map"),
)
METADATA_RESPONSE = Message(
    "FunctionMetadataResponse",
    (1, "function_metadata_results", FUNCTION_METADATA, "repeated"),
    (2, "result", STATUS_RESULT),
    (3, "use_default_metadata_indexing", BOOL),
)
LOAD_REQUEST = Message(
    "FunctionLoadRequest",
    (1, "function_id", STRING),
    (2, "metadata", FUNCTION_METADATA),
    (3, "managed_dependency_enabled", BOOL),
)
LOAD_RESPONSE = Message("FunctionLoadResponse", (1, "function_id", STRING), (2, "result", STATUS_RESULT))
LOAD_REQUEST_COLLECTION = Message(
    "FunctionLoadRequestCollection", (1, "function_load_requests", LOAD_REQUEST, "repeated")
)
LOAD_RESPONSE_COLLECTION = Message(
    "FunctionLoadResponseCollection", (1, "function_load_responses", LOAD_RESPONSE, "repeated")
)

TRACE_CONTEXT = Message(
    "RpcTraceContext",
    (1, "trace_parent", STRING),
    (2, "trace_state", STRING),
    (3, "attributes", STRING, "map"),
    (4, "baggage", STRING, "map"),
)
RETRY_CONTEXT = Message(
    "RetryContext", (1, "retry_count", INT), (2, "max_retry_count", INT), (3, "exception", RPC_EXCEPTION)
)
INVOCATION_CANCEL = Message("InvocationCancel", (2, "invocation_id", STRING))

SHARED_MEMORY = Message(
    "RpcSharedMemory", (1, "name", STRING), (2, "offset", INT), (3, "count", INT), (4, "type", INT)
)
# RpcDataType values that may travel through shared memory.
DATA_STRING, DATA_BYTES = 1, 3

MODEL_BINDING_DATA = Message(
    "ModelBindingData",
    (1, "version", STRING),
    (2, "source", STRING),
    (3, "content_type", STRING),
    (4, "content", BYTES),
)
COLLECTION_BYTES = Message("CollectionBytes", (1, "bytes", BYTES, "repeated"))
COLLECTION_STRING = Message("CollectionString", (1, "string", STRING, "repeated"))
COLLECTION_DOUBLE = Message("CollectionDouble", (1, "double", DOUBLE, "repeated"))
COLLECTION_SINT64 = Message("CollectionSInt64", (1, "sint64", SINT, "repeated"))
COLLECTION_MODEL_BINDING_DATA = Message(
    "CollectionModelBindingData", (1, "model_binding_data", MODEL_BINDING_DATA, "repeated")
)

NULLABLE_STRING = Message("NullableString", (1, "value", STRING, "oneof"))
NULLABLE_BOOL = Message("NullableBool", (1, "value", BOOL, "oneof"))
NULLABLE_DOUBLE = Message("NullableDouble", (1, "value", DOUBLE, "oneof"))
NULLABLE_TIMESTAMP = Message("NullableTimestamp", (1, "value", TIMESTAMP))
HTTP_COOKIE = Message(
    "RpcHttpCookie",
    (1, "name", STRING),
    (2, "value", STRING),
    (3, "domain", NULLABLE_STRING),
    (4, "path", NULLABLE_STRING),
    (5, "expires", NULLABLE_TIMESTAMP),
    (6, "secure", NULLABLE_BOOL),
    (7, "http_only", NULLABLE_BOOL),
    (8, "same_site", INT),
    (9, "max_age", NULLABLE_DOUBLE),
)
RPC_LOG = Message(
    "RpcLog",
    (1, "invocation_id", STRING),
    (2, "category", STRING),
    (3, "level", INT),
    (4, "message", STRING),
    (8, "log_category", INT),
)
# RpcLog.Level and RpcLog.RpcLogCategory.
TRACE, DEBUG, INFORMATION, WARNING, ERROR, CRITICAL = range(6)
USER_LOG, SYSTEM_LOG = 0, 1

# StreamingMessage.content by field number; host to worker.
REQUESTS = {
    4: "invocation_request",
    6: "file_change_event_request",
    8: "function_load_request",
    12: "worker_status_request",
    14: "worker_terminate",
    17: "worker_init_request",
    21: "invocation_cancel",
    25: "function_environment_reload_request",
    27: "close_shared_memory_resources_request",
    29: "functions_metadata_request",
    31: "function_load_request_collection",
    33: "worker_warmup_request",
}
# StreamingMessage.content by name; worker to host.
RESPONSES = {
    "rpc_log": (2, RPC_LOG),
    "function_load_response": (9, LOAD_RESPONSE),
    "worker_status_response": (13, EMPTY),
    "worker_init_response": (16, WORKER_INIT_RESPONSE),
    "start_stream": (20, START_STREAM),
    "function_environment_reload_response": (26, RELOAD_RESPONSE),
    "close_shared_memory_resources_response": (28, CLOSE_SHARED_MEMORY_RESPONSE),
    "function_metadata_response": (30, METADATA_RESPONSE),
    "function_load_response_collection": (32, LOAD_RESPONSE_COLLECTION),
    "worker_warmup_response": (34, WORKER_WARMUP_RESPONSE),
}
INVOCATION_RESPONSE = 5
