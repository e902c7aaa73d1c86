"""Exceptions as the host reports them: message, stack, and what to do next (spec worker-protocol.md §14)."""
from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from typing import Any, Dict, List, Optional

from . import environment, messages

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep

# Import names whose distribution is called differently.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "google.protobuf": "protobuf",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "multipart": "python-multipart",
    "MySQLdb": "mysqlclient",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
    "azure.functions": "azure-functions",
    "azure.durable_functions": "azure-functions-durable",
    "azurefunctions.extensions.base": "azurefunctions-extensions-base",
}


class FunctionLoadError(RuntimeError):
    """A function that cannot be served; the text names the function, the part and the remedy."""

    def __init__(self, function: str, problem: str) -> None:
        super().__init__("cannot load the %s function: %s" % (function, problem))


def distribution_of(module: str) -> str:
    """The name to put into requirements.txt for an import name."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        known = DISTRIBUTIONS.get(".".join(parts[:length]))
        if known:
            return known
    if parts[0] in environment.NAMESPACES:
        # Namespace packages: the distribution carries the whole dotted name.
        return "-".join(parts).replace("_", "-")
    return parts[0]


def import_hint(error: ImportError) -> str:
    """What to install for `error`; empty when nothing sensible can be said."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    name = _wanted_module(error)
    if name.partition(".")[0] == "__app__":
        return "Check the spelling and that the folder is part of the app (modules under __app__ live in the app root)."
    hint = "Add '%s' to requirements.txt and run: pip install -r requirements.txt" % distribution_of(name)
    hint += " (interpreter: %s)." % sys.executable
    foreign = environment.foreign_venv()
    if foreign:
        hint += " %s belongs to another Python version than the running %d.%d, so it is not used." % (
            foreign,
            sys.version_info[0],
            sys.version_info[1],
        )
    return hint


_IMPORT_STATEMENT = re.compile(r"(?:^|\s)(?:import|from)\s+([A-Za-z_][\w.]*)")


def _wanted_module(error: ModuleNotFoundError) -> str:
    """The dotted name the code asked for; the error names only its first missing part, e.g. `azure`."""
    name = error.name or ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        match = _IMPORT_STATEMENT.search(frame.line or "")
        if match and (match.group(1) + ".").startswith(name + "."):
            return match.group(1)
    return name


def message_of(error: BaseException) -> str:
    """`TypeName: text`, with what to install after an import error."""
    try:
        described = "%s: %s" % (type(error).__name__, error)
    except Exception:
        return "%s: the exception's own text could not be produced" % type(error).__name__
    hint = import_hint(error) if isinstance(error, ImportError) else ""
    return described + (". " + hint if hint else "")


def stack_of(error: BaseException) -> str:
    """The frames of `error` without the worker's and the import system's own, causes included."""
    parts: List[str] = []
    seen = set()
    current: Optional[BaseException] = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if current is not error:
            parts.append("Caused by %s: %s\n" % (type(current).__name__, current))
        frames = traceback.extract_tb(current.__traceback__)
        shown = [
            frame
            for frame in frames
            if not frame.filename.startswith((_HERE, "<frozen importlib")) and frame.filename != importlib.__file__
        ]
        # An error raised by the worker itself has no other frames to show.
        parts.extend(traceback.format_list(shown or frames))
        if isinstance(current, SyntaxError):
            parts.extend(traceback.format_exception_only(type(current), current))
        if current.__cause__ is not None:
            current = current.__cause__
        elif not current.__suppress_context__:
            current = current.__context__
        else:
            current = None
    return "".join(parts)


def rpc_exception(error: BaseException) -> Dict[str, Any]:
    """`error` as RpcException."""
    try:
        stack = stack_of(error)
    except Exception:
        stack = ""
    return {"message": message_of(error), "stack_trace": stack}


def failure(error: BaseException) -> Dict[str, Any]:
    """A failed StatusResult that carries `error`."""
    return {"status": messages.FAILURE, "exception": rpc_exception(error)}


SUCCESS = {"status": messages.SUCCESS}
