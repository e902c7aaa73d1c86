"""One method per message of the host (spec worker-protocol.md §5)."""
from __future__ import annotations

import asyncio
import logging
import os
import platform
import sys
from typing import Any, Callable, Dict, List, Optional

from . import (
    VERSION,
    converters,
    environment,
    failures,
    hooks,
    indexing,
    invocation,
    loading,
    log,
    messages,
    shared_memory,
    streaming,
    telemetry,
)
from .function import Function
from .http2 import Channel
from .invocation import Invocation, InvocationError
from .runner import Runner
from .wire import LENGTH, WireError, length_delimited, read_varint, text

logger = logging.getLogger("horus_worker.dispatch")

# What every worker of this version can do (spec worker-protocol.md §6).
CAPABILITIES = (
    "RawHttpBodyBytes",
    "TypedDataCollection",
    "RpcHttpBodyOnly",
    "RpcHttpTriggerMetadataRemoved",
    "WorkerStatus",
    "SharedMemoryDataTransfer",
    "HandlesWorkerTerminateMessage",
    "SupportsLoadResponseCollection",
)
# Cancels the task of an async function when the host cancels its invocation. Off by default: the reference worker
# lets such a function run to its end, and apps rely on that.
CANCEL_SETTING = "PYTHON_ENABLE_INVOCATION_CANCELLATION"
DEFAULT_GRACE_SECONDS = 5.0


class Dispatcher:
    """Answers the host. Everything here runs on the loop's thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        worker_id: str,
        request_id: str,
        app_directory: str,
        stop: Callable[[], None],
    ) -> None:
        """`stop` ends the process after the worker terminated in an orderly way."""
        self._loop = loop
        self._worker_id = worker_id
        self._request_id = request_id
        self._app_directory = app_directory
        self._stop = stop
        self.channel: Channel = None  # type: ignore[assignment]  # set by `attach` before the first message
        self._runner: Runner = None  # type: ignore[assignment]
        self._server = streaming.Server(loop)
        self._functions: Dict[str, Function] = {}
        self._index: Optional[indexing.Index] = None
        self._index_error: Optional[BaseException] = None
        self._indexed = False
        self._stopping: Optional["asyncio.Task[Any]"] = None
        # Lifecycle messages are answered one after the other, in the order they came.
        self._lifecycle: "asyncio.Queue[Any]" = asyncio.Queue()
        self._lifecycle_task: Optional["asyncio.Task[Any]"] = None

    def attach(self, channel: Channel) -> None:
        """Introduces the worker on an open stream."""
        self.channel = channel
        self._runner = Runner(self._loop, channel, self._server)
        self._lifecycle_task = self._loop.create_task(self._work_lifecycle())
        self._send("start_stream", {"worker_id": self._worker_id})

    def _send(self, name: str, message: Dict[str, Any], request_id: Optional[str] = None) -> None:
        number, table = messages.RESPONSES[name]
        head = length_delimited(1, text(self._request_id if request_id is None else request_id))
        self.channel.send(head + length_delimited(number, table.encode(message)))

    # -- incoming ----------------------------------------------------------------------------------------------------

    def receive(self, buf: bytes, pos: int, end: int) -> None:
        """Handles the StreamingMessage between `pos` and `end`."""
        try:
            request_id = ""
            while pos < end:
                tag, pos = read_varint(buf, pos)
                size, pos = read_varint(buf, pos)
                stop = pos + size
                if tag == 0x22 and stop <= end:
                    self._invoke(buf, pos, stop)
                    pos = stop
                    continue
                if tag & 7 != LENGTH or stop > end:
                    raise WireError("StreamingMessage: malformed field")
                if tag == 0x0A:
                    request_id = buf[pos:stop].decode("utf-8", "replace")
                else:
                    self._handle(tag >> 3, buf[pos:stop], request_id)
                pos = stop
        except (WireError, IndexError, UnicodeDecodeError) as error:
            logger.error("a message of the host could not be read: %s", error)

    def _handle(self, number: int, body: bytes, request_id: str) -> None:
        name = messages.REQUESTS.get(number)
        if name == "worker_status_request":
            self._send("worker_status_response", {}, request_id)
        elif name == "worker_terminate":
            self._terminate(body)
        elif name == "invocation_cancel":
            if environment.flag(CANCEL_SETTING):
                self._runner.cancel(messages.INVOCATION_CANCEL.decode(body).get("invocation_id", ""))
        elif name == "close_shared_memory_resources_request":
            names = messages.CLOSE_SHARED_MEMORY_REQUEST.decode(body).get("map_names", [])
            results = shared_memory.close(names)
            self._send("close_shared_memory_resources_response", {"close_map_results": results})
        elif name == "file_change_event_request":
            # The host restarts workers when files change; nothing to do.
            pass
        elif name is None:
            logger.warning("ignoring an unknown message of the host (field %d)", number)
        else:
            self._lifecycle.put_nowait((name, body, request_id))

    async def _work_lifecycle(self) -> None:
        while True:
            name, body, request_id = await self._lifecycle.get()
            try:
                await getattr(self, "_on_" + name)(body, request_id)
            except Exception as error:
                logger.error("%s failed: %s", name, failures.message_of(error), exc_info=True)

    def _invoke(self, buf: bytes, pos: int, end: int) -> None:
        call = Invocation(buf, pos, end)
        function = self._functions.get(call.function_id)
        if function is None:
            error = InvocationError("function id '%s' is not loaded in this worker" % call.function_id)
            self.channel.send(invocation.failed(call.invocation_id, error))
            return
        try:
            self._runner.start(function, call)
        except RuntimeError as error:
            self.channel.send(invocation.failed(call.invocation_id, error))

    # -- lifecycle ---------------------------------------------------------------------------------------------------

    async def _on_worker_init_request(self, body: bytes, _: str) -> None:
        request = messages.WORKER_INIT_REQUEST.decode(body)
        self._app_directory = request.get("function_app_directory") or self._app_directory
        logger.debug(
            "Received WorkerInitRequest: host %s, Python %s, worker %s, app %s",
            request.get("host_version"),
            sys.version.split()[0],
            VERSION,
            self._app_directory,
        )
        environment.use_app(self._app_directory)
        shared_memory.configure(request.get("capabilities", {}).get("FunctionDataCache") == "true")
        capabilities = dict.fromkeys(CAPABILITIES, "true")
        if environment.flag(CANCEL_SETTING):
            capabilities["HandlesInvocationCancelMessage"] = "true"
        result = failures.SUCCESS
        try:
            capabilities.update(await self._prepare_app())
        except streaming.StreamingError as error:
            result = failures.failure(error)
        self._send(
            "worker_init_response",
            {"capabilities": capabilities, "worker_metadata": _worker_metadata(), "result": result},
        )

    async def _prepare_app(self) -> Dict[str, str]:
        """Indexes the app, unless that was put off, and returns the capabilities that depend on it."""
        capabilities = {}
        if telemetry.configure():
            capabilities["WorkerOpenTelemetryEnabled"] = "true"
        if environment.flag("PYTHON_ENABLE_INIT_INDEXING", True):
            # Indexing now, because only the imported app tells whether it streams HTTP. An error is kept for the
            # metadata or load request, where the host attributes it to the app.
            self._index_app(self._app_directory)
            if streaming.is_enabled() and self._index is not None:
                capabilities["HttpUri"] = await self._server.start("127.0.0.1")
                capabilities["RequiresRouteParameters"] = "true"
        return capabilities

    def _index_app(self, app_directory: str) -> None:
        self._indexed = True
        self._index = self._index_error = None
        try:
            self._index = indexing.index(app_directory)
            if self._index is not None:
                invocation.use_library()
                self._functions.update(self._index.functions)
        except BaseException as error:  # sys.exit() in user code must not end the worker
            self._index_error = error

    async def _on_functions_metadata_request(self, body: bytes, request_id: str) -> None:
        request = messages.METADATA_REQUEST.decode(body)
        app_directory = request.get("function_app_directory") or self._app_directory
        if not self._indexed or os.path.abspath(app_directory) != os.path.abspath(self._app_directory):
            self._app_directory = app_directory
            self._index_app(app_directory)
        if self._index_error is not None:
            response: Dict[str, Any] = {"result": failures.failure(self._index_error)}
        else:
            found: List[Dict[str, Any]] = self._index.metadata if self._index is not None else []
            response = {
                "function_metadata_results": found,
                "use_default_metadata_indexing": not found,
                "result": failures.SUCCESS,
            }
        self._send("function_metadata_response", response, request_id)

    async def _on_function_load_request(self, body: bytes, _: str) -> None:
        self._send("function_load_response", self._load(messages.LOAD_REQUEST.decode(body)))

    async def _on_function_load_request_collection(self, body: bytes, _: str) -> None:
        requests = messages.LOAD_REQUEST_COLLECTION.decode(body).get("function_load_requests", [])
        responses = [self._load(request) for request in requests]
        self._send("function_load_response_collection", {"function_load_responses": responses})

    def _load(self, request: Dict[str, Any]) -> Dict[str, Any]:
        function_id = request.get("function_id", "")
        metadata = request.get("metadata", {})
        name, directory = metadata.get("name", ""), metadata.get("directory", "")
        try:
            if function_id not in self._functions:
                if indexing.WORKER_INDEXED in metadata.get("properties", {}):
                    # A further worker process: the host asked another one for the metadata.
                    if not self._indexed:
                        self._index_app(directory or self._app_directory)
                    if self._index_error is not None:
                        raise self._index_error
                    if function_id not in self._functions:
                        raise failures.FunctionLoadError(
                            name, "the app does not register a function of this name"
                        )
                else:
                    function = loading.load(function_id, metadata)
                    invocation.use_library()
                    self._functions[function_id] = function
            self._functions[function_id].hooks = hooks.loaded(name, directory)
            result = failures.SUCCESS
        except BaseException as error:  # sys.exit() in user code must not end the worker
            result = failures.failure(error)
        return {"function_id": function_id, "result": result}

    async def _on_function_environment_reload_request(self, body: bytes, _: str) -> None:
        request = messages.RELOAD_REQUEST.decode(body)
        try:
            capabilities = await self._reload(
                request.get("environment_variables", {}), request.get("function_app_directory", "")
            )
            response: Dict[str, Any] = {
                "worker_metadata": _worker_metadata(),
                "capabilities": capabilities,
                "result": failures.SUCCESS,
            }
        except Exception as error:
            response = {"result": failures.failure(error)}
        self._send("function_environment_reload_response", response)

    async def _reload(self, variables: Dict[str, str], app_directory: str) -> Dict[str, str]:
        """Turns a placeholder worker into one for the app (spec worker-protocol.md §5.4)."""
        indexing.forget(self._app_directory)
        loading.forget()
        environment.forget_libraries()
        converters.forget()
        self._functions.clear()
        self._indexed = False
        os.environ.clear()
        os.environ.update(variables)
        if app_directory:
            self._app_directory = app_directory
            if not environment.flag("PYTHON_ROLLBACK_CWD_PATH") and os.path.isdir(app_directory):
                os.chdir(app_directory)
        environment.use_app(self._app_directory)
        shared_memory.reload()
        log.set_debug(environment.flag("PYTHON_ENABLE_DEBUG_LOGGING"))
        self._runner.resize()
        return await self._prepare_app()

    async def _on_worker_warmup_request(self, _: bytes, request_id: str) -> None:
        self._send("worker_warmup_response", {"result": failures.SUCCESS}, request_id)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _terminate(self, body: bytes) -> None:
        period = messages.WORKER_TERMINATE.decode(body).get("grace_period", {})
        grace = period.get("seconds", 0) + period.get("nanos", 0) / 1e9 or DEFAULT_GRACE_SECONDS
        if self._stopping is None:
            self._stopping = self._loop.create_task(self._shut_down(max(grace - 0.5, 0.1)))

    async def _shut_down(self, seconds: float) -> None:
        """Lets running invocations finish and ASGI apps close, within the host's grace period; then ends."""
        deadline = self._loop.time() + seconds
        await self._runner.idle(seconds)
        for middleware in _asgi_middlewares():
            left = deadline - self._loop.time()
            if left > 0:
                try:
                    await asyncio.wait_for(middleware.notify_shutdown(), left)
                except Exception as error:
                    logger.warning("ASGI shutdown failed: %s", error)
        self.channel.flush()
        self._stop()


def _asgi_middlewares() -> List[Any]:
    """Middlewares of ASGI apps that were started and want to hear of the shutdown."""
    library = sys.modules.get("azure.functions")
    app_type = getattr(library, "AsgiFunctionApp", None)
    if app_type is None:
        return []
    found = []
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            if isinstance(value, app_type) and getattr(value, "startup_task_done", False):
                # The library would otherwise run a second event loop for this while the interpreter ends.
                value.startup_task_done = False
                found.append(value.middleware)
    return found


def _worker_metadata() -> Dict[str, Any]:
    return {
        "runtime_name": "python",
        "runtime_version": "%d.%d" % sys.version_info[:2],
        "worker_version": VERSION,
        "worker_bitness": platform.machine(),
    }
