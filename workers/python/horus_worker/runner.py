"""Running invocations: async functions as tasks on the loop, sync functions on the thread pool."""
from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from typing import Any, Awaitable, Dict, Optional, Tuple

from . import invocation, messages, telemetry
from .context import Context, current_invocation, thread_local_storage
from .function import Function
from .http2 import Channel
from .invocation import Invocation
from .pool import Pool, thread_limit
from .streaming import Server

logger = logging.getLogger("horus_worker.runner")

Job = Tuple[Function, Invocation, Optional[Dict[str, Any]], Optional["asyncio.Future[Any]"]]


class Runner:
    """Executes invocations and answers each exactly once. Belongs to the loop's thread unless stated otherwise."""

    def __init__(self, loop: asyncio.AbstractEventLoop, channel: Channel, server: Server) -> None:
        self._loop = loop
        self._channel = channel
        self._server = server
        self._tasks: Dict[str, "asyncio.Task[Any]"] = {}
        self._pool = Pool(self._run_sync, thread_limit())
        # Ids of sync invocations that are queued or running; threads remove theirs, which the GIL makes atomic.
        self._sync: Dict[str, None] = {}

    def resize(self) -> None:
        """Takes a changed thread limit over; running functions finish on the threads they have."""
        old, self._pool = self._pool, Pool(self._run_sync, thread_limit())
        old.stop()

    @property
    def in_flight(self) -> int:
        """How many invocations have not been answered yet."""
        return len(self._tasks) + len(self._sync)

    def start(self, function: Function, call: Invocation) -> None:
        """Starts one invocation."""
        if function.is_async or function.streams_http:
            # The task inherits this context, so its log records find the invocation.
            token = current_invocation.set(call.invocation_id)
            try:
                self._tasks[call.invocation_id] = self._loop.create_task(self._run_async(function, call))
            finally:
                current_invocation.reset(token)
        else:
            self._sync[call.invocation_id] = None
            self._pool.submit((function, call, None, None))

    def cancel(self, invocation_id: str) -> None:
        """Cancels a running async function; a sync function cannot be stopped and runs on."""
        task = self._tasks.get(invocation_id)
        if task is not None:
            # Not at once: a task that is cancelled before its first step would never answer.
            self._loop.call_soon(task.cancel)

    async def idle(self, seconds: float) -> None:
        """Waits until nothing is in flight, at most `seconds`."""
        deadline = self._loop.time() + seconds
        while self.in_flight and self._loop.time() < deadline:
            await asyncio.sleep(0.02)

    # -- async functions and everything that streams HTTP ------------------------------------------------------------

    async def _run_async(self, function: Function, call: Invocation) -> None:
        error: Optional[BaseException] = None
        try:
            args = invocation.arguments(function, call)
            if function.streams_http:
                name = function.http_parameter or ""
                args[name] = await self._server.request(call.invocation_id, args[name].route_params)
            if function.is_async:
                result = await self._call_async(function, call, args)
            else:
                result = await self._call_sync_streaming(function, call, args)
            response = invocation.success(function, call, args, result)
            if function.streams_http:
                self._server.respond(call.invocation_id, result)
        except BaseException as raised:  # SystemExit in a function must not end the worker
            error = raised
            cancelled = isinstance(raised, asyncio.CancelledError)
            status = messages.CANCELLED if cancelled else messages.FAILURE
            response = invocation.failed(call.invocation_id, raised, status)
        if error is not None and function.streams_http:
            shown = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
            self._server.respond(call.invocation_id, shown)
        self._tasks.pop(call.invocation_id, None)
        _flush_console()
        self._channel.post(response)
        self._channel.flush_soon()

    async def _call_async(self, function: Function, call: Invocation, args: Dict[str, Any]) -> Any:
        if telemetry.enabled or function.hooks is not None:
            context = args.get("context") or Context(function.name, function.directory, call)
            telemetry.attach(context)
            if function.hooks is not None:
                function.hooks.before(context, args)
                result = await function.call(**args)
                function.hooks.after(context, args, result)
                return result
        return await function.call(**args)

    def _call_sync_streaming(self, function: Function, call: Invocation, args: Dict[str, Any]) -> Awaitable[Any]:
        done: "asyncio.Future[Any]" = self._loop.create_future()
        self._pool.submit((function, call, args, done))
        return done

    # -- sync functions, on pool threads -----------------------------------------------------------------------------

    def _run_sync(self, job: Job) -> None:
        function, call, args, done = job
        thread_local_storage.invocation_id = call.invocation_id
        try:
            # A context of its own: what one invocation sets must not be seen by the thread's next.
            if done is None:
                response = contextvars.Context().run(self._answer_sync, function, call)
                self._sync.pop(call.invocation_id, None)
                self._channel.send(response)
            else:
                self._settle(done, *contextvars.Context().run(self._try_sync, function, call, args or {}))
        except BaseException as error:  # a pool thread must survive
            logger.critical("internal error in invocation %s", call.invocation_id, exc_info=error)
        finally:
            thread_local_storage.invocation_id = None

    def _answer_sync(self, function: Function, call: Invocation) -> bytes:
        try:
            args = invocation.arguments(function, call)
            result = self._call_sync(function, call, args)
            return invocation.success(function, call, args, result)
        except BaseException as error:  # SystemExit in a function must not end the thread
            return invocation.failed(call.invocation_id, error)
        finally:
            _flush_console()

    def _try_sync(
        self, function: Function, call: Invocation, args: Dict[str, Any]
    ) -> Tuple[Any, Optional[BaseException]]:
        try:
            return self._call_sync(function, call, args), None
        except BaseException as error:
            # A future refuses StopIteration, and loop callbacks let SystemExit through.
            return None, error if isinstance(error, Exception) and not isinstance(
                error, StopIteration
            ) else RuntimeError("%s: %s" % (type(error).__name__, error))

    def _settle(self, done: "asyncio.Future[Any]", result: Any, error: Optional[BaseException]) -> None:
        def settle() -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)

        self._loop.call_soon_threadsafe(settle)

    def _call_sync(self, function: Function, call: Invocation, args: Dict[str, Any]) -> Any:
        current_invocation.set(call.invocation_id)
        if telemetry.enabled or function.hooks is not None:
            context = args.get("context") or Context(function.name, function.directory, call)
            telemetry.attach(context)
            if function.hooks is not None:
                function.hooks.before(context, args)
                result = function.call(**args)
                function.hooks.after(context, args, result)
                return result
        return function.call(**args)


def _flush_console() -> None:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        # Closed by the host or by the app; output is gone either way.
        pass
