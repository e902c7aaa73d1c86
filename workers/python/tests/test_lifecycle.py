"""Connecting, status, termination, reload and the end of the stream (spec worker-protocol.md §5, §15)."""
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from fake_host import WORKER, App, Host, Success, http, pb, text

APP = """
    import asyncio, atexit, os, sys, time
    import azure.functions as func
    app = func.FunctionApp()
    atexit.register(lambda: print("atexit ran"))

    @app.route(route="x")
    def ok(req: func.HttpRequest):
        return os.environ.get("FLAVOUR", "none") + " " + os.getcwd()

    @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
    def block(m: str):
        time.sleep(float(m))

    @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
    async def wait(m: str):
        await asyncio.sleep(float(m))
"""


def test_first_message_is_start_stream_and_unknown_options_are_tolerated(start_host):
    host = start_host({"function_app.py": APP})
    assert host.expect("start_stream").worker_id == host.worker_id


@pytest.mark.parametrize("style", ["short", "functions"])
def test_either_spelling_of_the_arguments_suffices(write_app, style):
    app = write_app({"function_app.py": APP})
    arguments = {
        "short": lambda h: ["--host", "127.0.0.1", "--port", str(h.port), "--workerId", "W", "--requestId", "R",
                            "--some-new-option", "7"],
        "functions": lambda h: ["--functions-uri", "http://127.0.0.1:%d/" % h.port, "--functions-worker-id", "W"],
    }[style]
    host = Host(app, arguments_for=arguments)
    try:
        assert host.expect("start_stream").worker_id == "W"
    finally:
        host.close()


def test_missing_arguments_say_who_starts_this():
    done = subprocess.run([sys.executable, str(WORKER)], capture_output=True, text=True)
    assert done.returncode == 2 and "this program is started by the host" in done.stderr


def test_no_host_is_an_error_exit():
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, %r)\nfrom horus_worker import startup\n"
         "startup.CONNECT_SECONDS = 0.2\nstartup.run(['--host','127.0.0.1','--port','1','--workerId','w'])"
         % str(WORKER.parent)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "no connection to the host at 127.0.0.1:1" in done.stderr


def test_status_request_echoes_the_request_id(start_host):
    host = start_host({"function_app.py": APP})
    host.start()
    host.send(request_id="status-1", worker_status_request=pb.WorkerStatusRequest())
    message = host.expect_message("worker_status_response")
    assert message.request_id == "status-1"


def test_request_ids_follow_the_reference(start_host):
    host = start_host({"function_app.py": APP})
    host.init()
    host.send(request_id="m-1", functions_metadata_request=pb.FunctionsMetadataRequest(
        function_app_directory=str(host.app)))
    assert host.expect_message("function_metadata_response").request_id == "m-1"


def test_end_of_stream_ends_the_process_even_with_blocked_functions(start_host):
    host = start_host({"function_app.py": APP})
    app = host.start()
    app.post("block", {"m": text("600")})
    app.post("wait", {"m": text("600")})
    app.call("ok", {"req": http()})
    started = time.monotonic()
    host._outgoing.put(None)
    assert host.process.wait(10) == 0
    assert time.monotonic() - started < 5
    assert "atexit ran" in host.stdout()


def test_a_killed_connection_ends_the_process(start_host):
    host = start_host({"function_app.py": APP})
    host.start()
    host.server.stop(0)
    assert host.process.wait(10) in (0, 1)


def test_terminate_when_idle_exits_at_once(start_host):
    host = start_host({"function_app.py": APP})
    host.start()
    started = time.monotonic()
    host.send(worker_terminate=pb.WorkerTerminate(grace_period={"seconds": 5}))
    assert host.process.wait(10) == 0 and time.monotonic() - started < 3
    assert "atexit ran" in host.stdout()


def test_terminate_lets_running_functions_finish(start_host):
    host = start_host({"function_app.py": APP})
    app = host.start()
    ids = [app.post("block", {"m": text("0.4")}), app.post("wait", {"m": text("0.4")})]
    host.send(worker_terminate=pb.WorkerTerminate(grace_period={"seconds": 5}))
    for invocation in ids:
        assert app.answer(invocation).result.status == Success
    assert host.process.wait(10) == 0


def test_terminate_does_not_wait_beyond_the_grace_period(start_host):
    host = start_host({"function_app.py": APP})
    app = host.start()
    app.post("block", {"m": text("600")})
    started = time.monotonic()
    host.send(worker_terminate=pb.WorkerTerminate(grace_period={"seconds": 1}))
    assert host.process.wait(10) == 0 and time.monotonic() - started < 3


def test_a_killed_worker_closes_the_stream(start_host):
    host = start_host({"function_app.py": APP})
    host.start()
    os.kill(host.process.pid, signal.SIGKILL)
    assert host.closed.wait(10)


def test_environment_reload_turns_a_placeholder_into_the_app(start_host, tmp_path):
    placeholder = tmp_path / "placeholder"
    placeholder.mkdir()
    host = start_host({"function_app.py": APP}, env={"GONE": "1"})
    real, host.app = host.app, placeholder
    host.init()
    host.send(function_environment_reload_request=pb.FunctionEnvironmentReloadRequest(
        environment_variables={"FLAVOUR": "specialised", "PATH": os.environ["PATH"]},
        function_app_directory=str(real)))
    response = host.expect("function_environment_reload_response")
    assert response.result.status == Success, response.result.exception
    assert response.worker_metadata.runtime_name == "python"
    host.app = real
    functions = {f.name: f for f in host.metadata().function_metadata_results}
    assert host.load(functions["ok"]).result.status == Success
    app = App(host, {n: f.function_id for n, f in functions.items()}, functions)
    assert app.call("ok", {"req": http()}).return_value.string == "specialised %s" % real


def test_reload_replaces_the_app_that_was_indexed_before(start_host, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    (second / "function_app.py").write_text(
        "import azure.functions as func\nimport helper\napp = func.FunctionApp()\n"
        "@app.route(route='y')\ndef other(req: func.HttpRequest):\n    return helper.NAME\n")
    (second / "helper.py").write_text("NAME = 'second'\n")
    host = start_host({"function_app.py": APP, "helper.py": "NAME = 'first'\n"})
    host.start()
    host.send(function_environment_reload_request=pb.FunctionEnvironmentReloadRequest(
        environment_variables={"A": "b"}, function_app_directory=str(second)))
    assert host.expect("function_environment_reload_response").result.status == Success
    host.app = second
    app = App(host, {f.name: f.function_id for f in host.metadata().function_metadata_results}, {})
    assert set(app.ids) == {"other"}
    assert app.call("other", {"req": http()}).return_value.string == "second"


def test_warmup_is_answered(start_host):
    host = start_host({"function_app.py": APP})
    host.init()
    host.send(worker_warmup_request=pb.WorkerWarmupRequest(worker_directory="x"))
    assert host.expect("worker_warmup_response").result.status == Success


def test_cancel_is_opt_in_and_reaches_async_functions(start_host):
    host = start_host({"function_app.py": APP}, env={"PYTHON_ENABLE_INVOCATION_CANCELLATION": "1"})
    app = host.start()
    assert host.init_response.capabilities["HandlesInvocationCancelMessage"] == "true"
    invocation = app.post("wait", {"m": text("600")})
    host.send(invocation_cancel=pb.InvocationCancel(invocation_id=invocation))
    assert app.answer(invocation).result.status == pb.StatusResult.Cancelled


def test_extension_hooks_run_when_enabled(start_host):
    source = """
        import azure.functions as func, json
        app = func.FunctionApp()
        seen = []

        class Ext(func.AppExtensionBase):
            @classmethod
            def post_function_load_app_level(cls, name, directory, *a, **k):
                seen.append("load " + name)
            @classmethod
            def pre_invocation_app_level(cls, logger, context, func_args={}, *a, **k):
                seen.append("pre " + context.function_name + " " + ",".join(func_args))
            @classmethod
            def post_invocation_app_level(cls, logger, context, func_args={}, func_ret=None, *a, **k):
                seen.append("post " + str(func_ret))
                raise RuntimeError("only logged")

        @app.route(route="s")
        def s(req: func.HttpRequest):
            return json.dumps(seen)

        @app.route(route="a")
        async def a(req: func.HttpRequest):
            return json.dumps(seen)
    """
    on = start_host({"function_app.py": source}, env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}).start()
    first = json.loads(on.call("s", {"req": http()}).return_value.string)
    assert first == ["load s", "load a", "pre s req"] or first == ["load a", "load s", "pre s req"]
    second = json.loads(on.call("a", {"req": http()}).return_value.string)
    assert second[3].startswith("post [") and second[4] == "pre a req"
    off = start_host({"function_app.py": source}, env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "0"}).start()
    assert json.loads(off.call("s", {"req": http()}).return_value.string) == []


OTEL = """
    import azure.functions as func
    app = func.FunctionApp()

    @app.route(route="s")
    def s(req: func.HttpRequest):
        return current()

    @app.route(route="a")
    async def a(req: func.HttpRequest):
        return current()

    def current():
        from opentelemetry import trace
        return format(trace.get_current_span().get_span_context().trace_id, "032x")
"""


def test_opentelemetry_sees_the_hosts_trace_context_or_says_what_is_missing(start_host):
    host = start_host({"function_app.py": OTEL}, env={
        "PYTHON_ENABLE_OPENTELEMETRY": "1", "OTEL_SDK_DISABLED": "false",
        "APPLICATIONINSIGHTS_CONNECTION_STRING":
            "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:9/"})
    app = host.start()
    try:
        import azure.monitor.opentelemetry  # noqa: F401
    except ImportError:
        assert "WorkerOpenTelemetryEnabled" not in host.init_response.capabilities
        errors = [m.rpc_log for m in host.drain() if m.WhichOneof("content") == "rpc_log"]
        assert any("opentelemetry" in e.message and e.log_category == pb.RpcLog.System for e in errors)
        return
    assert host.init_response.capabilities["WorkerOpenTelemetryEnabled"] == "true"
    trace = pb.RpcTraceContext(trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    for name in ("s", "a"):
        answer = app.call(name, {"req": http()}, trace_context=trace)
        assert answer.return_value.string == "0af7651916cd43dd8448eb211c80319c"
        assert app.call(name, {"req": http()}).return_value.string == "0" * 32
