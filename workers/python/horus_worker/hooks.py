"""Worker extensions: hooks around loading and invoking, registered through `azure.functions.ExtensionMeta`.

As in the reference worker they run only with PYTHON_ENABLE_WORKER_EXTENSIONS, which is on by default for Python 3.9
alone. A hook that fails is logged and changes nothing.
"""
from __future__ import annotations

import logging
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import environment

SETTING = "PYTHON_ENABLE_WORKER_EXTENSIONS"
# Extensions get loggers below this name, which makes their records system logs.
_LOGGER = "azure_functions_worker.extension."

Hook = Tuple[str, Callable[..., Any]]


def _registry() -> Any:
    if not environment.flag(SETTING, default=sys.version_info[:2] == (3, 9)):
        return None
    library = sys.modules.get("azure.functions")
    return getattr(library, "ExtensionMeta", None)


def _collect(owner: Any, name: str) -> List[Hook]:
    return [(hook.ext_name, hook.ext_impl) for hook in getattr(owner, name, None) or ()]


class Hooks:
    """The invocation hooks of one function."""

    def __init__(self, before: List[Hook], after: List[Hook]) -> None:
        self._before = before
        self._after = after

    def before(self, context: Any, args: Dict[str, Any]) -> None:
        """Runs application hooks, then the function's."""
        for name, hook in self._before:
            _safely(name, hook, context, args)

    def after(self, context: Any, args: Dict[str, Any], result: Any) -> None:
        """Runs the function's hooks, then those of the application."""
        for name, hook in self._after:
            _safely(name, hook, context, args, result)


def _safely(name: str, hook: Callable[..., Any], *args: Any) -> None:
    log = logging.getLogger(_LOGGER + name)
    try:
        hook(log, *args)
    except Exception as error:
        log.error("extension hook failed: %s", error, exc_info=True)


def loaded(name: str, directory: str) -> Optional[Hooks]:
    """Runs the load hooks of a function and returns its invocation hooks; None when there are none."""
    registry = _registry()
    if registry is None:
        return None
    function, application = registry.get_function_hooks(name), registry.get_application_hooks()
    load = _collect(function, "post_function_load") + _collect(application, "post_function_load_app_level")
    for extension, hook in load:
        try:
            hook(name, directory)
        except Exception as error:
            logging.getLogger(_LOGGER + extension).error("extension hook failed: %s", error, exc_info=True)
    before = _collect(application, "pre_invocation_app_level") + _collect(function, "pre_invocation")
    after = _collect(function, "post_invocation") + _collect(application, "post_invocation_app_level")
    return Hooks(before, after) if before or after else None
