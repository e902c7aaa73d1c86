"""Apps that are wrong: one clear message each, and the worker lives on (spec worker-protocol.md §14)."""
import pytest
from fake_host import Success, http, pb, text

GOOD = """
    import azure.functions as func
    app = func.FunctionApp()

    @app.route(route="x")
    def ok(req: func.HttpRequest):
        return "ok"
"""

BROKEN = {
    "syntax error": ("def broken(:\n    pass\n", ["SyntaxError", "function_app.py, line 1"], ["function_app.py"]),
    "missing package": (
        "import azure.functions as func\nimport sklearn.nowhere\n",
        ["ModuleNotFoundError: No module named 'sklearn'", "Add 'scikit-learn' to requirements.txt",
         "pip install -r requirements.txt"],
        ["function_app.py\", line 2"],
    ),
    "missing namespace package": (
        "import azure.storage.nothing\n", ["Add 'azure-storage-nothing' to requirements.txt"], ["function_app.py"]),
    "no app": ("x = 1\n", ["could not find a top level function app instance in function_app.py"], []),
    "two apps": (
        GOOD + "\n    other = func.FunctionApp()\n",
        ["more than one top level function app instance", "app, other"], []),
    "two functions of one name": (
        GOOD + """
    @app.function_name("ok")
    @app.route(route="y")
    def second(req: func.HttpRequest):
        return "no"
    """,
        ["Function ok does not have a unique function name"], []),
    "no trigger": (
        GOOD + """
    @app.queue_output(arg_name="o", queue_name="q", connection="C")
    def nothing(o: func.Out[str]):
        pass
    """,
        ["Function nothing does not have a trigger"], []),
    "two triggers": (
        GOOD + """
    @app.route(route="y")
    @app.timer_trigger(schedule="* * * * * *", arg_name="t")
    def both(req, t):
        pass
    """,
        ["A trigger was already registered"], ["function_app.py"]),
    "decorator without call": (
        GOOD + """
    @app.route
    def bare(req: func.HttpRequest):
        pass
    """,
        ["function 'bare' in function_app.py has a decorator without parentheses"], []),
    "unbound parameter": (
        GOOD + """
    @app.route(route="y")
    def extra(req: func.HttpRequest, db):
        pass
    """,
        ["cannot load the extra function", "declared in Python but not in function.json or a decorator: db"], []),
    "wrong annotation": (
        GOOD + """
    @app.route(route="y")
    def wrong(req: func.QueueMessage):
        pass
    """,
        ["cannot load the wrong function", '"httpTrigger" does not match its Python annotation "QueueMessage"'], []),
    "wrong context annotation": (
        GOOD + """
    @app.route(route="y")
    def wrong(req: func.HttpRequest, context: str):
        pass
    """,
        ['the "context" parameter is expected to be of type azure.functions.Context'], []),
    "retry without interval": (
        GOOD + """
    @app.timer_trigger(schedule="* * * * * *", arg_name="t")
    @app.retry(strategy="fixed_delay", max_retry_count="3")
    def again(t):
        pass
    """,
        ["cannot load the again function", "retry: fixed_delay needs delay_interval as HH:MM:SS"], []),
    "exit at import": ("import sys\nsys.exit(4)\n", ["SystemExit: 4"], ["function_app.py"]),
    "chained error": (
        "try:\n    {}['k']\nexcept KeyError as e:\n    raise RuntimeError('outer') from e\n",
        ["RuntimeError: outer"], ["Caused by KeyError: 'k'"]),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_app_fails_indexing_with_a_message(start_host, name):
    source, messages, frames = BROKEN[name]
    host = start_host({"function_app.py": source})
    assert host.init().result.status == Success
    response = host.metadata()
    assert response.result.status == pb.StatusResult.Failure
    assert not response.use_default_metadata_indexing
    for part in messages:
        assert part in response.result.exception.message
    for part in frames:
        assert part in response.result.exception.stack_trace
    # The worker is still there and answers.
    host.send(request_id="s1", worker_status_request=pb.WorkerStatusRequest())
    host.expect("worker_status_response")


def test_load_of_a_broken_app_repeats_the_reason(start_host):
    host = start_host({"function_app.py": "raise ValueError('at import')\n"})
    host.init()
    metadata = pb.RpcFunctionMetadata(name="f", directory=str(host.app), properties={"worker_indexed": "True"})
    host.send(function_load_request=pb.FunctionLoadRequest(function_id="f-id", metadata=metadata))
    response = host.expect("function_load_response")
    assert response.function_id == "f-id" and response.result.exception.message == "ValueError: at import"


def test_app_without_functions_or_script_uses_default_indexing(start_host):
    empty = "import azure.functions as func\napp = func.FunctionApp()\n"
    for files in ({"function_app.py": empty}, {"host.json": "{}"}):
        host = start_host(files)
        host.init()
        response = host.metadata()
        assert response.use_default_metadata_indexing and response.result.status == Success
        host.close()
        (host.app / "function_app.py").unlink(missing_ok=True)


def test_bad_script_name(start_host):
    host = start_host({}, env={"PYTHON_SCRIPT_FILE_NAME": "../x.py"})
    host.init()
    assert "PYTHON_SCRIPT_FILE_NAME='../x.py' is not a valid script name" in host.metadata().result.exception.message


RAISES = """
    import azure.functions as func, sys, asyncio
    app = func.FunctionApp()
    C = dict(connection="C")

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def inner(kind):
        if kind == "value": raise ValueError("bad value")
        if kind == "exit": sys.exit(9)
        if kind == "stop": raise StopIteration("x")
        if kind == "odd": raise Odd()
        if kind == "keyboard": raise KeyboardInterrupt()
        if kind == "cancel": raise asyncio.CancelledError()

    @app.queue_trigger(arg_name="m", queue_name="q", **C)
    def sync(m: str):
        inner(m)

    @app.queue_trigger(arg_name="m", queue_name="q", **C)
    async def coro(m: str):
        await asyncio.sleep(0)
        inner(m)
"""


@pytest.mark.parametrize("name", ["sync", "coro"])
def test_whatever_a_function_raises_fails_only_its_invocation(start_host, name):
    app = start_host({"function_app.py": RAISES}).start()

    def error(kind):
        result = app.invoke(name, {"m": text(kind)}).result
        assert result.status in (pb.StatusResult.Failure, pb.StatusResult.Cancelled)
        return result.exception

    value = error("value")
    assert value.message == "ValueError: bad value"
    assert 'in inner' in value.stack_trace and "horus_worker" not in value.stack_trace
    assert error("exit").message == "SystemExit: 9"
    assert "StopIteration" in error("stop").message
    assert error("odd").message.startswith("Odd: ")
    assert error("keyboard").message.startswith("KeyboardInterrupt")
    assert error("cancel").message.startswith("CancelledError")
    app.call(name, {"m": text("fine")})


def test_unknown_function_id_and_garbage(start_host):
    host = start_host({"function_app.py": GOOD})
    app = host.start()
    app.ids["ghost"] = "no-such-id"
    assert "function id 'no-such-id' is not loaded" in app.invoke("ghost", {}).result.exception.message
    host.send(worker_action_response=pb.WorkerActionResponse())
    host.send(file_change_event_request=pb.FileChangeEventRequest())
    host.send(invocation_cancel=pb.InvocationCancel(invocation_id="unknown"))
    assert app.call("ok", {"req": http()}).return_value.string == "ok"


def test_without_the_library_the_message_says_what_to_install(start_host, tmp_path):
    import subprocess, sys
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    host = start_host({"function_app.py": GOOD}, python=str(bare / "bin" / "python"))
    host.init()
    message = host.metadata().result.exception.message
    assert "Add 'azure-functions' to requirements.txt and run: pip install -r requirements.txt" in message
    assert str(bare) in message


FORKS = """
    import azure.functions as func, logging, multiprocessing, os, ctypes, json
    app = func.FunctionApp()

    def child(queue):
        logging.warning("from the child")
        queue.put(6 * 7)

    @app.route(route="x")
    def forks(req: func.HttpRequest):
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        processes = [context.Process(target=child, args=(queue,)) for _ in range(5)]
        for process in processes: process.start()
        answers = [queue.get(timeout=20) for _ in processes]
        for process in processes: process.join()
        return json.dumps(answers)

    @app.route(route="y")
    def crash(req: func.HttpRequest):
        ctypes.string_at(0)

    @app.route(route="z")
    def lingering_child(req: func.HttpRequest):
        if os.fork() == 0:
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            import time; time.sleep(8); os._exit(0)
        os._exit(7)
"""


def test_forked_children_cannot_disturb_the_stream(start_host):
    host = start_host({"function_app.py": FORKS})
    app = host.start()
    for _ in range(3):
        assert app.call("forks", {"req": http()}).return_value.string == "[42, 42, 42, 42, 42]"
    assert host.stderr().count("from the child") == 15


def test_a_forked_child_does_not_keep_the_stream_of_a_dead_worker_open(start_host):
    host = start_host({"function_app.py": FORKS})
    host.start().post("lingering_child", {"req": http()})
    assert host.process.wait(10) == 7
    assert host.closed.wait(4)


def test_a_crash_in_native_code_leaves_the_python_stack(start_host):
    host = start_host({"function_app.py": FORKS})
    host.start().post("crash", {"req": http()})
    assert host.process.wait(20) < 0 and host.closed.wait(10)
    assert "Segmentation fault" in host.stderr() and "in crash" in host.stderr()


def test_interrupt_from_the_terminal_is_the_hosts_business(start_host):
    import os, signal
    host = start_host({"function_app.py": GOOD})
    app = host.start()
    os.kill(host.process.pid, signal.SIGINT)
    assert app.call("ok", {"req": http()}).return_value.string == "ok"
