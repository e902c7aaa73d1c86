"""The v1 model: a function.json per folder; the host indexes, the worker imports the code.

See spec worker-protocol.md §12.
"""
from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from typing import Any, Dict, List

from .failures import FunctionLoadError
from .function import Binding, Function

# Function folders are imported as submodules of this namespace package, which apps use for absolute imports:
# `from __app__.shared import thing`.
NAMESPACE = "__app__"
_folders: List[str] = []


def _install_namespace(folder: str) -> None:
    if folder not in _folders:
        _folders.append(folder)
    if NAMESPACE not in sys.modules:
        spec = importlib.machinery.ModuleSpec(NAMESPACE, None, is_package=True)
        spec.submodule_search_locations = _folders
        sys.modules[NAMESPACE] = importlib.util.module_from_spec(spec)


def forget() -> None:
    """Drops everything imported from function folders, for an environment reload."""
    _folders.clear()
    for name in list(sys.modules):
        if name == NAMESPACE or name.startswith(NAMESPACE + "."):
            del sys.modules[name]


def _module_name(function: str, directory: str, script: str) -> str:
    """The dotted name below the namespace for a script, which must lie under the parent of the function folder."""
    root = os.path.dirname(os.path.abspath(directory))
    if not os.path.isabs(script):
        script = os.path.join(directory, script)
    relative = os.path.relpath(os.path.abspath(script), root)
    if relative.startswith(os.pardir):
        raise FunctionLoadError(
            function, "script path %s is not relative to the specified directory %s" % (script, directory)
        )
    stem, extension = os.path.splitext(relative)
    if extension != ".py":
        raise FunctionLoadError(function, "invalid Python filename %s: scriptFile must name a .py file" % script)
    parts = [part for part in stem.split(os.sep) if part]
    if parts[-1].lower() == "__init__":
        parts.pop()
    return ".".join([NAMESPACE] + parts)


def load(function_id: str, metadata: Dict[str, Any]) -> Function:
    """Imports the entry point of a host-indexed function and checks it against its bindings."""
    name = metadata.get("name", "")
    directory = metadata.get("directory", "")
    entry_point = metadata.get("entry_point") or "main"
    script = metadata.get("script_file") or os.path.join(directory, "__init__.py")
    module_name = _module_name(name, directory, script)
    _install_namespace(os.path.dirname(os.path.abspath(directory)))
    module = importlib.import_module(module_name)
    call = getattr(module, entry_point, None)
    if not callable(call):
        raise FunctionLoadError(
            name,
            "function %s() is not present in %s; define it or set \"entryPoint\" in function.json"
            % (entry_point, os.path.join(os.path.basename(directory), os.path.basename(script))),
        )
    return Function(name, directory, function_id, call, _bindings(metadata))


def _bindings(metadata: Dict[str, Any]) -> List[Binding]:
    return [
        Binding(name, info.get("type", ""), info.get("direction", 0), info.get("data_type", 0))
        for name, info in metadata.get("bindings", {}).items()
    ]


