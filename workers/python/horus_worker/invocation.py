"""From an InvocationRequest to arguments and from a result to an InvocationResponse: the hot path.

Only what a function looks at is decoded: trigger metadata when its trigger's converter needs it, trace and retry
context when its `context` is asked for them.
"""
from __future__ import annotations

import functools
import sys
from typing import Any, Dict, List, Optional, Tuple

from . import converters, failures, messages, shared_memory
from .context import Context, Out
from .datum import (
    HttpParts,
    read_http_parts,
    read_map_of_typed_data,
    read_typed_data,
    write_http,
    write_typed_data,
)
from .function import Function, Parameter
from .wire import LENGTH, WireError, fields, length_delimited, skip, text, varint

_SUCCESS = length_delimited(3, messages.STATUS_RESULT.encode({"status": messages.SUCCESS}))
_RESPONSE_TAG = varint(messages.INVOCATION_RESPONSE << 3 | LENGTH)
_DATA, _SHARED = 2, 3


class InvocationError(RuntimeError):
    """An invocation that the worker itself has to refuse."""


class Invocation:
    """An InvocationRequest, cut into its parts but not decoded further."""

    __slots__ = ("buf", "invocation_id", "function_id", "inputs", "metadata", "trace", "retry")

    def __init__(self, buf: bytes, pos: int, end: int) -> None:
        self.buf = buf
        self.invocation_id = ""
        self.function_id = ""
        self.inputs: List[Tuple[int, int]] = []
        self.metadata: List[Tuple[int, int]] = []
        self.trace: Optional[Tuple[int, int]] = None
        self.retry: Optional[Tuple[int, int]] = None
        # Every known field of this message is length-delimited with a one-byte tag.
        while pos < end:
            tag = buf[pos]
            if tag & 0x87 != LENGTH:
                pos = skip(buf, pos)
                continue
            size = buf[pos + 1]
            pos += 2
            if size >= 0x80:
                shift = 7
                size &= 0x7F
                while True:
                    byte = buf[pos]
                    pos += 1
                    size |= (byte & 0x7F) << shift
                    if byte < 0x80:
                        break
                    shift += 7
            stop = pos + size
            if stop > end:
                raise WireError("InvocationRequest: a field runs past its end")
            if tag == 0x0A:
                self.invocation_id = buf[pos:stop].decode()
            elif tag == 0x12:
                self.function_id = buf[pos:stop].decode()
            elif tag == 0x1A:
                self.inputs.append((pos, stop))
            elif tag == 0x22:
                self.metadata.append((pos, stop))
            elif tag == 0x2A:
                self.trace = (pos, stop)
            elif tag == 0x32:
                self.retry = (pos, stop)
            pos = stop


def arguments(function: Function, invocation: Invocation) -> Dict[str, Any]:
    """The keyword arguments of one call."""
    args: Dict[str, Any] = {}
    buf = invocation.buf
    metadata: Optional[Dict[str, Any]] = None
    for start, stop in invocation.inputs:
        name, kind, first, last = "", 0, 0, 0
        for number, _, a, b in fields(buf, start, stop):
            if number == 1:
                name = buf[a:b].decode()
            else:
                kind, first, last = number, a, b
        parameter = function.inputs.get(name)
        if parameter is None:
            raise InvocationError(
                "function '%s' has no input binding '%s'; it has: %s"
                % (function.name, name, ", ".join(function.inputs) or "none")
            )
        if parameter.converter is _HttpLibrary.converter:
            args[name] = _http_request(buf, first, last)
            continue
        datum = shared_memory.read(buf, first, last) if kind == _SHARED else read_typed_data(buf, first, last)
        if not parameter.is_trigger:
            args[name] = _decode(function, parameter, datum, {})
        else:
            if metadata is None:
                metadata = read_map_of_typed_data(buf, invocation.metadata)
            args[name] = _decode(function, parameter, datum, metadata)
    if function.requires_context:
        args["context"] = Context(function.name, function.directory, invocation)
    for output in function.outputs:
        args[output.name] = Out()
    for name, converter in function.clients:
        args[name] = converter.get_client()
    return args


def _decode(function: Function, parameter: Parameter, datum: Any, metadata: Dict[str, Any]) -> Any:
    try:
        if parameter.sdk:
            return _sdk_client(function, parameter, datum, metadata)
        return parameter.converter.decode(datum, trigger_metadata=metadata)
    except NotImplementedError as error:
        raise TypeError(
            "unable to decode incoming TypedData: unsupported combination of TypedData field %r and expected binding "
            "type %s" % (None if datum is None else datum.type, parameter.converter)
        ) from error


_sdk_clients: Dict[Tuple[Any, ...], Any] = {}
_SDK_CLIENTS_KEPT = 256


def _sdk_client(function: Function, parameter: Parameter, datum: Any, metadata: Dict[str, Any]) -> Any:
    """An SDK object for model binding data. Clients hold connections, so equal ones are shared; streams never are."""
    decode = functools.partial(
        parameter.converter.decode, datum, trigger_metadata=metadata, pytype=parameter.pytype
    )
    reusable = getattr(parameter.pytype, "__name__", "").endswith(("Client", "Proxy"))
    if not reusable or datum is None or datum.type != "model_binding_data":
        return decode()
    key = (function.name, parameter.name, parameter.pytype, datum.value.content)
    client = _sdk_clients.get(key)
    if client is None:
        client = decode()
        if len(_sdk_clients) >= _SDK_CLIENTS_KEPT:
            _sdk_clients.pop(next(iter(_sdk_clients)), None)
        _sdk_clients[key] = client
    return client


# -- HTTP without a detour through datums ------------------------------------------------------------------------------


class _HttpLibrary:
    """The library's HTTP classes, looked up once per loaded library."""

    converter: Any = None
    request: Any = None
    response: Any = None
    output: Any = None


def use_library() -> None:
    """Looks up the library's HTTP types; called when functions were loaded, so never without the library."""
    registry = converters.registry()
    converter = registry.get("httpTrigger")
    output = registry.get("http")
    module = sys.modules.get("azure.functions.http")
    if module is not None and getattr(converter, "__module__", "") == "azure.functions.http":
        _HttpLibrary.converter = converter
        _HttpLibrary.request = module.HttpRequest
    if getattr(output, "__module__", "") == "azure.functions.http":
        _HttpLibrary.output = output
        _HttpLibrary.response = sys.modules["azure.functions"].HttpResponse


def _http_request(buf: bytes, pos: int, end: int) -> Any:
    """What HttpRequestConverter.decode returns, built directly."""
    parts: Optional[HttpParts] = None
    for number, _, a, b in fields(buf, pos, end):
        if number == 5:
            parts = read_http_parts(buf, a, b)
    if parts is None:
        raise TypeError("unable to decode incoming TypedData: an httpTrigger needs an http value")
    body = parts.body
    return _HttpLibrary.request(
        method=parts.method,
        url=parts.url,
        headers=parts.headers,
        params=parts.query,
        route_params=parts.params,
        body_type="bytes" if body is None else body.type,
        body=b"" if body is None else body.value,
    )


def _encode_http(value: Any) -> Optional[bytes]:
    """An HttpResponse of the library as TypedData; None when it needs the library's converter (cookies)."""
    headers: Dict[str, str] = {}
    has_type = False
    for name, content in value.headers:
        lowered = name.lower()
        if lowered == "set-cookie":
            return None
        if lowered == "content-type":
            has_type = True
        headers[name] = content
    if not has_type:
        mimetype = value.mimetype
        headers["content-type"] = (
            "%s; charset=%s" % (mimetype, value.charset) if mimetype.startswith("text/") else mimetype
        )
    body = value.get_body()
    http = write_http(str(value.status_code), headers.items(), length_delimited(3, body or b""))
    return length_delimited(5, http)


# -- results -----------------------------------------------------------------------------------------------------------


def encode(parameter: Parameter, value: Any) -> Optional[bytes]:
    """`value` as TypedData by the parameter's converter; None when it is null."""
    if parameter.converter is _HttpLibrary.output and type(value) is _HttpLibrary.response:
        quick = _encode_http(value)
        if quick is not None:
            return quick
    return write_typed_data(_datum(parameter, value))


def _datum(parameter: Parameter, value: Any) -> Any:
    try:
        return parameter.converter.encode(value, expected_type=parameter.pytype)
    except NotImplementedError as error:
        raise TypeError(
            'unable to encode outgoing TypedData: unsupported type "%s" for Python type "%s"'
            % (parameter.converter, type(value).__name__)
        ) from error


def success(function: Function, invocation: Invocation, args: Dict[str, Any], result: Any) -> bytes:
    """The StreamingMessage with a successful InvocationResponse; raises when a value cannot be converted."""
    if result is not None and function.result is None:
        raise RuntimeError(
            "function '%s' without a $return binding returned a non-None value (%s)"
            % (function.name, type(result).__name__)
        )
    parts = [length_delimited(1, invocation.invocation_id.encode())]
    for output in function.outputs:
        value = args[output.name].get()
        if value is None:
            continue
        parts.append(length_delimited(2, _output(output, value)))
    parts.append(_SUCCESS)
    if function.result is not None and not function.streams_http:
        data = encode(function.result, result)
        if data is not None:
            parts.append(length_delimited(4, data))
    body = b"".join(parts)
    return _RESPONSE_TAG + varint(len(body)) + body


def _output(output: Parameter, value: Any) -> bytes:
    """One output value as ParameterBinding, through shared memory when the host wants that and it is large."""
    name = length_delimited(1, text(output.name))
    if shared_memory.is_enabled():
        datum = _datum(output, value)
        shared = shared_memory.write(datum)
        if shared is not None:
            return name + length_delimited(_SHARED, shared)
        data = write_typed_data(datum)
    else:
        data = encode(output, value)
    return name + length_delimited(_DATA, data if data is not None else b"")


def failed(invocation_id: str, error: BaseException, status: int = messages.FAILURE) -> bytes:
    """The StreamingMessage with a failed or cancelled InvocationResponse."""
    result = failures.failure(error)
    result["status"] = status
    body = length_delimited(1, invocation_id.encode()) + length_delimited(
        3, messages.STATUS_RESULT.encode(result)
    )
    return _RESPONSE_TAG + varint(len(body)) + body


