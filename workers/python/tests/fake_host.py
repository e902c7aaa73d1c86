"""A host that speaks FunctionRpc through grpcio, for driving the real worker process.

The protocol's classes are generated from worker-protocol/proto at test time, so the worker's own codec is checked
against an independent one.
"""
from __future__ import annotations

import importlib
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent import futures
from typing import Any, Callable, Dict, List, Optional

# The worker is started with fork and exec; grpcio need not prepare for a fork of its own.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc  # noqa: E402
from grpc_tools import protoc  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
WORKER = HERE.parent / "worker.py"
# Another worker to run the tests with, for comparisons: arguments of the interpreter, e.g. "-m some_worker".
OTHER_WORKER = os.environ.get("FUNCTIONS_TEST_WORKER", "").split()
PROTO = HERE.parent.parent.parent / "worker-protocol" / "proto"
PATIENCE = 60.0


# Removed when the interpreter ends.
GENERATED = tempfile.TemporaryDirectory(prefix="functionrpc-")


def _generate() -> Any:
    target = GENERATED.name
    files = ["FunctionRpc.proto", "identity/ClaimsIdentityRpc.proto", "shared/NullableTypes.proto"]
    include = os.path.join(os.path.dirname(importlib.import_module("grpc_tools").__file__), "_proto")
    code = protoc.main(["protoc", "-I", str(PROTO), "-I", include, "--python_out", target] + files)
    assert code == 0, "protoc failed"
    sys.path.insert(0, target)
    return importlib.import_module("FunctionRpc_pb2")


pb = _generate()
Success = pb.StatusResult.Success


class Host:
    """One gRPC server and one worker process connected to it."""

    def __init__(self, app: pathlib.Path, env: Optional[Dict[str, str]] = None, python: str = sys.executable,
                 arguments_for: Optional[Callable[["Host"], List[str]]] = None) -> None:
        self.app = pathlib.Path(app)
        self._incoming: "queue.Queue[Any]" = queue.Queue()
        self._outgoing: "queue.Queue[Any]" = queue.Queue()
        self._held: List[Any] = []
        self.closed = threading.Event()
        self.server = grpc.server(
            futures.ThreadPoolExecutor(4),
            options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
        )
        self.server.add_generic_rpc_handlers((self._handler(),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.worker_id, self.request_id = str(uuid.uuid4()), str(uuid.uuid4())
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "FUNCTIONS_", "GRPC_"))}
        for name in ("CONTAINER_NAME", "WEBSITE_INSTANCE_ID", "VIRTUAL_ENV", "AzureWebJobsScriptRoot"):
            environment.pop(name, None)
        environment.update({"PYTHON_THREADPOOL_THREAD_COUNT": "1000", "FUNCTIONS_APPLICATION_DIRECTORY": str(app)})
        environment.update(env or {})
        command = [python] + (OTHER_WORKER or [str(WORKER)]) + (arguments_for(self) if arguments_for else [
            "--host", "127.0.0.1", "--port", str(self.port), "--workerId", self.worker_id,
            "--requestId", self.request_id, "--grpcMaxMessageLength", "2147483647",
            "--functions-uri", "http://127.0.0.1:%d/" % self.port, "--functions-worker-id", self.worker_id,
            "--functions-request-id", self.request_id, "--functions-grpc-max-message-length", "2147483647",
        ])
        self.stdout_path = tempfile.NamedTemporaryFile(delete=False).name
        self.stderr_path = tempfile.NamedTemporaryFile(delete=False).name
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(command, cwd=str(app), env=environment, stdout=out, stderr=err,
                                            stdin=subprocess.DEVNULL)

    def _handler(self) -> Any:
        def stream(requests: Any, context: Any) -> Any:
            def read() -> None:
                try:
                    for message in requests:
                        self._incoming.put(message)
                except Exception:
                    pass
                self.closed.set()
            threading.Thread(target=read, daemon=True).start()
            while True:
                message = self._outgoing.get()
                if message is None:
                    return
                yield message

        method = grpc.stream_stream_rpc_method_handler(
            stream, request_deserializer=pb.StreamingMessage.FromString,
            response_serializer=pb.StreamingMessage.SerializeToString)
        return grpc.method_handlers_generic_handler("AzureFunctionsRpcMessages.FunctionRpc", {"EventStream": method})

    # -- messages ------------------------------------------------------------------------------------------------------

    def send(self, request_id: str = "", **content: Any) -> None:
        self._outgoing.put(pb.StreamingMessage(request_id=request_id, **content))

    def expect(self, kind: str, match: Callable[[Any], bool] = lambda _: True, patience: float = PATIENCE) -> Any:
        """The content of the next message of `kind`; others are kept for later calls, in order."""
        return getattr(self.expect_message(kind, match, patience), kind)

    def expect_message(self, kind: str, match: Callable[[Any], bool] = lambda _: True,
                       patience: float = PATIENCE) -> Any:
        """The next whole message of `kind`."""
        for index, message in enumerate(self._held):
            if message.WhichOneof("content") == kind and match(getattr(message, kind)):
                return self._held.pop(index)
        deadline = time.monotonic() + patience
        while True:
            try:
                message = self._incoming.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError("no %s; stderr: %s; held: %s" % (kind, self.stderr(), self._held)) from None
            if message.WhichOneof("content") == kind and match(getattr(message, kind)):
                return message
            self._held.append(message)

    def drain(self) -> List[Any]:
        """Everything received and not yet asked for, in order."""
        while not self._incoming.empty():
            self._held.append(self._incoming.get())
        held, self._held = self._held, []
        return held

    def stdout(self) -> str:
        return pathlib.Path(self.stdout_path).read_text()

    def stderr(self) -> str:
        return pathlib.Path(self.stderr_path).read_text()

    # -- the usual conversation ----------------------------------------------------------------------------------------

    def init(self) -> Any:
        start = self.expect("start_stream")
        assert start.worker_id == self.worker_id
        self.send(worker_init_request=pb.WorkerInitRequest(
            host_version="4.0.0", function_app_directory=str(self.app), worker_directory=str(WORKER.parent),
            capabilities={"MultiStream": "10"}))
        return self.expect("worker_init_response")

    def metadata(self) -> Any:
        self.send(request_id="meta", functions_metadata_request=pb.FunctionsMetadataRequest(
            function_app_directory=str(self.app)))
        return self.expect("function_metadata_response")

    def load(self, function: Any) -> Any:
        request = pb.FunctionLoadRequest(function_id=function.function_id, metadata=function)
        self.send(function_load_request=request)
        return self.expect("function_load_response", lambda r: r.function_id == function.function_id)

    def start(self) -> "App":
        """init, metadata and load; every step has to succeed."""
        self.init_response = self.init()
        assert self.init_response.result.status == Success, self.init_response
        response = self.metadata()
        assert response.result.status == Success, response.result.exception
        assert not response.use_default_metadata_indexing
        functions = {function.name: function for function in response.function_metadata_results}
        for function in functions.values():
            loaded = self.load(function)
            assert loaded.result.status == Success, loaded.result.exception
        return App(self, {name: function.function_id for name, function in functions.items()}, functions)

    def load_v1(self, name: str, bindings: List[Dict[str, Any]], script: str = "", entry_point: str = "") -> Any:
        """Loads a host-indexed function as the host would; returns (function id, response)."""
        directions = {"in": 0, "out": 1, "inout": 2}
        function_id = str(uuid.uuid4())
        metadata = pb.RpcFunctionMetadata(
            name=name, directory=str(self.app / name), entry_point=entry_point,
            script_file=script or str(self.app / name / "__init__.py"),
            bindings={b["name"]: pb.BindingInfo(type=b["type"], direction=directions[b.get("direction", "in")])
                      for b in bindings})
        self.send(function_load_request=pb.FunctionLoadRequest(function_id=function_id, metadata=metadata))
        return function_id, self.expect("function_load_response", lambda r: r.function_id == function_id)

    def close(self) -> None:
        if not os.path.exists(self.stdout_path):
            return
        self._outgoing.put(None)
        self.server.stop(0)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        os.unlink(self.stdout_path)
        os.unlink(self.stderr_path)


class App:
    """The loaded functions of a host's app."""

    def __init__(self, host: Host, ids: Dict[str, str], metadata: Dict[str, Any]) -> None:
        self.host = host
        self.ids = ids
        self.metadata = metadata

    def post(self, name: str, inputs: Dict[str, Any], metadata: Optional[Dict[str, Any]] = None, **more: Any) -> str:
        """Sends an invocation without waiting; returns its id."""
        invocation_id = str(uuid.uuid4())
        self.host.send(invocation_request=pb.InvocationRequest(
            invocation_id=invocation_id, function_id=self.ids[name],
            input_data=[pb.ParameterBinding(name=key, data=value) if isinstance(value, pb.TypedData)
                        else pb.ParameterBinding(name=key, rpc_shared_memory=value) for key, value in inputs.items()],
            trigger_metadata=metadata or {}, **more))
        return invocation_id

    def answer(self, invocation_id: str, patience: float = PATIENCE) -> Any:
        return self.host.expect("invocation_response", lambda r: r.invocation_id == invocation_id, patience)

    def invoke(self, name: str, inputs: Dict[str, Any], metadata: Optional[Dict[str, Any]] = None, **more: Any) -> Any:
        return self.answer(self.post(name, inputs, metadata, **more))

    def call(self, name: str, inputs: Dict[str, Any], metadata: Optional[Dict[str, Any]] = None, **more: Any) -> Any:
        """Invokes and requires success."""
        response = self.invoke(name, inputs, metadata, **more)
        assert response.result.status == Success, response.result.exception
        return response

    def http(self, name: str, req: str = "req", **parts: Any) -> Any:
        """Invokes an HTTP function and returns the RpcHttp of its return value."""
        response = self.call(name, {req: http(**parts)})
        assert response.return_value.WhichOneof("data") == "http", response.return_value
        return response.return_value.http


def http(method: str = "GET", url: str = "http://localhost/api/x", headers: Any = None, params: Any = None,
         query: Any = None, body: Any = None) -> Any:
    message = pb.RpcHttp(method=method, url=url, headers=headers or {}, params=params or {}, query=query or {})
    if body is not None:
        message.body.CopyFrom(pb.TypedData(bytes=body) if isinstance(body, bytes) else pb.TypedData(string=body))
    return pb.TypedData(http=message)


def text(value: str) -> Any:
    return pb.TypedData(string=value)


def json_data(value: str) -> Any:
    return pb.TypedData(json=value)
