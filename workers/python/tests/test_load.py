"""Concurrency, big bodies and shared memory."""
import hashlib
import os
import time
import uuid

import pytest
from fake_host import Success, http, pb, text

APP = """
    import asyncio, contextvars, hashlib, threading, time
    import azure.functions as func
    app = func.FunctionApp()
    C = dict(connection="C")
    barrier = threading.Barrier(50)
    leak = contextvars.ContextVar("leak", default="clean")
    arrived = 0

    @app.route(route="s")
    def together(req: func.HttpRequest):
        barrier.wait(20)
        return "met"

    @app.route(route="a")
    async def together_async(req: func.HttpRequest):
        global arrived
        arrived += 1
        while arrived < 200:
            await asyncio.sleep(0.01)
        return "met"

    @app.route(route="blocks_loop")
    async def blocks_loop(req: func.HttpRequest):
        time.sleep(0.5)
        return "x"

    @app.route(route="d", methods=["POST"])
    def digest(req: func.HttpRequest):
        return func.HttpResponse(req.get_body(), headers={"digest": hashlib.sha256(req.get_body()).hexdigest()})

    @app.route(route="v")
    def context_variable(req: func.HttpRequest):
        before = leak.get()
        leak.set("dirty")
        return before

    @app.queue_trigger(arg_name="m", queue_name="q", **C)
    @app.blob_output(arg_name="out", path="x/y", **C)
    @app.blob_output(arg_name="as_text", path="x/z", **C)
    def copy(m: bytes, out: func.Out[bytes], as_text: func.Out[str]):
        out.set(m)
        as_text.set(str(len(m)))

    @app.queue_trigger(arg_name="m", queue_name="q", **C)
    @app.queue_output(arg_name="out", queue_name="q", **C)
    def thread(m: str, out: func.Out[str]):
        out.set(str(threading.active_count()))
        time.sleep(float(m))
"""


@pytest.fixture
def app(start_host):
    return start_host({"function_app.py": APP}).start()


def test_fifty_blocking_sync_functions_run_at_once(app):
    for invocation in [app.post("together", {"req": http()}) for _ in range(50)]:
        assert app.answer(invocation).return_value.string == "met"


def test_two_hundred_async_functions_run_at_once(app):
    for invocation in [app.post("together_async", {"req": http()}) for _ in range(200)]:
        assert app.answer(invocation).return_value.string == "met"


def test_thread_limit_holds(start_host):
    app = start_host({"function_app.py": APP}, env={"PYTHON_THREADPOOL_THREAD_COUNT": "2"}).start()
    answers = [app.answer(i) for i in [app.post("thread", {"m": text("0.1")}) for _ in range(8)]]
    # The main thread plus at most two.
    assert max(int(a.output_data[0].data.string) for a in answers) <= 3
    bad = start_host({"function_app.py": APP}, env={"PYTHON_THREADPOOL_THREAD_COUNT": "many"}).start()
    bad.call("thread", {"m": text("0")})


def test_context_variables_do_not_leak_between_invocations(app):
    assert {app.call("context_variable", {"req": http()}).return_value.string for _ in range(20)} == {"clean"}


@pytest.mark.parametrize("size", [0, 1, 16_379, 16_384, 65_535, 70_000, 1 << 20, 25_000_000])
def test_bodies_of_every_size_both_ways(app, size):
    body = os.urandom(size)
    answer = app.http("digest", method="POST", body=body)
    assert answer.headers["digest"] == hashlib.sha256(body).hexdigest()
    assert answer.body.bytes == body


def test_many_big_messages_at_once(app):
    bodies = [os.urandom(3_000_000) for _ in range(10)]
    ids = [app.post("digest", {"req": http("POST", body=body)}) for body in bodies]
    for invocation, body in zip(ids, bodies):
        assert app.answer(invocation).return_value.http.body.bytes == body


def test_a_message_over_many_frames_in_small_pieces(app):
    body = os.urandom(300_000)
    for _ in range(30):
        assert app.http("digest", method="POST", body=body).body.bytes == body


def test_ten_thousand_invocations_are_answered_once_each(app):
    ids = {app.post("context_variable", {"req": http()}) for _ in range(10_000)}
    seen = [app.host.expect("invocation_response").invocation_id for _ in range(10_000)]
    assert set(seen) == ids and len(seen) == len(ids)


def test_shared_memory_both_ways(start_host, tmp_path):
    shm = tmp_path / "shm"
    host = start_host({"function_app.py": APP}, env={
        "FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED": "1",
        "FUNCTIONS_UNIX_SHARED_MEMORY_DIRECTORIES": "%s, %s" % (tmp_path / "absent", shm)})
    app = host.start()
    folder = shm / "AzureFunctions"
    folder.mkdir(parents=True)
    content = os.urandom(2_000_000)
    name = str(uuid.uuid4())
    (folder / name).write_bytes(b"\1" + len(content).to_bytes(8, "little") + content)
    shared = pb.RpcSharedMemory(name=name, count=len(content), type=pb.RpcDataType.Value("bytes"))
    answer = app.call("copy", {"m": shared})
    outputs = {o.name: o for o in answer.output_data}
    assert outputs["as_text"].data.string == "2000000"
    region = outputs["out"].rpc_shared_memory
    assert (region.count, region.offset, region.type) == (len(content), 0, pb.RpcDataType.Value("bytes"))
    stored = (folder / region.name).read_bytes()
    assert stored == b"\1" + len(content).to_bytes(8, "little") + content
    assert (folder / name).exists(), "the host deletes what it wrote"
    host.send(close_shared_memory_resources_request=pb.CloseSharedMemoryResourcesRequest(
        map_names=[region.name, "unknown"]))
    results = host.expect("close_shared_memory_resources_response").close_map_results
    assert dict(results) == {region.name: True, "unknown": False}
    assert not (folder / region.name).exists()
    missing = app.invoke("copy", {"m": pb.RpcSharedMemory(name="../etc", count=1, type=3)})
    assert "invalid shared memory name" in missing.result.exception.message
    empty = app.invoke("copy", {"m": pb.RpcSharedMemory()})
    assert "TypeError" in empty.result.exception.message


def test_status_is_answered_while_sync_functions_block(app):
    slow = app.post("thread", {"m": text("1")})
    started = time.monotonic()
    app.host.send(request_id="s", worker_status_request=pb.WorkerStatusRequest())
    app.host.expect("worker_status_response")
    assert time.monotonic() - started < 0.9
    assert app.answer(slow).result.status == Success
