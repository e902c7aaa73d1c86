"""The v2 programming model end to end: decorators, invocation, failures."""
import json
import uuid

from fake_host import Success, http, json_data, pb, text

HELLO = """
    import asyncio, logging, os, sys, threading, time
    import azure.functions as func

    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route(route="hello")
    def hello(req: func.HttpRequest) -> func.HttpResponse:
        name = req.params.get("name") or req.route_params.get("name", "world")
        return func.HttpResponse("Hello " + name, headers={"X-Method": req.method}, status_code=201)

    @app.route(route="echo", methods=["POST"])
    async def echo(req: func.HttpRequest, context: func.Context):
        await asyncio.sleep(0)
        return func.HttpResponse(req.get_body(), mimetype="application/octet-stream",
                                 headers={"x-id": context.invocation_id, "x-type": req.headers["Content-Type"]})
"""


def test_hello_returns_status_headers_and_body(start_host):
    app = start_host({"function_app.py": HELLO}).start()
    answer = app.http("hello", query={"name": "Ada"}, headers={"accept": "*/*"})
    assert answer.status_code == "201"
    assert answer.body.bytes == b"Hello Ada"
    assert dict(answer.headers) == {"X-Method": "GET", "content-type": "text/plain; charset=utf-8"}
    assert app.http("hello", params={"name": "route"}).body.bytes == b"Hello route"


def test_async_echo_sees_headers_case_insensitively_and_context(start_host):
    app = start_host({"function_app.py": HELLO}).start()
    invocation = app.post("echo", {"req": http("POST", body=b"\0\1\2", headers={"content-type": "a/b"})})
    answer = app.answer(invocation).return_value.http
    assert answer.body.bytes == b"\0\1\2"
    assert answer.headers["x-id"] == invocation
    assert answer.headers["x-type"] == "a/b"
    assert answer.headers["content-type"] == "application/octet-stream"


def test_metadata_describes_functions_as_the_reference_does(start_host):
    host = start_host({"function_app.py": HELLO})
    app = host.start()
    hello = app.metadata["hello"]
    assert hello.function_id == str(uuid.uuid5(uuid.NAMESPACE_OID, "hello"))
    assert hello.script_file == "function_app.py" and hello.language == "python"
    assert hello.directory == str(host.app) and hello.entry_point == "hello"
    assert dict(hello.properties) == {"worker_indexed": "True"}
    trigger = json.loads(next(b for b in hello.raw_bindings if "httpTrigger" in b))
    assert trigger == {"direction": "IN", "type": "httpTrigger", "name": "req", "route": "hello",
                       "authLevel": "ANONYMOUS"}
    assert hello.bindings["$return"].direction == pb.BindingInfo.out


def test_capabilities_and_worker_metadata(start_host):
    host = start_host({"function_app.py": HELLO})
    host.start()
    response = host.init_response
    for name in ("RawHttpBodyBytes", "TypedDataCollection", "RpcHttpBodyOnly", "RpcHttpTriggerMetadataRemoved",
                 "WorkerStatus", "SharedMemoryDataTransfer", "HandlesWorkerTerminateMessage",
                 "SupportsLoadResponseCollection"):
        assert response.capabilities[name] == "true", name
    assert "HttpUri" not in response.capabilities
    assert response.worker_metadata.runtime_name == "python"


SHAPES = """
    import azure.functions as func

    app = func.FunctionApp()
    bp = func.Blueprint()

    @bp.queue_trigger(arg_name="msg", queue_name="in", connection="C")
    @bp.queue_output(arg_name="out", queue_name="out", connection="C")
    def from_blueprint(msg: func.QueueMessage, out: func.Out[str]):
        out.set(msg.get_body().decode().upper())

    app.register_functions(bp)

    @app.function_name("renamed")
    @app.timer_trigger(schedule="0 * * * * *", arg_name="timer", run_on_startup=True)
    @app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:01:05")
    def tick(timer: func.TimerRequest) -> None:
        pass

    @app.queue_trigger(arg_name="msg", queue_name="in", connection="C")
    @app.retry(strategy="exponential_backoff", max_retry_count="-1", minimum_interval="00:00:02",
               maximum_interval="01:00:00")
    def backing_off(msg: str, context) -> None:
        retry = context.retry_context
        print(retry.retry_count, retry.max_retry_count, repr(retry.exception.message))

    @app.generic_trigger(arg_name="thing", type="customTrigger", extra="kept")
    @app.generic_input_binding(arg_name="row", type="table", tableName="t")
    @app.generic_output_binding(arg_name="sink", type="table", tableName="t")
    def generic(thing, row, sink: func.Out[str]):
        sink.set(repr([thing, row]))
        return {"a": [1, 2]}

    @app.generic_trigger(arg_name="thing", type="customTrigger")
    def kinds(thing: str):
        return eval(thing)

    @app.route(route="q")
    @app.queue_output(arg_name="$return", queue_name="out", connection="C")
    def to_queue(req: func.HttpRequest):
        return "x"
"""


def test_blueprint_renaming_retry_and_generic_metadata(start_host):
    app = start_host({"function_app.py": SHAPES}).start()
    assert set(app.metadata) == {"from_blueprint", "renamed", "backing_off", "generic", "kinds", "to_queue"}
    fixed = app.metadata["renamed"].retry_options
    assert (fixed.max_retry_count, fixed.delay_interval.seconds, fixed.retry_strategy) == (3, 65, 1)
    backoff = app.metadata["backing_off"].retry_options
    assert (backoff.max_retry_count, backoff.minimum_interval.seconds, backoff.maximum_interval.seconds,
            backoff.retry_strategy) == (-1, 2, 3600, 0)
    trigger = [json.loads(b) for b in app.metadata["generic"].raw_bindings if "customTrigger" in b][0]
    assert trigger["extra"] == "kept" and trigger["direction"] == "IN"


def test_generic_bindings_read_and_write_by_the_generic_rules(start_host):
    app = start_host({"function_app.py": SHAPES}).start()
    answer = app.call("generic", {"thing": text("t"), "row": json_data('{"k":1}')})
    assert answer.output_data[0].name == "sink"
    assert answer.output_data[0].data.string == "['t', '{\"k\":1}']"
    assert json.loads(answer.return_value.json) == {"a": [1, 2]}


def test_return_values_by_type(start_host):
    app = start_host({"function_app.py": SHAPES}).start()

    def returned(expression):
        return app.call("kinds", {"thing": text(expression)}).return_value

    assert returned("'s'").string == "s"
    assert returned("b'\\x00\\xff'").bytes == b"\0\xff"
    assert returned("-5").int == -5 and returned("2**62").int == 2**62
    assert returned("True").int == 1
    assert returned("1.5").double == 1.5
    assert returned("[1, 'a']").json == '[1, "a"]'
    assert returned("None").WhichOneof("data") is None
    assert returned("'\\ud800'").string == "?"


def test_retry_and_trace_context_reach_the_function(start_host):
    source = """
        import azure.functions as func, json
        app = func.FunctionApp()

        @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
        @app.queue_output(arg_name="out", queue_name="o", connection="C")
        def probe(m: str, out: func.Out[str], context: func.Context):
            r, t = context.retry_context, context.trace_context
            out.set(json.dumps([r.retry_count, r.max_retry_count, r.exception.message, t.trace_parent,
                                t.Tracestate, dict(t.attributes), context.function_name,
                                context.function_directory]))
    """
    host = start_host({"function_app.py": source})
    app = host.start()
    more = {
        "retry_context": pb.RetryContext(retry_count=2, max_retry_count=5,
                                         exception=pb.RpcException(message="boom")),
        "trace_context": pb.RpcTraceContext(trace_parent="00-a-b-01", trace_state="s=1", attributes={"k": "v"}),
    }
    seen = json.loads(app.call("probe", {"m": text("x")}, **more).output_data[0].data.string)
    assert seen == [2, 5, "boom", "00-a-b-01", "s=1", {"k": "v"}, "probe", str(host.app)]
    absent = json.loads(app.call("probe", {"m": text("x")}).output_data[0].data.string)
    assert absent[:6] == [0, 0, "", "", "", {}]


def test_cookies_move_out_of_the_headers(start_host):
    source = """
        import azure.functions as func
        app = func.FunctionApp()

        @app.route(route="c")
        def c(req: func.HttpRequest):
            r = func.HttpResponse("ok", headers={"X-A": "1"})
            r.headers.add("Set-Cookie", "a=b; Path=/p; Max-Age=7; HttpOnly; SameSite=None; Secure; "
                          "Expires=Wed, 21 Oct 2026 07:28:00 GMT")
            r.headers.add("Set-Cookie", "c=d; SameSite=Lax; Expires=Wed, 21-Oct-2026 07:28:00 GMT")
            return r
    """
    answer = start_host({"function_app.py": source}).start().http("c")
    assert "Set-Cookie" not in answer.headers and answer.headers["X-A"] == "1"
    a, c = answer.cookies
    assert (a.name, a.value, a.path.value, a.max_age.value, a.http_only.value, a.secure.value) == (
        "a", "b", "/p", 7.0, True, True)
    assert a.same_site == pb.RpcHttpCookie.ExplicitNone and c.same_site == pb.RpcHttpCookie.Lax
    assert a.expires.value.seconds == c.expires.value.seconds == 1792567680
    assert c.http_only.WhichOneof("bool") == "value" and not c.http_only.value
    assert c.domain.WhichOneof("string") == "value" and c.domain.value == ""


def test_a_str_result_is_a_string_and_repeated_headers_keep_the_last(start_host):
    source = """
        import azure.functions as func
        app = func.FunctionApp()

        @app.route(route="s")
        def s(req: func.HttpRequest) -> str:
            return "plain"

        @app.route(route="j")
        async def j(req: func.HttpRequest):
            assert req.get_json() == {"a": 1}, req.get_body()
            return func.HttpResponse('{}', mimetype="application/json", status_code=418, headers={"L": "x" * 9000})

        @app.route(route="none")
        def none(req: func.HttpRequest):
            return None
    """
    app = start_host({"function_app.py": source}).start()
    assert app.call("s", {"req": http()}).return_value.string == "plain"
    answer = app.http("j", method="POST", body='{"a": 1}')
    assert answer.status_code == "418" and answer.headers["content-type"] == "application/json"
    assert answer.headers["L"] == "x" * 9000
    refused = app.invoke("none", {"req": http()})
    assert refused.result.status != Success and "NoneType" in refused.result.exception.message


def test_a_further_worker_indexes_itself_on_load(start_host):
    first = start_host({"function_app.py": HELLO})
    app = first.start()
    for indexing in ("1", "0"):
        second = start_host({}, env={"PYTHON_ENABLE_INIT_INDEXING": indexing})
        second.init()
        loads = [pb.FunctionLoadRequest(function_id=f.function_id, metadata=f) for f in app.metadata.values()]
        second.send(function_load_request_collection=pb.FunctionLoadRequestCollection(function_load_requests=loads))
        answers = second.expect("function_load_response_collection").function_load_responses
        assert [a.function_id for a in answers] == [load.function_id for load in loads]
        assert all(a.result.status == Success for a in answers)
        from fake_host import App
        assert App(second, app.ids, app.metadata).http("hello").body.bytes == b"Hello world"


def test_script_name_setting(start_host):
    host = start_host({"my-app.py": HELLO}, env={"PYTHON_SCRIPT_FILE_NAME": "my-app.py"})
    assert host.start().http("hello").body.bytes == b"Hello world"


def test_durable_functions(start_host):
    source = """
        import azure.functions as func
        import azure.durable_functions as df
        app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

        @app.orchestration_trigger(context_name="context")
        def orchestrate(context: df.DurableOrchestrationContext):
            first = yield context.call_activity("double", 4)
            return first

        @app.activity_trigger(input_name="number")
        def double(number: int):
            return number * 2

        @app.route(route="start")
        @app.durable_client_input(client_name="client")
        async def start(req: func.HttpRequest, client):
            return func.HttpResponse(type(client).__name__ + ":" + client._hub if hasattr(client, "_hub")
                                     else type(client).__name__)
    """
    import pytest
    pytest.importorskip("azure.durable_functions")
    app = start_host({"function_app.py": source}).start()
    assert json.loads(app.call("double", {"number": text("21")}).return_value.json) == 42
    history = {"history": [
        {"EventType": 12, "EventId": -1, "IsPlayed": False, "Timestamp": "2026-01-01T00:00:00.0000000Z"},
        {"EventType": 0, "EventId": -1, "IsPlayed": False, "Timestamp": "2026-01-01T00:00:00.0000000Z",
         "Name": "orchestrate", "Input": None, "Version": None}],
        "input": None, "instanceId": "i", "isReplaying": False, "parentInstanceId": None,
        "upperSchemaVersion": 1, "upperSchemaVersionNew": 1, "longRunningTimerIntervalDuration": None,
        "maximumShortTimerDuration": None, "defaultHttpAsyncRequestSleepTimeMillseconds": 30000}
    state = json.loads(app.call("orchestrate", {"context": text(json.dumps(history))}).return_value.json)
    state = json.loads(state) if isinstance(state, str) else state
    assert state["isDone"] is False and state["actions"][0][0]["functionName"] == "double"
    client = json.dumps({"taskHubName": "hub", "creationUrls": {}, "managementUrls": {"id": "x"}, "baseUrl": "",
                         "requiredQueryStringParameters": "", "rpcBaseUrl": "http://x", "connectionName": "c"})
    answer = app.call("start", {"req": http(), "client": text(client)}).return_value.http
    assert answer.body.bytes.startswith(b"DurableOrchestrationClient")
