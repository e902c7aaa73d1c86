"""TypedData and the library's `Datum`, in both directions (spec worker-protocol.md §9).

Converters of `azure-functions` read `.type`, `.value` and `.python_value`; the classes here offer just that, so they
serve every version of the library.
"""
from __future__ import annotations

import datetime
import email.utils
import json
import re
from typing import Any, Dict, Iterable, List, Optional, Tuple

from . import messages
from .wire import DOUBLE, Message, fields, length_delimited, text, unzigzag, varint, zigzag

HTTP = 5


class Datum:
    """A value as it came over the wire, with the name of its TypedData member."""

    __slots__ = ("value", "type")

    def __init__(self, value: Any, type: Optional[str]) -> None:  # noqa: A002 - the library's parameter name
        self.value = value
        self.type = type

    @property
    def python_value(self) -> Any:
        """The value as a plain Python object: JSON parsed, collections as lists."""
        kind = self.type
        if self.value is None or kind is None:
            return None
        if kind == "json":
            return json.loads(self.value)
        if kind.startswith("collection_"):
            return list(getattr(self.value, kind[len("collection_") :]))
        return self.value

    @property
    def python_type(self) -> type:
        """The type of `python_value`."""
        return type(self.python_value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Datum) and self.value == other.value and self.type == other.type

    def __hash__(self) -> int:
        return hash((self.value, self.type))

    def __repr__(self) -> str:
        shown = repr(self.value)
        return "<Datum %s %s>" % (self.type, shown if len(shown) <= 10 else shown[:10] + "...")


class Record:
    """A decoded message whose fields are attributes, as converters expect of collections and model binding data."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return "Record(%s)" % ", ".join("%s=%r" % item for item in self.__dict__.items())


def _collection(message: Message, member: str) -> Any:
    def read(buf: bytes, a: int, b: int) -> Record:
        return Record(**{member: message.decode(buf, a, b).get(member, [])})

    return read


def _model_binding_data(values: Dict[str, Any]) -> Record:
    return Record(
        version=values.get("version", ""),
        source=values.get("source", ""),
        content_type=values.get("content_type", ""),
        content=values.get("content", b""),
    )


def _read_models(buf: bytes, a: int, b: int) -> Record:
    items = messages.COLLECTION_MODEL_BINDING_DATA.decode(buf, a, b).get("model_binding_data", [])
    return Record(model_binding_data=[_model_binding_data(item) for item in items])


_READERS = {
    1: ("string", lambda buf, a, b: buf[a:b].decode("utf-8", "replace")),
    2: ("json", lambda buf, a, b: buf[a:b].decode("utf-8", "replace")),
    3: ("bytes", lambda buf, a, b: buf[a:b]),
    # The reference host never sends `stream`; as bytes it is at least usable.
    4: ("bytes", lambda buf, a, b: buf[a:b]),
    HTTP: ("http", lambda buf, a, b: read_http(buf, a, b)),
    6: ("int", lambda buf, a, b: unzigzag(a)),
    7: ("double", lambda buf, a, b: DOUBLE.read(buf, a, b)),
    8: ("collection_bytes", _collection(messages.COLLECTION_BYTES, "bytes")),
    9: ("collection_string", _collection(messages.COLLECTION_STRING, "string")),
    10: ("collection_double", _collection(messages.COLLECTION_DOUBLE, "double")),
    11: ("collection_sint64", _collection(messages.COLLECTION_SINT64, "sint64")),
    12: (
        "model_binding_data",
        lambda buf, a, b: _model_binding_data(messages.MODEL_BINDING_DATA.decode(buf, a, b)),
    ),
    13: ("collection_model_binding_data", _read_models),
}


def read_typed_data(buf: bytes, pos: int, end: int) -> Optional[Datum]:
    """The TypedData between `pos` and `end`; None when no member is set, which is how null travels."""
    datum = None
    for number, _, a, b in fields(buf, pos, end):
        reader = _READERS.get(number)
        if reader is not None:
            datum = Datum(reader[1](buf, a, b), reader[0])
    return datum


def read_map_of_typed_data(buf: bytes, entries: Iterable[Tuple[int, int]]) -> Dict[str, Optional[Datum]]:
    """A map<string, TypedData>, given the bounds of its entries: trigger_metadata."""
    out: Dict[str, Optional[Datum]] = {}
    for start, stop in entries:
        key, value = "", None
        for number, _, a, b in fields(buf, start, stop):
            if number == 1:
                key = buf[a:b].decode("utf-8", "replace")
            elif number == 2:
                value = read_typed_data(buf, a, b)
        out[key] = value
    return out


class HttpParts:
    """An RpcHttp request as plain Python values."""

    __slots__ = ("method", "url", "headers", "params", "query", "body")

    def __init__(self) -> None:
        self.method = ""
        self.url = ""
        self.headers: Dict[str, str] = {}
        self.params: Dict[str, str] = {}
        self.query: Dict[str, str] = {}
        self.body: Optional[Datum] = None


def _entry(buf: bytes, pos: int, end: int, nullable: bool) -> Tuple[str, str]:
    # Short keys and values, in order: the shape every map entry of a request has.
    try:
        if buf[pos] == 0x0A and buf[pos + 1] < 0x80:
            middle = pos + 2 + buf[pos + 1]
            if buf[middle] == 0x12 and buf[middle + 1] < 0x80 and not nullable:
                if middle + 2 + buf[middle + 1] == end:
                    return buf[pos + 2 : middle].decode(), buf[middle + 2 : end].decode()
    except (IndexError, UnicodeDecodeError):
        pass
    key = value = ""
    for number, _, a, b in fields(buf, pos, end):
        if number == 1:
            key = buf[a:b].decode("utf-8", "replace")
        elif number == 2:
            if nullable:
                value = messages.NULLABLE_STRING.decode(buf, a, b).get("value", "")
            else:
                value = buf[a:b].decode("utf-8", "replace")
    return key, value


def read_http_parts(buf: bytes, pos: int, end: int) -> HttpParts:
    """The RpcHttp between `pos` and `end` (spec worker-protocol.md §7)."""
    http = HttpParts()
    for number, _, a, b in fields(buf, pos, end):
        if number == 3:
            key, value = _entry(buf, a, b, False)
            http.headers[key] = value
        elif number == 15:
            key, value = _entry(buf, a, b, False)
            http.query[key] = value
        elif number == 10:
            key, value = _entry(buf, a, b, False)
            http.params[key] = value
        elif number == 1:
            http.method = buf[a:b].decode("utf-8", "replace")
        elif number == 2:
            http.url = buf[a:b].decode("utf-8", "replace")
        elif number == 4:
            http.body = read_typed_data(buf, a, b)
        elif number == 20:
            key, value = _entry(buf, a, b, True)
            http.headers[key] = value
        elif number == 21:
            key, value = _entry(buf, a, b, True)
            http.params[key] = value
        elif number == 22:
            key, value = _entry(buf, a, b, True)
            http.query[key] = value
    return http


def read_http(buf: bytes, pos: int, end: int) -> Dict[str, Any]:
    """An RpcHttp request in the shape the library's converter takes apart."""
    http = read_http_parts(buf, pos, end)
    return {
        "method": Datum(http.method, "string"),
        "url": Datum(http.url, "string"),
        "headers": {key: Datum(value, "string") for key, value in http.headers.items()},
        "params": {key: Datum(value, "string") for key, value in http.params.items()},
        "query": {key: Datum(value, "string") for key, value in http.query.items()},
        "body": http.body or Datum(b"", "bytes"),
    }


# -- outgoing --------------------------------------------------------------------------------------------------------


def write_typed_data(datum: Any) -> Optional[bytes]:
    """A converter's datum as TypedData; None when there is no value to send.

    Raises `NotImplementedError` for a kind the protocol cannot carry back to the host.
    """
    if datum is None:
        return None
    kind, value = datum.type, datum.value
    if kind is None:
        return None
    if kind == "string":
        return length_delimited(1, text(value))
    if kind == "bytes":
        return length_delimited(3, bytes(value))
    if kind == "json":
        return length_delimited(2, text(value if isinstance(value, str) else json.dumps(value)))
    if kind == "http":
        return length_delimited(HTTP, _write_http_datum(value))
    if kind in ("dict", "list"):
        return length_delimited(2, text(json.dumps(value)))
    if kind in ("int", "bool"):
        # There is no bool in TypedData; the reference worker sends 0 or 1 as well.
        return b"\x30" + varint(zigzag(int(value)))
    if kind == "double":
        return b"\x39" + DOUBLE.write(value)
    raise NotImplementedError("unexpected Datum type: %r" % kind)


def _write_http_datum(value: Dict[str, Any]) -> bytes:
    body = value.get("body")
    encoded = write_typed_data(body) if body is not None else None
    return write_http(
        value["status_code"].value,
        ((name, header.value) for name, header in value["headers"].items()),
        encoded if encoded is not None else b"",
        value.get("cookies"),
    )


def write_http(
    status: str, headers: Iterable[Tuple[str, str]], body: bytes, cookies: Optional[List[Any]] = None
) -> bytes:
    """An RpcHttp response; `body` is an encoded TypedData and always present, as hosts treat an absent one apart."""
    parts: List[bytes] = []
    for name, value in headers:
        key, content = text(name), text(value if isinstance(value, str) else str(value))
        if len(key) < 0x80 and len(content) < 0x70 and len(key) + len(content) < 0x7C:
            parts.append(
                bytes((0x1A, 4 + len(key) + len(content), 0x0A, len(key)))
                + key
                + bytes((0x12, len(content)))
                + content
            )
        else:
            parts.append(length_delimited(3, length_delimited(1, key) + length_delimited(2, content)))
    parts.append(b"\x22" + varint(len(body)))
    parts.append(body)
    parts.append(length_delimited(12, text(status)))
    for cookie in cookies or ():
        parts.extend(length_delimited(19, entry) for entry in _write_cookies(cookie))
    return b"".join(parts)


_SAME_SITE = {"lax": 1, "strict": 2, "none": 3}


def _write_cookies(cookie: Any) -> Iterable[bytes]:
    """Each morsel of a SimpleCookie as RpcHttpCookie (spec worker-protocol.md §3.5)."""
    for name, morsel in cookie.items():
        message: Dict[str, Any] = {
            "name": name,
            "value": morsel.value,
            "domain": {"value": morsel["domain"]},
            "path": {"value": morsel["path"]},
            "secure": {"value": bool(morsel["secure"])},
            "http_only": {"value": bool(morsel["httponly"])},
            "same_site": _SAME_SITE.get(str(morsel.get("samesite", "")).lower(), 0),
        }
        if morsel["expires"]:
            message["expires"] = {"value": {"seconds": _cookie_time(name, morsel["expires"])}}
        if morsel["max-age"] not in ("", None):
            try:
                message["max_age"] = {"value": float(morsel["max-age"])}
            except ValueError:
                raise TypeError(
                    "Set-Cookie '%s': Max-Age must be a number of seconds, got %r" % (name, morsel["max-age"])
                ) from None
        yield messages.HTTP_COOKIE.encode(message)


def _cookie_time(name: str, expires: str) -> int:
    # RFC 1123, or the older form with dashes in the date.
    for candidate in (expires, re.sub(r"(\d)-(\w{3})-(\d)", r"\1 \2 \3", expires)):
        try:
            when = email.utils.parsedate_to_datetime(candidate)
        except (TypeError, ValueError, IndexError):
            continue
        if when.tzinfo is None:
            when = when.replace(tzinfo=datetime.timezone.utc)
        return int(when.timestamp())
    raise ValueError(
        "Set-Cookie '%s': cannot parse Expires=%r, expected e.g. 'Wed, 21 Oct 2026 07:28:00 GMT'" % (name, expires)
    )
