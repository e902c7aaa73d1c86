"""Command line, event loop and the end of the process."""
from __future__ import annotations

import argparse
import asyncio
import atexit
import faulthandler
import os
import signal
import sys
import threading
from typing import List
from urllib.parse import urlsplit

from . import dispatch, environment, log
from .http2 import Channel

# How long the host may take to accept the connection, and exit handlers to run.
CONNECT_SECONDS = 15.0
EXIT_HANDLER_SECONDS = 2.0


def parse(arguments: List[str]) -> argparse.Namespace:
    """Both spellings of the host's arguments (spec worker-protocol.md §2.1); unknown ones are ignored."""
    parser = argparse.ArgumentParser(prog="worker.py", allow_abbrev=False, add_help=False)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--workerId", "--functions-worker-id", dest="worker_id", default="")
    parser.add_argument("--requestId", "--functions-request-id", dest="request_id", default="")
    parser.add_argument("--functions-uri", dest="uri")
    options, _ = parser.parse_known_args(arguments)
    if options.uri and (not options.host or not options.port):
        target = urlsplit(options.uri)
        options.host = options.host or target.hostname
        options.port = options.port or target.port
    if not options.host or not options.port or not options.worker_id:
        parser.error(
            "--host, --port and --workerId (or --functions-uri and --functions-worker-id) are required; "
            "this program is started by the host"
        )
    return options


def app_directory() -> str:
    """The app's root until the host names it: the platform's variables, else the working directory."""
    for name in ("FUNCTIONS_APPLICATION_DIRECTORY", "AzureWebJobsScriptRoot"):
        value = os.environ.get(name)
        if value and os.path.isdir(value):
            return value
    return os.getcwd()


def leave(code: int) -> None:
    """Ends the process now, whatever threads of the app still do; exit handlers get a short while."""
    # os._exit skips joining pool threads, which may run user code that never ends.
    watchdog = threading.Timer(EXIT_HANDLER_SECONDS, os._exit, (code,))
    watchdog.daemon = True
    watchdog.start()
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:  # nothing may keep the process alive
        log.console("exit handler failed: %r" % error)
    os._exit(code)


def run(arguments: List[str]) -> None:
    """Serves the host until the stream ends."""
    options = parse(arguments)
    for stream in (sys.stdout, sys.stderr):
        # Prints show up as they happen, not when a pipe's buffer is full.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    # A crash in native code leaves its Python stack in the host's log.
    faulthandler.enable()
    # Ctrl+C reaches the whole process group: the host drains and then ends the stream, which ends the worker. A
    # handler instead of SIG_IGN, because programs started by the app would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    # A selector loop everywhere: the stream is read with add_reader.
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)

    def closed(reason: str, orderly: bool) -> None:
        if not orderly:
            log.console(reason)
        leave(0 if orderly else 1)

    dispatcher = dispatch.Dispatcher(
        loop, options.worker_id, options.request_id, app_directory(), lambda: leave(0)
    )
    channel = Channel(loop, dispatcher.receive, closed)
    try:
        channel.connect(options.host, options.port, CONNECT_SECONDS)
    except OSError as error:
        sys.stderr.write("error: no connection to the host at %s:%d: %s\n" % (options.host, options.port, error))
        leave(1)
    # A child forked by the app must not write into the stream, nor keep it open when this process is gone.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=channel.abandon)
    log.install(channel, loop, environment.flag("PYTHON_ENABLE_DEBUG_LOGGING"))
    dispatcher.attach(channel)
    try:
        loop.run_forever()
    except BaseException as error:  # SystemExit from a callback of the app ends the worker
        log.console("the event loop stopped: %r" % error)
        leave(error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1)
