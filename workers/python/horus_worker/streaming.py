"""HTTP streaming: the worker's own HTTP server behind the host's proxy (spec worker-protocol.md §8).

The app opts in by importing a web extension such as `azurefunctions.extensions.http.fastapi`. The host then forwards
each request to this server and, beside it, sends the invocation; `x-ms-invocation-id` joins the two halves, whichever
comes first.
"""
from __future__ import annotations

import asyncio
import importlib
import logging
import socket
import sys
from typing import Any, Dict, Optional

from . import converters, environment

logger = logging.getLogger("horus_worker.streaming")

CORRELATION_HEADER = "x-ms-invocation-id"
# The host gives up on a forwarded request after 240 seconds; half of an invocation that never meets the other
# half must not wait longer than that.
PATIENCE_SECONDS = 250
_START_SECONDS = 20


class StreamingError(RuntimeError):
    """The HTTP server could not be started."""


def is_enabled() -> bool:
    """Whether the app imported a web extension and did not switch indexing at start off."""
    base = converters.extensions_base()
    if base is None or not environment.flag("PYTHON_ENABLE_INIT_INDEXING", True):
        return False
    return bool(base.HttpV2FeatureChecker.http_v2_enabled())


def is_request_type(pytype: Any) -> bool:
    """Whether `pytype` is the web extension's request class."""
    return bool(converters.extensions_base().RequestTrackerMeta.check_type(pytype))


def is_response_type(pytype: Any) -> bool:
    """Whether `pytype` is one of the web extension's response classes."""
    return bool(converters.extensions_base().ResponseTrackerMeta.check_type(pytype))


def annotation_hint(binding_type: str) -> str:
    """What to write instead, when the app mixes both HTTP models."""
    if binding_type in ("httpTrigger", "http") and is_enabled():
        module = converters.extensions_base().ModuleTrackerMeta.get_module()
        package = module.rpartition(".")[0] or module
        return "; the app imports %s, so every HTTP function must use its request and response types" % package
    return ""


class Meeting:
    """Where the two halves of one invocation wait for each other."""

    __slots__ = ("request", "response")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.request: "asyncio.Future[Any]" = loop.create_future()
        self.response: "asyncio.Future[Any]" = loop.create_future()


class Server:
    """The extension's web server and the meetings of its requests with invocations. Lives on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._meetings: Dict[str, Meeting] = {}
        self._task: Optional["asyncio.Task[Any]"] = None
        self.address: Optional[str] = None

    async def start(self, host: str) -> str:
        """Starts the server once and returns its base address; raises `StreamingError`."""
        if self.address is not None:
            return self.address
        base = converters.extensions_base()
        extension = importlib.import_module(base.ModuleTrackerMeta.get_module())
        request_type = base.RequestTrackerMeta.get_request_type()
        _quieten_server()

        async def forward(request: Any) -> Any:
            return await self._serve(request)

        # The web framework reads the annotation to know that it should hand over the raw request.
        forward.__annotations__ = {"request": request_type}
        for _ in range(5):
            app = extension.WebApp()
            app.route(forward)
            port = _free_port(host)
            task = self._loop.create_task(_run(extension.WebServer(host, port, app)))
            if await _is_listening(task, host, port):
                self._task = task
                self.address = "http://%s:%d" % (host, port)
                logger.info("HTTP server listening on %s", self.address)
                return self.address
        raise StreamingError("the HTTP server of %s did not start on %s" % (extension.__name__, host))

    def _meeting(self, invocation_id: str) -> Meeting:
        meeting = self._meetings.get(invocation_id)
        if meeting is None:
            meeting = self._meetings[invocation_id] = Meeting(self._loop)
        return meeting

    async def _serve(self, request: Any) -> Any:
        """The HTTP half: hands the request to the invocation and answers with its result."""
        invocation_id = request.headers.get(CORRELATION_HEADER)
        if invocation_id is None:
            raise ValueError("request without %s header: only the host may call this server" % CORRELATION_HEADER)
        meeting = self._meeting(invocation_id)
        if not meeting.request.done():
            meeting.request.set_result(request)
        try:
            response = await asyncio.wait_for(asyncio.shield(meeting.response), PATIENCE_SECONDS)
        finally:
            self._meetings.pop(invocation_id, None)
        if isinstance(response, BaseException):
            raise response
        if response is None:
            return converters.extensions_base().ResponseTrackerMeta.get_standard_response_type()()
        return response

    async def request(self, invocation_id: str, route_params: Dict[str, str]) -> Any:
        """The invocation half: the forwarded request, with the host's route parameters."""
        meeting = self._meeting(invocation_id)
        try:
            request = await asyncio.wait_for(asyncio.shield(meeting.request), PATIENCE_SECONDS)
        except asyncio.TimeoutError:
            self._meetings.pop(invocation_id, None)
            raise TimeoutError(
                "the host did not forward the HTTP request of invocation %s within %d s"
                % (invocation_id, PATIENCE_SECONDS)
            ) from None
        synchronizer = converters.extensions_base().RequestTrackerMeta.get_synchronizer()
        synchronizer.sync_route_params(request, route_params)
        return request

    def respond(self, invocation_id: str, response: Any) -> None:
        """Gives the HTTP half its response, or the exception to raise. Call on the loop."""
        if invocation_id not in self._meetings:
            # The invocation failed before its HTTP half arrived, which will find the answer waiting.
            self._loop.call_later(PATIENCE_SECONDS, self._meetings.pop, invocation_id, None)
        meeting = self._meeting(invocation_id)
        if not meeting.response.done():
            meeting.response.set_result(response)


def _quieten_server() -> None:
    """Keeps uvicorn's start-up banner and its line per request out of the app's output; warnings stay."""
    config = getattr(sys.modules.get("uvicorn.config"), "LOGGING_CONFIG", None)
    for settings in (config or {}).get("loggers", {}).values():
        settings["level"] = "WARNING"


async def _run(server: Any) -> None:
    try:
        await server.serve()
    except SystemExit as error:
        # uvicorn exits the process when it cannot bind; the worker tries another port instead.
        raise StreamingError("the web server gave up (exit code %s)" % error.code) from error


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def _is_listening(task: "asyncio.Task[Any]", host: str, port: int) -> bool:
    """Waits until the server accepts connections; False when its task ended instead."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START_SECONDS
    while loop.time() < deadline and not task.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return True
    if task.done() and not task.cancelled() and task.exception() is not None:
        logger.warning("HTTP server on port %d failed: %s", port, task.exception())
    task.cancel()
    return False
