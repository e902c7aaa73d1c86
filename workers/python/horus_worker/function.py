"""One function as the worker calls it: its parameters checked against its bindings, once, at load time.

The checks and their order follow spec worker-protocol.md §12: every binding except `$return` is a parameter and vice
versa (`context` apart), annotations must suit the converter, `inout` does not exist.
"""
from __future__ import annotations

import inspect
import types
import typing
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

from . import converters, messages, streaming
from .failures import FunctionLoadError

_GenericAlias = type(List[int])
_BuiltinAlias = getattr(types, "GenericAlias", type(None))
_UnionType = getattr(types, "UnionType", None)


class Binding(NamedTuple):
    """A binding as function.json or a decorator states it."""

    name: str
    type: str
    direction: int
    data_type: int = 0


class Parameter(NamedTuple):
    """A bound parameter: which converter reads or writes it and the Python type the user asked for."""

    name: str
    binding_type: str
    pytype: Any
    converter: Any
    sdk: bool = False
    is_trigger: bool = False


class Function:
    """A loaded function."""

    __slots__ = (
        "name",
        "directory",
        "function_id",
        "call",
        "is_async",
        "requires_context",
        "inputs",
        "outputs",
        "clients",
        "result",
        "http_parameter",
        "streams_http",
        "hooks",
    )

    def __init__(
        self,
        name: str,
        directory: str,
        function_id: str,
        call: Callable[..., Any],
        bindings: Iterable[Binding],
    ) -> None:
        """Checks `call` against `bindings`; raises `FunctionLoadError` with what to change."""
        self.name = name
        self.directory = directory
        self.function_id = function_id
        self.call = call
        self.is_async = inspect.iscoroutinefunction(call)
        self.inputs: Dict[str, Parameter] = {}
        self.outputs: List[Parameter] = []
        self.hooks: Any = None

        bindings = list(bindings)
        parameters = self._parameters()
        annotations = self._annotations()
        bound, explicit, result_type = self._bound(bindings)
        self.requires_context = self._takes_context(parameters, bound, annotations)
        self.clients = self._take_clients(parameters, bound, annotations)
        self._match(parameters, bound)
        for parameter in parameters:
            self._bind(bound[parameter], annotations.get(parameter))
        self.result = self._result(result_type, explicit, annotations.get("return"))
        self.http_parameter: Optional[str] = next(
            (p.name for p in self.inputs.values() if p.binding_type == "httpTrigger"), None
        )
        self.streams_http = self.http_parameter is not None and streaming.is_enabled()

    def _fail(self, problem: str) -> FunctionLoadError:
        return FunctionLoadError(self.name, problem)

    def _parameters(self) -> List[str]:
        names = []
        for parameter in inspect.signature(self.call).parameters.values():
            names.append(parameter.name)
        return names

    def _annotations(self) -> Dict[str, Any]:
        try:
            hints = typing.get_type_hints(self.call)
        except Exception as error:
            raise self._fail("its annotations cannot be resolved: %s" % error) from error
        return {name: _normal(hint) for name, hint in hints.items() if hint is not Any}

    def _bound(self, bindings: List[Binding]) -> Tuple[Dict[str, Binding], bool, Optional[str]]:
        """Bindings that are parameters, whether `$return` exists, and the type a return value is converted for."""
        bound: Dict[str, Binding] = {}
        explicit = False
        result_type: Optional[str] = None
        for binding in bindings:
            if binding.direction == messages.INOUT:
                raise self._fail(
                    "binding '%s': \"inout\" bindings are not supported; use one \"in\" and one \"out\" binding"
                    % binding.name
                )
            if binding.name == "$return":
                if binding.direction != messages.OUT:
                    raise self._fail('"$return" binding must have direction set to "out"')
                explicit, result_type = True, binding.type
                continue
            bound[binding.name] = binding
            if not explicit and converters.has_implicit_output(binding.type):
                result_type = binding.type
        return bound, explicit, result_type

    def _takes_context(
        self, parameters: List[str], bound: Dict[str, Binding], annotations: Dict[str, Any]
    ) -> bool:
        if "context" not in parameters or "context" in bound:
            return False
        parameters.remove("context")
        annotation = annotations.get("context")
        if annotation is not None and getattr(annotation, "__name__", "") != "Context":
            raise self._fail(
                'the "context" parameter is expected to be of type azure.functions.Context, got %r' % (annotation,)
            )
        return True

    def _take_clients(
        self, parameters: List[str], bound: Dict[str, Binding], annotations: Dict[str, Any]
    ) -> List[Tuple[str, Any]]:
        """Parameters without a binding that ask for a client of the host's own services, e.g. message settlement."""
        clients = []
        for name in list(parameters):
            converter = None if name in bound else converters.client_converter(annotations.get(name))
            if converter is not None:
                parameters.remove(name)
                clients.append((name, converter))
        return clients

    def _match(self, parameters: List[str], bound: Dict[str, Binding]) -> None:
        unbound = sorted(set(parameters) - set(bound))
        if unbound:
            raise self._fail(
                "the following parameters are declared in Python but not in function.json or a decorator: %s"
                % ", ".join(unbound)
            )
        missing = sorted(set(bound) - set(parameters))
        if missing:
            raise self._fail(
                "the following parameters are declared in function.json or a decorator but not in Python: %s"
                % ", ".join(missing)
            )

    def _bind(self, binding: Binding, annotation: Any) -> None:
        sdk = converters.is_sdk_type(annotation)
        is_out = binding.direction == messages.OUT
        pytype, marked_out = self._python_type(binding, annotation)
        if annotation is not None:
            if is_out and not marked_out:
                raise self._fail(
                    "binding %s is declared to have the \"out\" direction, but its annotation in Python is not a "
                    "subclass of azure.functions.Out" % binding.name
                )
            if not is_out and marked_out:
                raise self._fail(
                    'binding %s is declared to have the "in" direction, but its annotation is azure.functions.Out '
                    "in Python" % binding.name
                )
        binding_type = binding.type
        if pytype in (str, bytes) and not converters.has_implicit_output(binding.type):
            binding_type = "generic"
        converter = converters.converter_for(binding_type, sdk)
        if annotation is not None:
            self._check(binding, binding_type, converter, pytype, is_out)
        parameter = Parameter(
            binding.name, binding_type, pytype, converter, sdk, bool(converter.has_trigger_support())
        )
        if is_out:
            self.outputs.append(parameter)
        else:
            self.inputs[binding.name] = parameter

    def _python_type(self, binding: Binding, annotation: Any) -> Tuple[Any, bool]:
        """The type behind an annotation, taken out of `Out[...]`, and whether it was an `Out`."""
        if annotation is None:
            return None, False
        origin = typing.get_origin(annotation) or annotation
        if isinstance(origin, type) and origin.__name__ == "Out":
            arguments = typing.get_args(annotation)
            if len(arguments) != 1:
                raise self._fail(
                    "binding %s has invalid Out annotation %r; write azure.functions.Out[<type>]"
                    % (binding.name, annotation)
                )
            return _normal(arguments[0]), True
        if not isinstance(annotation, (type, _GenericAlias)):
            raise self._fail("binding %s has invalid non-type annotation %r" % (binding.name, annotation))
        return annotation, False

    def _check(self, binding: Binding, binding_type: str, converter: Any, pytype: Any, is_out: bool) -> None:
        try:
            if binding_type == "httpTrigger" and streaming.is_enabled():
                fits = streaming.is_request_type(pytype)
            elif binding_type == "http" and is_out and streaming.is_enabled():
                fits = streaming.is_response_type(pytype)
            elif is_out:
                fits = converter.check_output_type_annotation(pytype)
            else:
                fits = converter.check_input_type_annotation(pytype)
        except TypeError:
            # issubclass() of a generic alias: the converter did not foresee it, so it does not support it.
            fits = False
        if not fits:
            shown = getattr(pytype, "__name__", repr(pytype))
            raise self._fail(
                'type of %s binding in function.json or decorator "%s" does not match its Python annotation "%s"%s'
                % (binding.name, binding.type, shown, streaming.annotation_hint(binding_type))
            )

    def _result(self, binding_type: Optional[str], explicit: bool, annotation: Any) -> Optional[Parameter]:
        if binding_type is None:
            return None
        converter = converters.converter_for(binding_type)
        if explicit and annotation is not None:
            origin = typing.get_origin(annotation)
            if getattr(origin or annotation, "__name__", "") == "Out":
                raise self._fail("return annotation should not be azure.functions.Out")
            if annotation is not type(None):
                self._check_result(binding_type, converter, annotation)
        return Parameter("$return", binding_type, annotation, converter)

    def _check_result(self, binding_type: str, converter: Any, annotation: Any) -> None:
        if not isinstance(annotation, (type, _GenericAlias)):
            raise self._fail("has invalid non-type return annotation %r" % (annotation,))
        try:
            if binding_type == "http" and streaming.is_enabled():
                fits = streaming.is_response_type(annotation)
            else:
                fits = converter.check_output_type_annotation(annotation)
        except TypeError:
            fits = False
        if not fits:
            raise self._fail(
                'Python return annotation "%s" does not match binding type "%s"'
                % (getattr(annotation, "__name__", annotation), binding_type)
            )


def _normal(annotation: Any) -> Any:
    """`Optional[X]` as X and `list[X]` as `typing.List[X]`, the form the library's checks know."""
    origin = typing.get_origin(annotation)
    if origin is typing.Union or (_UnionType is not None and origin is _UnionType):
        members = [member for member in typing.get_args(annotation) if member is not type(None)]
        return _normal(members[0]) if len(members) == 1 else annotation
    if isinstance(annotation, _BuiltinAlias) and origin is list:
        return List[typing.get_args(annotation)]  # type: ignore[misc]
    return annotation
