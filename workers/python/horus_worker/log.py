"""The app's `logging` as RpcLog messages (spec worker-protocol.md §13)."""
from __future__ import annotations

import logging
import sys
import threading
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

    def __init__(self, channel: Channel, loop_thread: int) -> None:
        super().__init__()
        self._channel = channel
        self._loop_thread = loop_thread
        self._dropped = 0

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
        if record.levelno < logging.ERROR and threading.get_ident() == self._loop_thread:
            channel.flush_soon()
        else:
            channel.flush()


def install(channel: Channel, debug: bool) -> RpcHandler:
    """Makes the root logger write to the host; call on the loop's thread."""
    handler = RpcHandler(channel, threading.get_ident())
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


