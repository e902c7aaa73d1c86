"""The app's `logging` as RpcLog messages (spec worker-protocol.md §13)."""
from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from typing import Optional

from . import messages
from .context import invocation_id
from .http2 import Channel
from .wire import length_delimited, text, varint

# Records of these loggers are the worker's and the library's own, all others the user's.
SYSTEM_LOGGERS = ("horus_worker", "azure_functions_worker", "azure.functions")
# Console lines with this prefix are the host's system log, not user output.
CONSOLE_PREFIX = "LanguageWorkerConsoleLog"
# Beyond this many unread bytes log records are dropped (and counted): a host that stopped reading must not make an
# app that floods its log run out of memory. Responses are never dropped.
BACKLOG_LIMIT = 32 << 20
# Threads that log more often than this share system calls; errors never wait.
BURST_SECONDS = 0.005

_RPC_LOG_TAG = varint(2 << 3 | 2)


def _level(number: int) -> int:
    if number >= logging.CRITICAL:
        return messages.CRITICAL
    if number >= logging.ERROR:
        return messages.ERROR
    if number >= logging.WARNING:
        return messages.WARNING
    if number >= logging.INFO:
        return messages.INFORMATION
    if number >= logging.DEBUG:
        return messages.DEBUG
    return messages.TRACE


def encode(name: str, level: int, message: str, invocation: Optional[str]) -> bytes:
    """One RpcLog as a StreamingMessage."""
    parts = []
    if invocation:
        parts.append(length_delimited(1, text(invocation)))
    parts.append(length_delimited(2, text(name)))
    if level:
        parts.append(b"\x18" + varint(level))
    parts.append(length_delimited(4, text(message)))
    if name.startswith(SYSTEM_LOGGERS):
        parts.append(b"\x40\x01")
    body = b"".join(parts)
    return _RPC_LOG_TAG + varint(len(body)) + body


class RpcHandler(logging.Handler):
    """The root logger's handler: every record leaves in front of the response of its invocation."""

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        """Call on the thread that runs `loop`."""
        super().__init__()
        self._channel = channel
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._dropped = 0
        self._flushed = 0.0
        self._flush_planned = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = encode(record.name, _level(record.levelno), self.format(record), invocation_id())
        except Exception:
            self.handleError(record)
            return
        channel = self._channel
        if channel.is_closed:
            # A forked child of the app, or a last record while the process ends.
            sys.stderr.write(self.format(record) + "\n")
            return
        if channel.backlog > BACKLOG_LIMIT:
            self._dropped += 1
            return
        if self._dropped:
            note = "%d log records were dropped because the host did not read them in time" % self._dropped
            self._dropped = 0
            channel.post(encode("horus_worker.log", messages.WARNING, note, None))
        channel.post(message)
        if record.levelno >= logging.ERROR:
            channel.flush()
        elif threading.get_ident() == self._loop_thread:
            channel.flush_soon()
        else:
            self._flush_from_thread()

    def _flush_from_thread(self) -> None:
        """At once when it is quiet; in a burst the record leaves with the response, or a moment later."""
        now = time.monotonic()
        if now - self._flushed >= BURST_SECONDS:
            self._flushed = now
            self._channel.flush()
        elif not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon_threadsafe(self._loop.call_later, BURST_SECONDS, self._planned_flush)

    def _planned_flush(self) -> None:
        self._flush_planned = False
        self._channel.flush()


def install(channel: Channel, loop: asyncio.AbstractEventLoop, debug: bool) -> RpcHandler:
    """Makes the root logger write to the host; call on the loop's thread."""
    handler = RpcHandler(channel, loop)
    root = logging.getLogger()
    root.addHandler(handler)
    set_debug(debug)
    return handler


def set_debug(debug: bool) -> None:
    """INFO is the platform's default level, DEBUG on PYTHON_ENABLE_DEBUG_LOGGING."""
    logging.getLogger().setLevel(logging.DEBUG if debug else logging.INFO)
    # The loop's own chatter would tag every slow callback as user output.
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def console(message: str) -> None:
    """A line for the host's system log when there is no stream (any more)."""
    sys.stderr.write("%s %s\n" % (CONSOLE_PREFIX, message))
    sys.stderr.flush()


