"""Invocations per second and CPU time per invocation of a worker process, in a closed loop.

    python tests/bench.py [--seconds 5] [--concurrency 32] [--python PATH] [--command 'python -m other_worker']

The host side is written for speed (pre-encoded requests, one read and one write per batch), so that the worker is
what is measured; any FunctionRpc worker can be named with --command and compared in the same run.
"""
from __future__ import annotations

import argparse
import asyncio
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from horus_worker import http2, messages, wire  # noqa: E402

APP = """
import logging
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="hello")
def sync(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("Hello " + req.params.get("name", "world"))

@app.route(route="hello_async")
async def coro(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("Hello " + req.params.get("name", "world"))

@app.route(route="logs")
def logs(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("handling %s", req.url)
    return func.HttpResponse("ok")

@app.queue_trigger(arg_name="msg", queue_name="q", connection="C")
def queue(msg: func.QueueMessage) -> None:
    msg.get_body()
"""


class Server(http2.Channel):
    """The channel seen from the other side: answers the client's HEADERS, everything else is symmetric."""

    def accept(self, listener: socket.socket) -> None:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        left = len(http2.PREFACE)
        while left:
            left -= len(sock.recv(left))
        setting = (4).to_bytes(2, "big") + http2.LARGEST_WINDOW.to_bytes(4, "big")
        grow = (http2.LARGEST_WINDOW - http2.DEFAULT_WINDOW).to_bytes(4, "big")
        sock.sendall(http2.frame(http2.SETTINGS, 0, 0, setting) + http2.frame(http2.WINDOW_UPDATE, 0, 0, grow))
        sock.setblocking(False)
        self._sock = sock
        self._loop.add_reader(sock.fileno(), self._readable)

    def _frame(self, kind: int, flags: int, on_stream: bool, payload: bytes) -> None:
        if kind == http2.HEADERS:
            block = b"\x88" + b"\x0f\x10" + bytes((16,)) + b"application/grpc"
            self._control.append(http2.frame(http2.HEADERS, http2.END_HEADERS, 1, block))
        else:
            super()._frame(kind, flags, on_stream, payload)


def field(number: int, payload) -> bytes:
    return wire.length_delimited(number, payload if isinstance(payload, bytes) else payload.encode())


def entry(number: int, key: str, value: bytes) -> bytes:
    return field(number, field(1, key) + field(2, value))


def http_input() -> bytes:
    headers = {"host": "localhost:7071", "user-agent": "bench/1.0 (x86_64)", "accept": "*/*",
               "accept-encoding": "gzip, deflate, br", "connection": "keep-alive", "x-request-id": "f" * 32}
    http = field(1, "GET") + field(2, "http://localhost:7071/api/hello?name=bench")
    http += b"".join(entry(3, key, value.encode()) for key, value in headers.items())
    http += entry(15, "name", b"bench")
    # An identity of the host's own, as every authorised request has.
    http += field(18, field(1, field(1, "WebJobsAuthLevel")) + field(4, field(1, "Admin") + field(2, "authlevel")))
    metadata = entry(4, "Headers", field(2, '{"Host":"localhost:7071","Accept":"*/*"}'))
    metadata += entry(4, "Query", field(2, '{"name":"bench"}')) + entry(4, "name", field(1, "bench"))
    return field(3, field(1, "req") + field(2, field(5, http))) + metadata


def queue_input() -> bytes:
    metadata = {"Id": field(1, str(uuid.uuid4())), "PopReceipt": field(1, "AgAAAAMAAAA="),
                "DequeueCount": field(2, "1"),
                "ExpirationTime": field(2, '"2026-11-30T21:00:00+00:00"'), "QueueTrigger": field(1, "m"),
                "InsertionTime": field(2, '"2026-11-23T21:00:00+00:00"'),
                "NextVisibleTime": field(2, '"2026-11-23T21:10:00+00:00"')}
    return field(3, field(1, "msg") + field(2, field(1, "message body"))) + b"".join(
        entry(4, key, value) for key, value in metadata.items())


TAIL = field(5, field(1, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))


class Run:
    """One worker process and what it is asked to do."""

    def __init__(self, command, app: str, concurrency: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        worker_id = str(uuid.uuid4())
        environment = dict(os.environ, PYTHON_THREADPOOL_THREAD_COUNT="1000", AzureWebJobsScriptRoot=app)
        self.process = subprocess.Popen(
            command + ["--host", "127.0.0.1", "--port", str(port), "--workerId", worker_id, "--requestId", worker_id,
                       "--grpcMaxMessageLength", "2147483647", "--functions-uri", "http://127.0.0.1:%d/" % port,
                       "--functions-worker-id", worker_id, "--functions-request-id", worker_id,
                       "--functions-grpc-max-message-length", "2147483647"],
            cwd=app, env=environment, stdout=subprocess.DEVNULL)
        self.app, self.concurrency = app, concurrency
        self.answers = asyncio.Queue()
        self.template = None
        # Every answer has to be a success that holds this.
        self.wanted = b""
        self.count = self.failures = 0
        self.channel = Server(self.loop, self.receive, lambda reason, orderly: self.loop.stop())
        self.channel.accept(self.listener)

    def receive(self, buf: bytes, pos: int, end: int) -> None:
        for number, _, a, b in wire.fields(buf, pos, end):
            if number == 5 and self.template is not None:
                self.count += 1
                answer = buf[a:b]
                if b"\x1a\x02\x20\x01" not in answer or self.wanted not in answer:
                    self.failures += 1
                self.fire()
                return
            if number in (9, 16, 20, 30, 5):
                self.answers.put_nowait((number, buf[a:b]))

    def fire(self) -> None:
        head, tail = self.template
        body = field(1, str(uuid.uuid4())) + head + tail
        self.channel.post(field(4, body))

    async def expect(self, number: int) -> bytes:
        while True:
            found, body = await asyncio.wait_for(self.answers.get(), 60)
            if found == number:
                return body

    async def prepare(self):
        await self.expect(20)
        self.channel.send(field(17, field(1, "4.0") + field(5, self.app)))
        await self.expect(16)
        self.channel.send(field(29, field(1, self.app)))
        metadata = messages.METADATA_RESPONSE.decode(await self.expect(30))
        functions = {}
        for function in metadata["function_metadata_results"]:
            functions[function["name"]] = function["function_id"]
            encoded = messages.FUNCTION_METADATA.encode(function)
            self.channel.send(field(8, field(1, function["function_id"]) + field(2, encoded)))
            await self.expect(9)
        return functions

    def cpu(self) -> float:
        with open("/proc/%d/stat" % self.process.pid) as stat:
            parts = stat.read().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    async def measure(self, function_id: str, inputs: bytes, seconds: float):
        self.template = (field(2, function_id), inputs + TAIL)
        for _ in range(self.concurrency):
            self.fire()
        self.channel.flush()
        await asyncio.sleep(0.7)
        count, cpu, start = self.count, self.cpu(), time.perf_counter()
        await asyncio.sleep(seconds)
        count, cpu, took = self.count - count, self.cpu() - cpu, time.perf_counter() - start
        self.fire = lambda: None
        await asyncio.sleep(0.3)
        del self.fire
        self.template = None
        return count / took, cpu / max(count, 1) * 1e6

    def stop(self) -> None:
        self.channel.close()
        self.listener.close()
        self.process.kill()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--command", action="append", default=[], help="another worker to compare with")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    commands = [("horus", [options.python, str(HERE.parent / "worker.py")])]
    commands += [("other %d" % index, shlex.split(command)) for index, command in enumerate(options.command)]
    with tempfile.TemporaryDirectory() as app:
        pathlib.Path(app, "function_app.py").write_text(APP)
        for label, command in commands:
            run = Run(command, app, options.concurrency)
            try:
                functions = run.loop.run_until_complete(run.prepare())
                for name in ("sync", "coro", "logs", "queue"):
                    if options.only and name not in options.only:
                        continue
                    inputs = queue_input() if name == "queue" else http_input()
                    run.wanted = {"queue": b"", "logs": b"ok"}.get(name, b"Hello bench")
                    rate, cpu = run.loop.run_until_complete(run.measure(functions[name], inputs, options.seconds))
                    print("%-8s %-6s %8.0f invocations/s %7.0f us CPU each%s" % (
                        label, name, rate, cpu, "  %d FAILED" % run.failures if run.failures else ""))
            finally:
                run.stop()


if __name__ == "__main__":
    main()
