"""The v2 model: `function_app.py` with decorators, indexed by the worker (spec worker-protocol.md §10 and §12)."""
from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import types
import uuid
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from . import converters, messages
from .failures import FunctionLoadError
from .function import Binding, Function

SCRIPT_SETTING = "PYTHON_SCRIPT_FILE_NAME"
DEFAULT_SCRIPT = "function_app.py"
_SCRIPT_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_-]*\.py$")
# The host returns metadata properties in load requests; this one tells a further worker process to index itself.
WORKER_INDEXED = "worker_indexed"


class IndexingError(ValueError):
    """An app that cannot be indexed as a whole."""


class Index(NamedTuple):
    """The functions of an app and how they are described to the host."""

    functions: Dict[str, Function]
    metadata: List[Dict[str, Any]]


def script_path(app_directory: str) -> str:
    """The file that makes an app a v2 app; raises `IndexingError` for a name that cannot be imported."""
    name = os.environ.get(SCRIPT_SETTING) or DEFAULT_SCRIPT
    if not _SCRIPT_NAME.match(name):
        raise IndexingError(
            "%s=%r is not a valid script name: use letters, digits, '_' and '-' and end in .py" % (SCRIPT_SETTING, name)
        )
    return os.path.join(app_directory, name)


def index(app_directory: str) -> Optional[Index]:
    """Imports the app and describes its functions; None when it has no script, so the host reads function.json."""
    path = script_path(app_directory)
    if not os.path.isfile(path):
        return None
    functions: Dict[str, Function] = {}
    metadata: List[Dict[str, Any]] = []
    for indexed in _registered(path):
        function, description = _describe(indexed, app_directory)
        functions[function.function_id] = function
        metadata.append(description)
    return Index(functions, metadata)


def forget(app_directory: str) -> None:
    """Drops the app's own modules, for an environment reload."""
    prefix = os.path.abspath(app_directory) + os.sep
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and os.path.abspath(file).startswith(prefix) and not _is_package_path(file[len(prefix) :]):
            del sys.modules[name]


def _is_package_path(relative: str) -> bool:
    return "site-packages" in relative


def _registered(path: str) -> List[Any]:
    """The library's Function objects of the one app object in the script."""
    script = os.path.basename(path)
    module = importlib.import_module(os.path.splitext(script)[0])
    library = importlib.import_module("azure.functions")
    _refuse_bare_decorators(module)
    apps: List[Tuple[str, Any]] = []
    for name, value in vars(module).items():
        if isinstance(value, library.FunctionRegister) and all(value is not known for _, known in apps):
            apps.append((name, value))
    if not apps:
        raise IndexingError(
            "could not find a top level function app instance in %s: create one with "
            "'app = azure.functions.FunctionApp()' and decorate functions with it (a Blueprint has to be registered "
            "with app.register_functions)" % script
        )
    if len(apps) > 1:
        raise IndexingError(
            "more than one top level function app instance is defined in %s: %s. Keep one and turn the others into "
            "azure.functions.Blueprint" % (script, ", ".join(name for name, _ in apps))
        )
    return list(apps[0][1].get_functions())


def _refuse_bare_decorators(module: Any) -> None:
    """`@app.route` instead of `@app.route()` makes the library swallow the function; that must not go unnoticed."""
    for name, value in vars(module).items():
        if not getattr(value, "__qualname__", "").endswith("_configure_function_builder.<locals>.decorator"):
            continue
        # The decorator was given the function where it expected its first argument.
        for cell in _cells(value) + [inner for wrap in _cells(value) for inner in _cells(wrap)]:
            if isinstance(cell, types.FunctionType) and cell.__module__ == module.__name__:
                raise IndexingError(
                    "function '%s' in %s has a decorator without parentheses: write e.g. '@app.route(route=\"%s\")' "
                    "instead of '@app.route'" % (name, os.path.basename(module.__file__ or ""), cell.__name__)
                )


def _cells(value: Any) -> List[Any]:
    cells = []
    for cell in getattr(value, "__closure__", None) or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:
            # Not assigned yet.
            continue
    return cells


def _describe(indexed: Any, app_directory: str) -> Tuple[Function, Dict[str, Any]]:
    name = indexed.get_function_name()
    call = indexed.get_user_function()
    function_id = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    bindings = [
        Binding(binding.name, binding.type, binding.direction, binding.data_type or 0)
        for binding in indexed.get_bindings()
    ]
    try:
        directory = os.path.dirname(inspect.getfile(call))
    except TypeError:
        directory = app_directory
    function = Function(name, directory, function_id, call, bindings)
    description = {
        "name": name,
        "function_id": function_id,
        "directory": app_directory,
        "script_file": indexed.function_script_file,
        "entry_point": name,
        "language": "python",
        "bindings": {
            binding.name: {"type": binding.type, "direction": binding.direction, "data_type": binding.data_type}
            for binding in bindings
        },
        "raw_bindings": _raw_bindings(indexed, function),
        "retry_options": _retry(name, indexed),
        "properties": {WORKER_INDEXED: "True"},
    }
    return function, description


def _raw_bindings(indexed: Any, function: Function) -> List[str]:
    if any(parameter.sdk for parameter in function.inputs.values()):
        # Adds properties.SupportsDeferredBinding, which makes the host send model binding data.
        raw, _ = converters.extensions_base().get_binding_registry().get_raw_bindings(indexed, function.inputs)
        return list(raw)
    return list(indexed.get_raw_bindings())


def _retry(name: str, indexed: Any) -> Optional[Dict[str, Any]]:
    settings = getattr(indexed, "get_settings_dict", lambda _: None)("retry_policy")
    if not settings:
        return None
    strategy = settings.get("strategy")
    try:
        options: Dict[str, Any] = {"max_retry_count": int(settings.get("max_retry_count"))}
    except (TypeError, ValueError):
        raise FunctionLoadError(
            name, "retry: max_retry_count must be a whole number, got %r" % settings.get("max_retry_count")
        ) from None
    if strategy == "fixed_delay":
        options["retry_strategy"] = messages.FIXED_DELAY
        options["delay_interval"] = _duration(name, settings, "delay_interval")
    elif strategy == "exponential_backoff":
        options["retry_strategy"] = messages.EXPONENTIAL_BACKOFF
        options["minimum_interval"] = _duration(name, settings, "minimum_interval")
        options["maximum_interval"] = _duration(name, settings, "maximum_interval")
    else:
        raise FunctionLoadError(
            name, "retry: strategy must be 'fixed_delay' or 'exponential_backoff', got %r" % strategy
        )
    return options


def _duration(name: str, settings: Dict[str, Any], key: str) -> Dict[str, int]:
    value = settings.get(key)
    match = re.fullmatch(r"(\d{1,2}):(\d{1,2}):(\d{1,2})", value or "")
    if match is None:
        raise FunctionLoadError(
            name, "retry: %s needs %s as HH:MM:SS, got %r" % (settings.get("strategy"), key, value)
        )
    hours, minutes, seconds = (int(part) for part in match.groups())
    return {"seconds": hours * 3600 + minutes * 60 + seconds}
