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
