"""Large values through memory-mapped files instead of the stream (spec worker-protocol.md §16).

Active when the host sets FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED. A region is a file of one flag byte,
the content's length as little-endian int64, and the content.
"""
from __future__ import annotations

import os
import struct
import threading
import uuid
from typing import Any, Dict, List, Optional

from . import environment, messages
from .datum import Datum

SETTING = "FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED"
DIRECTORIES_SETTING = "FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES"
_SUFFIX = "AzureFunctions"
_HEADER = struct.Struct("<Bq")
_SMALLEST, _LARGEST = 1 << 20, (1 << 31) - 1

_enabled = False
# With the host's data cache on, any bytes or string may be shared and the host deletes the files.
_caching = False
_directories: List[str] = []
_written: Dict[str, str] = {}
_lock = threading.Lock()


class SharedMemoryError(RuntimeError):
    """A region that cannot be read or written."""


def configure(data_cache: bool) -> None:
    """Takes over whether the host caches function data, and reads the settings."""
    global _caching
    _caching = data_cache
    reload()


def reload() -> None:
    """Reads the settings anew."""
    global _enabled, _directories
    _enabled = os.name != "nt" and environment.flag(SETTING)
    listed = os.environ.get(DIRECTORIES_SETTING, "/dev/shm")
    _directories = [os.path.join(entry.strip(), _SUFFIX) for entry in listed.split(",") if entry.strip()]


def is_enabled() -> bool:
    """Whether values may leave through shared memory."""
    return _enabled


def _path_of(name: str) -> str:
    if not name or os.sep in name or name.startswith("."):
        raise SharedMemoryError("invalid shared memory name %r" % name)
    for directory in _directories:
        path = os.path.join(directory, name)
        if os.path.exists(path):
            return path
    raise SharedMemoryError("shared memory '%s' not found in %s" % (name, ", ".join(_directories)))


def read(buf: bytes, pos: int, end: int) -> Optional[Datum]:
    """The value an RpcSharedMemory message points to; None for the empty message that stands for null."""
    message = messages.SHARED_MEMORY.decode(buf, pos, end)
    name = message.get("name")
    if not name:
        return None
    if message.get("offset", 0):
        raise SharedMemoryError("shared memory '%s': only offset 0 is supported" % name)
    with open(_path_of(name), "rb") as file:
        initialised, length = _HEADER.unpack(file.read(_HEADER.size))
        if initialised != 1:
            raise SharedMemoryError("shared memory '%s' is not initialised" % name)
        content = file.read(message.get("count", 0) or length)
    kind = message.get("type")
    if kind == messages.DATA_STRING:
        return Datum(content.decode("utf-8"), "string")
    if kind == messages.DATA_BYTES:
        return Datum(content, "bytes")
    raise SharedMemoryError("shared memory '%s': unsupported data type %s" % (name, kind))


def write(datum: Any) -> Optional[bytes]:
    """An encoded RpcSharedMemory for a converter's datum; None when it must travel in the message."""
    if datum is None or datum.type not in ("string", "bytes"):
        return None
    # A string counts two bytes per character, as in the host.
    size = len(datum.value) * (2 if datum.type == "string" else 1)
    if not _SMALLEST <= size <= _LARGEST and not _caching:
        return None
    content = datum.value.encode("utf-8") if datum.type == "string" else datum.value
    if not content:
        return None
    name = str(uuid.uuid4())
    path = _create(name, content)
    if path is None:
        return None
    with _lock:
        _written[name] = path
    return messages.SHARED_MEMORY.encode(
        {
            "name": name,
            "count": len(content),
            "type": messages.DATA_STRING if datum.type == "string" else messages.DATA_BYTES,
        }
    )


def _create(name: str, content: bytes) -> Optional[str]:
    for directory in _directories:
        path = os.path.join(directory, name)
        try:
            # Only the last level: the listed directories themselves are mount points that have to exist.
            if not os.path.isdir(directory):
                os.mkdir(directory)
            # Plain writes, not a mapping: a full tmpfs then raises instead of killing the process with SIGBUS.
            with open(path, "xb") as file:
                file.write(_HEADER.pack(1, len(content)))
                file.write(content)
            return path
        except OSError:
            # Full or missing directory: try the next, else the value travels in the message.
            try:
                os.unlink(path)
            except OSError:
                pass
    return None


def close(names: List[str]) -> Dict[str, bool]:
    """Releases regions the host has read; deletes them unless its data cache owns them."""
    results = {}
    for name in names:
        with _lock:
            path = _written.pop(name, None)
        results[name] = path is not None
        if path is not None and not _caching:
            try:
                os.unlink(path)
            except OSError:
                results[name] = False
    return results
