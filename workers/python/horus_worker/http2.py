"""The one gRPC stream to the host: HTTP/2 with prior knowledge, for exactly one client stream.

Reading happens on the event loop. Writing happens wherever a message is finished: whoever gets the write lock sends
everything that is queued, so a thread that ran a sync function needs no detour through the loop, and messages that
were queued meanwhile leave in the same system call. Order is the order of `post`, which is what keeps a function's
logs in front of its response (spec worker-protocol.md §1).
"""
from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
import time
from collections import deque
from typing import Callable, Deque, List, Optional, Union

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 4, 5
STREAM = 1

# Both windows are as large as HTTP/2 allows, so the host is held back by TCP alone; they are topped up long before
# they could run dry.
LARGEST_WINDOW = (1 << 31) - 1
DEFAULT_WINDOW = 65_535
TOP_UP_AFTER = 1 << 29
# Frames we accept: big enough for bodies, small enough that re-joining a partial frame stays cheap.
ACCEPTED_FRAME_SIZE = 1 << 20
SMALL_READ, LARGE_READ = 64 * 1024, 1 << 20

_path = b"/AzureFunctionsRpcMessages.FunctionRpc/EventStream"
_pack_setting = struct.Struct(">HI").pack
_pack_u32 = struct.Struct(">I").pack


class ProtocolError(Exception):
    """The peer does not speak HTTP/2 or gRPC as this client needs it."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One HTTP/2 frame."""
    return b"".join((len(payload).to_bytes(3, "big"), bytes((kind, flags)), _pack_u32(stream), payload))


def _literal(value: bytes) -> bytes:
    # HPACK string, not Huffman coded; every literal here is shorter than 127 bytes.
    return bytes((len(value),)) + value


def request_headers(authority: str) -> bytes:
    """The HPACK block that opens the stream; static-table names, literal values, nothing indexed."""
    return b"".join(
        (
            b"\x83\x86",  # :method POST, :scheme http
            b"\x04" + _literal(_path),  # :path
            b"\x01" + _literal(authority.encode("ascii", "replace")[:120]),  # :authority
            b"\x0f\x10" + _literal(b"application/grpc"),  # content-type
            b"\x00" + _literal(b"te") + _literal(b"trailers"),
            b"\x0f\x2b" + _literal(b"horus-python-worker"),  # user-agent
        )
    )


class Channel:
    """The stream to the host. `post`, `send` and `flush` may be called from any thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_message: Callable[[bytes, int, int], None],
        on_close: Callable[[str, bool], None],
    ) -> None:
        """`on_message` gets a buffer and the bounds of one message in it, on the loop.

        `on_close` gets the reason and whether the end was orderly; it is called once, on the loop.
        """
        self._loop = loop
        self._on_message = on_message
        self._on_close = on_close
        self._sock: Optional[socket.socket] = None
        self._closed = False
        # Reading.
        self._rest = b""
        self._partial = bytearray()
        self._read_size = SMALL_READ
        self._unreported = 0
        # Writing; everything below `_lock` belongs to its holder.
        self._queue: Deque[bytes] = deque()
        self._control: Deque[bytes] = deque()
        self._credits: Deque[tuple] = deque()
        self._lock = threading.Lock()
        self._pending: Deque[memoryview] = deque()
        self._unsent = b""
        self._stream_window = DEFAULT_WINDOW
        self._connection_window = DEFAULT_WINDOW
        self._initial_window = DEFAULT_WINDOW
        self._frame_size = 16_384
        self._flush_scheduled = False
        self._watching = False

    def connect(self, host: str, port: int, patience: float) -> None:
        """Opens the connection and the stream; retries refused connections for `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self._sock = socket.create_connection((host, port), timeout=patience)
                break
            except OSError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)
        sock = self._sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(
            b"".join(
                (
                    PREFACE,
                    frame(
                        SETTINGS,
                        0,
                        0,
                        _pack_setting(2, 0)  # ENABLE_PUSH off
                        + _pack_setting(INITIAL_WINDOW_SIZE, LARGEST_WINDOW)
                        + _pack_setting(MAX_FRAME_SIZE, ACCEPTED_FRAME_SIZE),
                    ),
                    frame(WINDOW_UPDATE, 0, 0, _pack_u32(LARGEST_WINDOW - DEFAULT_WINDOW)),
                    frame(HEADERS, END_HEADERS, STREAM, request_headers("%s:%d" % (host, port))),
                )
            )
        )
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._readable)

    def close(self) -> None:
        """Closes the socket without telling `on_close`."""
        self._closed = True
        if self._sock is not None and self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()

    def abandon(self) -> None:
        """Lets go of the connection in a forked child, without touching what it shares with the parent.

        The event loop's selector is shared too, so nothing may be unregistered there.
        """
        self._closed = True
        self._queue.clear()
        if self._sock is not None:
            os.close(self._sock.detach())

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed

    @property
    def backlog(self) -> int:
        """Roughly how many bytes wait for the host to read them."""
        return len(self._unsent) + sum(map(len, list(self._pending)))

    # -- writing ---------------------------------------------------------------------------------------------------

    def post(self, message: bytes) -> None:
        """Queues one message; it leaves with the next `flush` of any thread."""
        self._queue.append(b"\x00" + _pack_u32(len(message)) + message)

    def send(self, message: bytes) -> None:
        """Queues one message and sends what can be sent now."""
        self._queue.append(b"\x00" + _pack_u32(len(message)) + message)
        self.flush()

    def flush_soon(self) -> None:
        """Flushes once at the end of this loop iteration; only on the loop's thread."""
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._scheduled_flush)

    def _scheduled_flush(self) -> None:
        self._flush_scheduled = False
        self.flush()

    def flush(self) -> None:
        """Sends everything that windows and socket take."""
        # A thread that finds the lock taken leaves: the holder looks at the queues again after releasing it.
        while (self._queue or self._control or self._credits) and self._lock.acquire(False):
            try:
                self._write()
            except OSError:
                # The reader learns of a broken connection too and ends the process.
                self._queue.clear()
                return
            finally:
                self._lock.release()

    def _write(self) -> None:
        if self._closed or self._sock is None:
            self._queue.clear()
            self._control.clear()
            self._credits.clear()
            return
        while self._credits:
            self._apply_credit(*self._credits.popleft())
        out: List[Union[bytes, memoryview]] = []
        control, queue = self._control, self._queue
        while control:
            out.append(control.popleft())
        if queue:
            first = queue.popleft()
            if queue:
                parts = [first]
                while queue:
                    parts.append(queue.popleft())
                first = b"".join(parts)
            if not self._pending and len(first) <= min(
                self._frame_size, self._stream_window, self._connection_window
            ):
                # Nearly always: everything fits one frame.
                size = len(first)
                self._stream_window -= size
                self._connection_window -= size
                out.append(size.to_bytes(3, "big") + b"\x00\x00\x00\x00\x00\x01")
                out.append(first)
            else:
                self._pending.append(memoryview(first))
        if self._pending:
            self._frame_pending(out)
        if not out:
            return
        data = b"".join(out)
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        if sent < len(data):
            self._unsent = data[sent:]
            self._watch()

    def _frame_pending(self, out: List[Union[bytes, memoryview]]) -> None:
        """Cuts waiting messages into as many DATA frames as the windows allow."""
        pending = self._pending
        while pending:
            budget = min(self._frame_size, self._stream_window, self._connection_window)
            if budget <= 0:
                return
            head = pending[0]
            piece = head[:budget]
            size = len(piece)
            if size == len(head):
                pending.popleft()
            else:
                pending[0] = head[size:]
            self._stream_window -= size
            self._connection_window -= size
            out.append(size.to_bytes(3, "big") + b"\x00\x00\x00\x00\x00\x01")
            out.append(piece)

    def _apply_credit(self, what: str, amount: int) -> None:
        if what == "stream":
            self._stream_window += amount
        elif what == "connection":
            self._connection_window += amount
        elif what == "initial":
            self._stream_window += amount - self._initial_window
            self._initial_window = amount
        else:
            self._frame_size = amount

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._loop.call_soon_threadsafe(self._add_writer)

    def _add_writer(self) -> None:
        if not self._closed and self._sock is not None:
            self._loop.add_writer(self._sock.fileno(), self._writable)

    def _writable(self) -> None:
        assert self._sock is not None
        with self._lock:
            try:
                sent = self._sock.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                sent = len(self._unsent)
            self._unsent = self._unsent[sent:]
            if self._unsent:
                return
            self._watching = False
            self._loop.remove_writer(self._sock.fileno())
        self.flush()

    # -- reading ---------------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(self._read_size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end("connection to the host broke: %s" % error, False)
            return
        if not data:
            self._end("the host closed the connection", True)
            return
        self._read_size = LARGE_READ if len(data) == self._read_size else SMALL_READ
        if self._rest:
            data = self._rest + data
        pos, end = 0, len(data)
        try:
            while end - pos >= 9:
                length = data[pos] << 16 | data[pos + 1] << 8 | data[pos + 2]
                stop = pos + 9 + length
                if stop > end:
                    if length > ACCEPTED_FRAME_SIZE:
                        raise ProtocolError("a frame of %d bytes exceeds the announced maximum" % length)
                    break
                if data[pos + 3] == DATA:
                    self._data(data, pos + 9, stop, data[pos + 4])
                else:
                    on_stream = data[pos + 8] != 0
                    self._frame(data[pos + 3], data[pos + 4], on_stream, data[pos + 9 : stop])
                if self._closed:
                    return
                pos = stop
        except ProtocolError as error:
            self._end("the host broke the protocol: %s" % error, False)
            return
        self._rest = data[pos:] if pos < end else b""
        self.flush()

    def _data(self, data: bytes, pos: int, end: int, flags: int) -> None:
        self._unreported += end - pos
        if self._unreported >= TOP_UP_AFTER:
            amount = _pack_u32(self._unreported)
            self._control.append(frame(WINDOW_UPDATE, 0, 0, amount) + frame(WINDOW_UPDATE, 0, STREAM, amount))
            self._unreported = 0
        if flags & PADDED:
            end -= data[pos]
            pos += 1
        partial = self._partial
        while pos < end:
            if not partial and end - pos >= 5:
                stop = pos + 5 + int.from_bytes(data[pos + 1 : pos + 5], "big")
                if stop <= end:
                    if data[pos]:
                        raise ProtocolError("compressed gRPC messages are not supported")
                    self._on_message(data, pos + 5, stop)
                    pos = stop
                    continue
            # A message that spans frames.
            want = 5 - len(partial)
            if want <= 0:
                want = 5 + int.from_bytes(partial[1:5], "big") - len(partial)
            take = min(want, end - pos)
            partial += memoryview(data)[pos : pos + take]
            pos += take
            if len(partial) >= 5 and len(partial) == 5 + int.from_bytes(partial[1:5], "big"):
                if partial[0]:
                    raise ProtocolError("compressed gRPC messages are not supported")
                message = bytes(partial)
                partial = self._partial = bytearray()
                self._on_message(message, 5, len(message))
        if flags & END_STREAM:
            self._end("the host ended the stream", True)

    def _frame(self, kind: int, flags: int, on_stream: bool, payload: bytes) -> None:
        if kind == WINDOW_UPDATE:
            # `flush` at the end of the read applies it.
            amount = int.from_bytes(payload[:4], "big") & LARGEST_WINDOW
            self._credits.append(("stream" if on_stream else "connection", amount))
        elif kind == SETTINGS:
            if not flags & ACK:
                self._settings(payload)
        elif kind == PING:
            if not flags & ACK:
                self._control.append(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            # NO_ERROR announces a drain: the stream lives on until the host ends it.
            code = int.from_bytes(payload[4:8], "big")
            if code:
                self._end("the host gave up the connection (code %d)" % code, False)
        elif kind == RST_STREAM:
            self._end("the host reset the stream (code %d)" % int.from_bytes(payload[:4], "big"), False)
        elif kind == HEADERS and flags & END_STREAM:
            self._end("the host ended the stream", True)
        # Response headers, CONTINUATION, PRIORITY and unknown kinds carry nothing the worker needs.

    def _settings(self, payload: bytes) -> None:
        for at in range(0, len(payload) - 5, 6):
            name = int.from_bytes(payload[at : at + 2], "big")
            value = int.from_bytes(payload[at + 2 : at + 6], "big")
            if name == INITIAL_WINDOW_SIZE:
                self._credits.append(("initial", value))
            elif name == MAX_FRAME_SIZE:
                self._credits.append(("frame", value))
        self._control.append(frame(SETTINGS, ACK, 0))

    def _end(self, reason: str, orderly: bool) -> None:
        if not self._closed:
            self.close()
            self._on_close(reason, orderly)
