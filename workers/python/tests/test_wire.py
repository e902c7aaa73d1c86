"""The worker's own codec against protobuf's."""
import asyncio
import random
import threading

import pytest
from fake_host import pb

from horus_worker import datum, http2, messages, wire


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, 2**64 - 1])
def test_varint_round_trip(value):
    data = wire.varint(value)
    assert wire.read_varint(b"x" + data, 1) == (value, 1 + len(data))


@pytest.mark.parametrize("value", [0, -1, 1, -(2**63), 2**63 - 1])
def test_numbers_agree_with_protobuf(value):
    assert pb.TypedData.FromString(datum.write_typed_data(datum.Datum(value, "int"))).int == value
    read = datum.read_typed_data(*whole(pb.TypedData(int=value).SerializeToString()))
    assert (read.type, read.value) == ("int", value)
    options = messages.RETRY_OPTIONS.encode({"max_retry_count": -1})
    assert pb.RpcRetryOptions.FromString(options).max_retry_count == -1


def whole(data):
    return data, 0, len(data)


def test_endless_varint_is_refused():
    with pytest.raises((wire.WireError, IndexError)):
        wire.read_varint(b"\xff" * 20, 0)


def test_load_request_decodes_like_protobuf():
    message = pb.FunctionLoadRequest(function_id="f", metadata=pb.RpcFunctionMetadata(
        name="n", bindings={"a": pb.BindingInfo(type="t", direction=1, properties={"p": "q"}), "b": pb.BindingInfo()},
        raw_bindings=["x", "y"], properties={"k": ""}, retry_options=pb.RpcRetryOptions(
            delay_interval={"seconds": 9}, max_retry_count=-1)))
    assert messages.LOAD_REQUEST.decode(message.SerializeToString()) == {
        "function_id": "f",
        "metadata": {
            "name": "n", "raw_bindings": ["x", "y"], "properties": {"k": ""},
            "bindings": {"a": {"type": "t", "direction": 1, "properties": {"p": "q"}}, "b": {}},
            "retry_options": {"delay_interval": {"seconds": 9}, "max_retry_count": -1}}}


def test_every_typed_data_kind_is_read():
    cases = [
        (pb.TypedData(string="ä"), "string", "ä"), (pb.TypedData(json="{}"), "json", {}),
        (pb.TypedData(bytes=b"\0"), "bytes", b"\0"), (pb.TypedData(stream=b"\1"), "bytes", b"\1"),
        (pb.TypedData(double=-1.5), "double", -1.5),
        (pb.TypedData(collection_double=pb.CollectionDouble(double=[1.5, 2])), "collection_double", [1.5, 2.0]),
        (pb.TypedData(collection_sint64=pb.CollectionSInt64(sint64=[-1, 2**62])), "collection_sint64", [-1, 2**62]),
        (pb.TypedData(collection_string=pb.CollectionString(string=["", "b"])), "collection_string", ["", "b"]),
        (pb.TypedData(collection_bytes=pb.CollectionBytes(bytes=[b"", b"b"])), "collection_bytes", [b"", b"b"]),
    ]
    for message, kind, value in cases:
        read = datum.read_typed_data(*whole(message.SerializeToString()))
        assert (read.type, read.python_value) == (kind, value)
    assert datum.read_typed_data(b"", 0, 0) is None


def test_http_request_with_long_and_nullable_entries():
    message = pb.TypedData(http=pb.RpcHttp(method="GET", url="u", headers={"a": "b", "long": "x" * 5000, "": ""},
                                           query={"ü": "ö" * 100}))
    message.http.nullable_headers["n"].value = "v"
    message.http.nullable_params["empty"].SetInParent()
    value = datum.read_typed_data(*whole(message.SerializeToString())).value
    assert {k: v.value for k, v in value["headers"].items()} == {"a": "b", "long": "x" * 5000, "": "", "n": "v"}
    assert {k: v.value for k, v in value["query"].items()} == {"ü": "ö" * 100}
    assert {k: v.value for k, v in value["params"].items()} == {"empty": ""}


@pytest.mark.parametrize("size", [0, 1, 50, 60, 110, 111, 112, 120, 121, 122, 123, 127, 128, 129, 20_000])
def test_http_response_headers_of_every_length(size):
    data = datum.write_http("200", [("n" * max(size // 2, 1), "v" * size), ("x", "y")], b"")
    http = pb.RpcHttp.FromString(data)
    assert dict(http.headers) == {"n" * max(size // 2, 1): "v" * size, "x": "y"}
    assert http.HasField("body")


def test_random_bytes_never_raise_anything_but_wire_errors():
    rng = random.Random(1)
    valid = pb.FunctionLoadRequest(function_id="f", metadata=pb.RpcFunctionMetadata(
        name="n", bindings={"a": pb.BindingInfo(type="t")})).SerializeToString()
    for _ in range(5000):
        data = bytearray(valid if rng.random() < 0.7 else rng.randbytes(rng.randrange(40)))
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            messages.LOAD_REQUEST.decode(bytes(data))
        except (wire.WireError, OverflowError):
            pass


class Peer:
    """A channel without a socket: what it would send is collected."""

    def __init__(self):
        self.messages, self.ends = [], []
        self.channel = http2.Channel(
            asyncio.new_event_loop(), lambda buf, a, b: self.messages.append(bytes(buf[a:b])),
            lambda reason, orderly: self.ends.append((reason, orderly)))
        self.sent = bytearray()
        self.accept = None
        self.incoming = []
        self.channel._sock = self

    def send(self, data):
        take = len(data) if self.accept is None else min(self.accept, len(data))
        if self.accept is not None:
            self.accept -= take
            if take == 0:
                raise BlockingIOError
        self.sent += data[:take]
        return take

    def recv(self, size):
        return self.incoming.pop(0)

    def fileno(self):
        return -1

    def close(self):
        pass

    def feed(self, data):
        self.incoming.append(data)
        self.channel._readable()

    def frames(self):
        out, pos, data = [], 0, bytes(self.sent)
        while pos < len(data):
            size = int.from_bytes(data[pos:pos + 3], "big")
            out.append((data[pos + 3], data[pos + 4], int.from_bytes(data[pos + 5:pos + 9], "big"),
                        data[pos + 9:pos + 9 + size]))
            pos += 9 + size
        return out


def grpc(message):
    return b"\0" + len(message).to_bytes(4, "big") + message


def test_messages_split_at_every_byte():
    message = [b"", b"a" * 3, b"b" * 300]
    stream = b"".join(http2.frame(http2.DATA, 0, 1, part) for part in
                      (grpc(message[0]) + grpc(message[1])[:4], grpc(message[1])[4:] + grpc(message[2])[:100],
                       b"", grpc(message[2])[100:]))
    for cut in range(1, len(stream)):
        peer = Peer()
        peer.feed(stream[:cut])
        peer.feed(stream[cut:])
        assert peer.messages == message
    peer = Peer()
    for index in range(len(stream)):
        peer.feed(stream[index:index + 1])
    assert peer.messages == message


def test_padding_ping_and_settings():
    peer = Peer()
    peer.feed(http2.frame(http2.DATA, http2.PADDED, 1, b"\3" + grpc(b"hi") + b"\0\0\0"))
    peer.feed(http2.frame(http2.PING, 0, 0, b"12345678") + http2.frame(http2.SETTINGS, 0, 0, b"")
              + http2.frame(http2.SETTINGS, http2.ACK, 0, b"") + http2.frame(0xB, 0, 0, b"unknown"))
    assert peer.messages == [b"hi"]
    assert (http2.PING, http2.ACK, 0, b"12345678") in peer.frames()
    assert peer.frames().count((http2.SETTINGS, http2.ACK, 0, b"")) == 1


def test_flow_control_is_honoured():
    peer = Peer()
    body = bytes(range(256)) * 1000
    peer.channel.send(body)
    data = [f for f in peer.frames() if f[0] == http2.DATA]
    assert sum(len(f[3]) for f in data) == http2.DEFAULT_WINDOW
    assert max(len(f[3]) for f in data) == 16_384
    # A credit for one of the two windows changes nothing.
    credit = (100_000).to_bytes(4, "big")
    peer.feed(http2.frame(http2.WINDOW_UPDATE, 0, 1, credit))
    assert sum(len(f[3]) for f in peer.frames() if f[0] == 0) == http2.DEFAULT_WINDOW
    peer.feed(http2.frame(http2.WINDOW_UPDATE, 0, 0, credit))
    assert sum(len(f[3]) for f in peer.frames() if f[0] == 0) == http2.DEFAULT_WINDOW + 100_000
    # SETTINGS may enlarge the stream's window after the fact, and the frame size.
    million = (1 << 20).to_bytes(4, "big")
    settings = (4).to_bytes(2, "big") + million + (5).to_bytes(2, "big") + (1 << 18).to_bytes(4, "big")
    peer.feed(http2.frame(http2.SETTINGS, 0, 0, settings) + http2.frame(http2.WINDOW_UPDATE, 0, 0, million))
    peer.channel.send(b"after")
    assert b"".join(f[3] for f in peer.frames() if f[0] == 0) == grpc(body) + grpc(b"after")


def test_a_full_socket_loses_nothing():
    peer = Peer()
    peer.accept = 10
    peer.channel.send(b"x" * 100)
    peer.channel.send(b"y" * 100)
    assert len(peer.sent) == 10
    peer.accept = None
    peer.channel._loop.remove_writer = lambda fd: None
    peer.channel._writable()
    assert b"".join(f[3] for f in peer.frames()) == grpc(b"x" * 100) + grpc(b"y" * 100)


def test_many_threads_write_whole_messages_in_their_own_order():
    peer = Peer()
    peer.channel._credits.extend([("stream", 1 << 28), ("connection", 1 << 28)])

    def write(number):
        for index in range(500):
            peer.channel.send(b"%d:%d" % (number, index))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    data, pos, seen = b"".join(f[3] for f in peer.frames() if f[0] == 0), 0, {}
    while pos < len(data):
        size = int.from_bytes(data[pos + 1:pos + 5], "big")
        number, index = data[pos + 5:pos + 5 + size].split(b":")
        seen.setdefault(number, []).append(int(index))
        pos += 5 + size
    assert len(seen) == 8 and all(indexes == list(range(500)) for indexes in seen.values())


@pytest.mark.parametrize("frame, orderly", [
    (http2.frame(http2.DATA, http2.END_STREAM, 1, b""), True),
    (http2.frame(http2.HEADERS, http2.END_STREAM | http2.END_HEADERS, 1, b"\x88"), True),
    (http2.frame(http2.RST_STREAM, 0, 1, b"\0\0\0\2"), False),
    (http2.frame(http2.GOAWAY, 0, 0, b"\0\0\0\1\0\0\0\1"), False),
    (http2.frame(http2.DATA, 0, 1, b"\1\0\0\0\0"), False),
    (b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", False),
    (b"", True),
])
def test_ends(frame, orderly):
    peer = Peer()
    peer.feed(frame)
    assert len(peer.ends) == 1 and peer.ends[0][1] is orderly


def test_a_graceful_goaway_keeps_the_stream():
    peer = Peer()
    peer.feed(http2.frame(http2.GOAWAY, 0, 0, b"\x7f\xff\xff\xff\0\0\0\0"))
    peer.feed(http2.frame(http2.DATA, 0, 1, grpc(b"still here")))
    assert peer.messages == [b"still here"] and not peer.ends


def test_an_invocation_with_fields_of_a_newer_protocol():
    from horus_worker.invocation import Invocation
    request = pb.InvocationRequest(invocation_id="i", function_id="f", input_data=[pb.ParameterBinding(name="n")])
    newer = b"\x78\x96\x01" + b"\x92\x03\x02ab" + b"\x71" + b"8" * 8 + b"\x75" + b"4" * 4
    data = newer + request.SerializeToString() + newer
    call = Invocation(data, 0, len(data))
    assert (call.invocation_id, call.function_id, len(call.inputs)) == ("i", "f", 1)
