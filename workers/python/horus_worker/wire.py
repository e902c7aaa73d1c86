"""Protocol buffers, as far as the worker needs them: a table-driven codec plus the primitives of the fast paths.

A message is a `dict` of field name to value; absent fields are absent keys, as proto3 leaves defaults off the wire.
Unknown fields are skipped, so newer hosts stay compatible (spec worker-protocol.md §4).
"""
from __future__ import annotations

import struct
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

_double = struct.Struct("<d")


class WireError(ValueError):
    """Bytes that are no protobuf message of the expected type."""


def read_varint(buf: bytes, pos: int) -> Tuple[int, int]:
    """The unsigned varint at `pos` and the position behind it."""
    byte = buf[pos]
    if byte < 0x80:
        return byte, pos + 1
    value = byte & 0x7F
    shift = 7
    while True:
        pos += 1
        byte = buf[pos]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, pos + 1
        shift += 7
        if shift > 63:
            raise WireError("varint longer than ten bytes")


_SINGLE = [bytes((n,)) for n in range(0x80)]


def varint(value: int) -> bytes:
    """`value` as an unsigned varint; negative numbers take ten bytes, as int32 and int64 fields require."""
    if 0 <= value < 0x80:
        return _SINGLE[value]
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed64(value: int) -> int:
    """An unsigned varint read as int32 or int64."""
    return value - (1 << 64) if value >> 63 else value


def zigzag(value: int) -> int:
    """A sint64 as the varint that carries it."""
    return (value << 1) ^ (value >> 63)


def unzigzag(value: int) -> int:
    """A varint read as sint64."""
    return (value >> 1) ^ -(value & 1)


def fields(buf: bytes, pos: int, end: int) -> Iterator[Tuple[int, int, int, int]]:
    """Each field between `pos` and `end` as (number, wire type, a, b).

    For LENGTH fields a and b bound the payload; for numbers a is the raw value.
    """
    while pos < end:
        tag, pos = read_varint(buf, pos)
        kind = tag & 7
        if kind == LENGTH:
            size, pos = read_varint(buf, pos)
            stop = pos + size
            if stop > end:
                raise WireError("field %d runs past its message" % (tag >> 3))
            yield tag >> 3, kind, pos, stop
            pos = stop
        elif kind == VARINT:
            value, pos = read_varint(buf, pos)
            yield tag >> 3, kind, value, 0
        elif kind == FIXED64:
            yield tag >> 3, kind, int.from_bytes(buf[pos : pos + 8], "little"), 0
            pos += 8
        elif kind == FIXED32:
            yield tag >> 3, kind, int.from_bytes(buf[pos : pos + 4], "little"), 0
            pos += 4
        else:
            raise WireError("unsupported wire type %d" % kind)


def skip(buf: bytes, pos: int) -> int:
    """The position behind the field at `pos`."""
    tag, pos = read_varint(buf, pos)
    kind = tag & 7
    if kind == VARINT:
        return read_varint(buf, pos)[1]
    if kind == LENGTH:
        size, pos = read_varint(buf, pos)
        return pos + size
    if kind in (FIXED64, FIXED32):
        return pos + (8 if kind == FIXED64 else 4)
    raise WireError("unsupported wire type %d" % kind)


def length_delimited(number: int, payload: bytes) -> bytes:
    """One LENGTH field: tag, size, payload."""
    return varint(number << 3 | LENGTH) + varint(len(payload)) + payload


class Scalar:
    """How one scalar type is read from a raw field and written with its tag."""

    __slots__ = ("wire", "read", "write", "zero")

    def __init__(self, wire: int, read: Callable, write: Callable, zero: Any) -> None:
        self.wire = wire
        self.read = read
        self.write = write
        self.zero = zero


def text(value: str) -> bytes:
    """UTF-8 of `value`; lone surrogates, which protobuf forbids, become U+FFFD."""
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def _write_string(value: str) -> bytes:
    data = text(value)
    return varint(len(data)) + data


STRING = Scalar(
    LENGTH,
    lambda buf, a, b: buf[a:b].decode("utf-8", "replace"),
    _write_string,
    "",
)
BYTES = Scalar(LENGTH, lambda buf, a, b: buf[a:b], lambda value: varint(len(value)) + bytes(value), b"")
INT = Scalar(VARINT, lambda buf, a, b: signed64(a), varint, 0)
BOOL = Scalar(VARINT, lambda buf, a, b: a != 0, lambda value: b"\1" if value else b"\0", False)
SINT = Scalar(VARINT, lambda buf, a, b: unzigzag(a), lambda value: varint(zigzag(value)), 0)
DOUBLE = Scalar(
    FIXED64,
    lambda buf, a, b: _double.unpack(a.to_bytes(8, "little"))[0],
    lambda value: _double.pack(value),
    0.0,
)


class Field:
    """One row of a message table."""

    __slots__ = ("number", "name", "type", "repeated", "map_value", "oneof", "tag")

    def __init__(self, number: int, name: str, type_: Any, mode: str = "") -> None:
        self.number = number
        self.name = name
        self.type = type_
        self.repeated = mode == "repeated"
        self.map_value = type_ if mode == "map" else None
        # A oneof member is written even when it holds its type's zero value.
        self.oneof = mode == "oneof"
        wire = LENGTH if mode == "map" or isinstance(type_, Message) else type_.wire
        self.tag = varint(number << 3 | wire)


class Message:
    """A message type: encodes a dict, decodes to a dict."""

    def __init__(self, name: str, *rows: Tuple) -> None:
        self.name = name
        self.rows: List[Field] = []
        self.by_number: Dict[int, Field] = {}
        self.extend(*rows)

    def extend(self, *rows: Tuple) -> None:
        """Adds rows; separate from construction so that messages may refer to each other."""
        for row in rows:
            field = Field(*row)
            self.rows.append(field)
            self.by_number[field.number] = field

    def decode(self, buf: bytes, pos: int = 0, end: Optional[int] = None) -> Dict[str, Any]:
        """The message between `pos` and `end`; raises `WireError` when it is malformed."""
        out: Dict[str, Any] = {}
        try:
            for number, kind, a, b in fields(buf, pos, len(buf) if end is None else end):
                field = self.by_number.get(number)
                if field is None:
                    continue
                if field.map_value is not None:
                    key, value = _decode_entry(field.map_value, buf, a, b)
                    out.setdefault(field.name, {})[key] = value
                elif isinstance(field.type, Message):
                    value = field.type.decode(buf, a, b)
                    if field.repeated:
                        out.setdefault(field.name, []).append(value)
                    else:
                        out[field.name] = value
                elif field.repeated:
                    values = out.setdefault(field.name, [])
                    if kind == LENGTH and field.type.wire != LENGTH:
                        values.extend(_decode_packed(field.type, buf, a, b))
                    else:
                        values.append(field.type.read(buf, a, b))
                else:
                    out[field.name] = field.type.read(buf, a, b)
        except (IndexError, TypeError) as error:
            raise WireError("%s: truncated or mistyped message" % self.name) from error
        return out

    def encode(self, message: Dict[str, Any]) -> bytes:
        """`message` on the wire; keys that the table lacks are an error of the caller."""
        parts: List[bytes] = []
        for field in self.rows:
            value = message.get(field.name)
            if value is None:
                continue
            if field.map_value is not None:
                for key, item in value.items():
                    entry = _encode_entry(field.map_value, key, item)
                    parts += (field.tag, varint(len(entry)), entry)
            elif field.repeated:
                for item in value:
                    self._one(parts, field, item)
            elif field.oneof or isinstance(field.type, Message) or value != field.type.zero:
                self._one(parts, field, value)
        return b"".join(parts)

    @staticmethod
    def _one(parts: List[bytes], field: Field, value: Any) -> None:
        if isinstance(field.type, Message):
            inner = value if isinstance(value, bytes) else field.type.encode(value)
            parts += (field.tag, varint(len(inner)), inner)
        else:
            parts += (field.tag, field.type.write(value))


def _decode_entry(value_type: Any, buf: bytes, pos: int, end: int) -> Tuple[str, Any]:
    key = ""
    is_message = isinstance(value_type, Message)
    value: Any = {} if is_message else value_type.zero
    for number, _, a, b in fields(buf, pos, end):
        if number == 1:
            key = buf[a:b].decode("utf-8", "replace")
        elif number == 2:
            value = value_type.decode(buf, a, b) if is_message else value_type.read(buf, a, b)
    return key, value


def _encode_entry(value_type: Any, key: str, value: Any) -> bytes:
    head = b"\x0a" + STRING.write(key)
    if isinstance(value_type, Message):
        return head + length_delimited(2, value if isinstance(value, bytes) else value_type.encode(value))
    return head + varint(2 << 3 | value_type.wire) + value_type.write(value)


def _decode_packed(scalar: Scalar, buf: bytes, pos: int, end: int) -> Iterator[Any]:
    while pos < end:
        if scalar.wire == FIXED64:
            raw, pos = int.from_bytes(buf[pos : pos + 8], "little"), pos + 8
        else:
            raw, pos = read_varint(buf, pos)
        yield scalar.read(buf, raw, 0)
