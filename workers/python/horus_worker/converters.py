"""Finding the converter of a binding: the library's registry, SDK types, or the generic rules.

`azure-functions` registers a converter class per binding type; `azurefunctions-extensions-base` does the same for
SDK types (deferred bindings). Types that neither knows follow the generic rules of spec worker-protocol.md §9.3.
"""
from __future__ import annotations

import importlib
import sys
from typing import Any, Optional

from .datum import Datum

_registry: Any = None


def registry() -> Any:
    """The converter registry of `azure-functions`, imported on first use; raises ImportError without the library."""
    global _registry
    if _registry is None:
        library = importlib.import_module("azure.functions")
        _registry = library.get_binding_registry()
    return _registry


def forget() -> None:
    """Makes the next lookup import the library anew, after the app's packages changed."""
    global _registry
    _registry = None


def extensions_base() -> Any:
    """`azurefunctions.extensions.base` if the app imported it; SDK types and streaming cannot be used otherwise."""
    return sys.modules.get("azurefunctions.extensions.base")


def is_sdk_type(annotation: Any) -> bool:
    """Whether a parameter asks for an SDK type (or a list of them) rather than for content."""
    base = extensions_base()
    if base is None or annotation is None:
        return False
    try:
        return bool(base.get_binding_registry().check_supported_type(annotation))
    except TypeError:
        return False


def client_converter(annotation: Any) -> Any:
    """What makes a client of the host's gRPC services for a parameter annotated so; None for anything else."""
    base = extensions_base()
    # The oldest extensions-base knows no such clients.
    check = None if base is None else getattr(base.get_binding_registry(), "check_supported_grpc_client_type", None)
    if annotation is None or check is None or not check(annotation):
        return None
    return base.get_binding_registry().get("serviceBusClient")


def converter_for(binding_type: str, sdk: bool = False) -> Any:
    """The converter class of a binding type."""
    known = extensions_base().get_binding_registry() if sdk else registry()
    found = known.get(binding_type)
    return Generic if found is None else found


def has_implicit_output(binding_type: str) -> bool:
    """Whether a function with this binding may return a value without a `$return` binding."""
    converter = converter_for(binding_type)
    if converter is Generic:
        return binding_type != "durableClient"
    probe = getattr(converter, "has_implicit_output", None)
    return bool(probe()) if probe is not None else False


class Generic:
    """The rules for binding types without a converter, and for parameters annotated `str` or `bytes`."""

    @staticmethod
    def has_trigger_support() -> bool:
        return False

    @staticmethod
    def check_input_type_annotation(pytype: type) -> bool:
        return issubclass(pytype, (str, bytes))

    @staticmethod
    def check_output_type_annotation(pytype: type) -> bool:
        return issubclass(pytype, (str, bytes, bytearray))

    @staticmethod
    def decode(data: Optional[Datum], *, trigger_metadata: Any) -> Any:
        if data is None or data.type is None:
            return None
        if data.type in ("string", "bytes", "json"):
            return data.value
        raise ValueError("unexpected type of data received for the 'generic' binding: %r" % data.type)

    @staticmethod
    def encode(obj: Any, *, expected_type: Optional[type]) -> Datum:
        if isinstance(obj, str):
            return Datum(obj, "string")
        if isinstance(obj, (bytes, bytearray)):
            return Datum(bytes(obj), "bytes")
        if obj is None:
            return Datum(None, None)
        if isinstance(obj, dict):
            return Datum(obj, "dict")
        if isinstance(obj, list):
            return Datum(obj, "list")
        if isinstance(obj, int):
            return Datum(obj, "int")
        if isinstance(obj, float):
            return Datum(obj, "double")
        raise NotImplementedError
