"""What a function sees of its invocation, and how log records find theirs."""
from __future__ import annotations

import contextvars
import threading
from typing import Any, Dict, Optional

from . import messages

# The invocation of the running task or pool thread. Tasks inherit it from the task that created them.
current_invocation: "contextvars.ContextVar[Optional[str]]" = contextvars.ContextVar(
    "horus_invocation", default=None
)


class _ThreadLocal(threading.local):
    invocation_id: Optional[str] = None


# `context.thread_local_storage`: a thread of the user's own sets `.invocation_id` to have its logs attributed.
thread_local_storage = _ThreadLocal()


def invocation_id() -> Optional[str]:
    """The invocation the calling code belongs to, if any."""
    return current_invocation.get() or thread_local_storage.invocation_id


class TraceContext:
    """W3C trace context of an invocation (spec worker-protocol.md §18)."""

    __slots__ = ("trace_parent", "trace_state", "attributes")

    def __init__(self, trace_parent: str, trace_state: str, attributes: Dict[str, str]) -> None:
        self.trace_parent = trace_parent
        self.trace_state = trace_state
        self.attributes = attributes

    # The names used before the library settled on snake case; apps still use them.
    Traceparent = property(lambda self: self.trace_parent)
    Tracestate = property(lambda self: self.trace_state)
    Attributes = property(lambda self: self.attributes)


class RpcException:
    """The error of the attempt before, in a retry."""

    __slots__ = ("source", "stack_trace", "message")

    def __init__(self, source: str = "", stack_trace: str = "", message: str = "") -> None:
        self.source = source
        self.stack_trace = stack_trace
        self.message = message


class RetryContext:
    """How often the invocation was tried before; zeros for functions without a retry policy."""

    __slots__ = ("retry_count", "max_retry_count", "exception")

    def __init__(self, retry_count: int, max_retry_count: int, exception: RpcException) -> None:
        self.retry_count = retry_count
        self.max_retry_count = max_retry_count
        self.exception = exception

    rpc_exception = property(lambda self: self.exception)


class Context:
    """`azure.functions.Context`; trace and retry context are decoded when first asked for."""

    __slots__ = ("function_name", "function_directory", "invocation_id", "_buf", "_trace", "_retry")

    def __init__(self, name: str, directory: str, invocation: Any) -> None:
        self.function_name = name
        self.function_directory = directory
        self.invocation_id = invocation.invocation_id
        self._buf = invocation.buf
        self._trace = invocation.trace
        self._retry = invocation.retry

    @property
    def thread_local_storage(self) -> Any:
        return thread_local_storage

    @property
    def trace_context(self) -> TraceContext:
        if not isinstance(self._trace, TraceContext):
            values: Dict[str, Any] = {}
            if self._trace is not None:
                values = messages.TRACE_CONTEXT.decode(self._buf, *self._trace)
            self._trace = TraceContext(
                values.get("trace_parent", ""), values.get("trace_state", ""), values.get("attributes", {})
            )
        return self._trace

    @property
    def retry_context(self) -> RetryContext:
        if not isinstance(self._retry, RetryContext):
            values: Dict[str, Any] = {}
            if self._retry is not None:
                values = messages.RETRY_CONTEXT.decode(self._buf, *self._retry)
            error = values.get("exception", {})
            self._retry = RetryContext(
                values.get("retry_count", 0),
                values.get("max_retry_count", 0),
                RpcException(error.get("source", ""), error.get("stack_trace", ""), error.get("message", "")),
            )
        return self._retry


class Out:
    """An output parameter."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        """Sets the value that the output binding writes; None writes nothing."""
        self._value = val

    def get(self) -> Any:
        """The value set so far."""
        return self._value
