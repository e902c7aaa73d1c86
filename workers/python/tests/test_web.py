"""ASGI and WSGI apps, HTTP streaming and SDK types."""
import http.client
import json
import threading
import uuid

import pytest
from fake_host import Success, pb, text

ASGI = """
    import azure.functions as func
    import json

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    scope["state"]["ready"] = "yes"
                    await send({"type": "lifespan.startup.complete"})
                else:
                    print("asgi shutdown", flush=True)
                    await send({"type": "lifespan.shutdown.complete"})
                    return
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 202,
                    "headers": [(b"content-type", b"application/json"), (b"x-path", scope["path"].encode())]})
        await send({"type": "http.response.body", "body": json.dumps(
            {"method": scope["method"], "query": scope["query_string"].decode(), "body": body.decode()}).encode()})

    app = func.AsgiFunctionApp(app=application, http_auth_level=func.AuthLevel.ANONYMOUS)
"""

WSGI = """
    import azure.functions as func

    def application(environ, start_response):
        start_response("203 Non-Authoritative", [("Content-Type", "text/html"), ("X-Path", environ["PATH_INFO"])])
        return [environ["REQUEST_METHOD"].encode(), b":", environ["wsgi.input"].read()]

    app = func.WsgiFunctionApp(app=application, http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def test_asgi_app_serves_and_hears_of_shutdown(start_host):
    host = start_host({"function_app.py": ASGI})
    app = host.start()
    assert set(app.metadata) == {"http_app_func"}
    assert any('"route": "/{*route}"' in b for b in app.metadata["http_app_func"].raw_bindings)
    for _ in range(2):
        answer = app.http("http_app_func", method="POST", url="http://localhost/api/a/b?x=1", body=b"in")
        assert answer.status_code == "202" and answer.headers["x-path"] == "/api/a/b"
        assert json.loads(answer.body.bytes) == {"method": "POST", "query": "x=1", "body": "in"}
    host.send(worker_terminate=pb.WorkerTerminate(grace_period={"seconds": 5}))
    assert host.process.wait(10) == 0
    assert "asgi shutdown" in host.stdout()


def test_wsgi_app_serves(start_host):
    answer = start_host({"function_app.py": WSGI}).start().http(
        "http_app_func", method="PUT", url="http://localhost/api/p", body=b"data")
    assert answer.status_code == "203" and answer.headers["X-Path"] == "/api/p"
    assert answer.body.bytes == b"PUT:data"


STREAMING = """
    import asyncio, time
    import azure.functions as func
    from azurefunctions.extensions.http.fastapi import Request, Response, StreamingResponse, JSONResponse
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route(route="up/{name}", methods=["POST"])
    async def upload(req: Request) -> JSONResponse:
        size = 0
        async for chunk in req.stream():
            size += len(chunk)
        return JSONResponse({"size": size, "name": req.path_params.get("name"), "q": req.query_params.getlist("q")})

    @app.route(route="down")
    async def download(req: Request) -> StreamingResponse:
        async def parts():
            for i in range(5):
                yield f"part {i}\\n".encode()
                await asyncio.sleep(0.05)
        return StreamingResponse(parts(), media_type="text/plain")

    @app.route(route="sync")
    def sync(req: Request) -> Response:
        time.sleep(0.01)
        return Response(b"from a thread", status_code=207, headers={"x-a": "1"})

    @app.route(route="fails")
    async def fails(req: Request) -> Response:
        raise ValueError("no")

    @app.route(route="nothing")
    async def nothing(req: Request):
        return None

    @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
    @app.queue_output(arg_name="out", queue_name="q", connection="C")
    def queue(m: str, out: func.Out[str]):
        out.set(m)
"""


def forward(host, invocation, method, path, body=None, headers=None):
    """Plays the host's proxy: the HTTP half of an invocation."""
    address = host.init_response.capabilities["HttpUri"]
    connection = http.client.HTTPConnection(address.split("//")[1], timeout=30)
    connection.request(method, path, body=body, headers={"x-ms-invocation-id": invocation, **(headers or {})})
    return connection.getresponse()


@pytest.fixture
def streaming(start_host):
    pytest.importorskip("azurefunctions.extensions.http.fastapi")
    return start_host({"function_app.py": STREAMING}).start()


def start_half(app, name, invocation, params=None):
    empty = pb.TypedData(http=pb.RpcHttp(params=params or {}))
    app.host.send(invocation_request=pb.InvocationRequest(
        invocation_id=invocation, function_id=app.ids[name],
        input_data=[pb.ParameterBinding(name="req", data=empty)]))


def test_streaming_capabilities(streaming):
    capabilities = streaming.host.init_response.capabilities
    assert capabilities["HttpUri"].startswith("http://127.0.0.1:") and capabilities["RequiresRouteParameters"] == "true"


def test_upload_streams_with_route_parameters_whichever_half_comes_first(streaming):
    for grpc_first in (True, False):
        invocation = str(uuid.uuid4())
        if grpc_first:
            start_half(streaming, "upload", invocation, {"name": "n1"})
        else:
            threading.Timer(0.3, start_half, (streaming, "upload", invocation, {"name": "n1"})).start()
        answer = forward(streaming.host, invocation, "POST", "/api/up/n1?q=1&q=2", body=b"z" * 3_000_000)
        assert json.loads(answer.read()) == {"size": 3_000_000, "name": "n1", "q": ["1", "2"]}
        response = streaming.answer(invocation)
        assert response.result.status == Success and response.return_value.WhichOneof("data") is None


def test_download_arrives_in_parts(streaming):
    invocation = str(uuid.uuid4())
    start_half(streaming, "download", invocation)
    answer = forward(streaming.host, invocation, "GET", "/api/down")
    first = answer.read1(100)
    assert first == b"part 0\n"
    assert first + answer.read() == b"".join(b"part %d\n" % i for i in range(5))
    assert streaming.answer(invocation).result.status == Success


def test_sync_failing_and_empty_handlers(streaming):
    invocation = str(uuid.uuid4())
    start_half(streaming, "sync", invocation)
    answer = forward(streaming.host, invocation, "GET", "/api/sync")
    assert (answer.status, answer.read(), answer.headers["x-a"]) == (207, b"from a thread", "1")
    invocation = str(uuid.uuid4())
    start_half(streaming, "fails", invocation)
    assert forward(streaming.host, invocation, "GET", "/api/fails").status == 500
    assert streaming.answer(invocation).result.exception.message == "ValueError: no"
    invocation = str(uuid.uuid4())
    start_half(streaming, "nothing", invocation)
    answer = forward(streaming.host, invocation, "GET", "/api/nothing")
    assert (answer.status, answer.read()) == (200, b"")


def test_the_web_server_adds_nothing_to_the_console(streaming):
    invocation = str(uuid.uuid4())
    start_half(streaming, "sync", invocation)
    forward(streaming.host, invocation, "GET", "/api/sync").read()
    assert streaming.host.stdout() == "" and streaming.host.stderr() == ""


def test_other_triggers_of_a_streaming_app_work_as_usual(streaming):
    assert streaming.call("queue", {"m": text("x")}).output_data[0].data.string == "x"


def test_without_init_indexing_there_is_no_streaming(start_host):
    pytest.importorskip("azurefunctions.extensions.http.fastapi")
    host = start_host({"function_app.py": STREAMING}, env={"PYTHON_ENABLE_INIT_INDEXING": "0"})
    assert "HttpUri" not in host.init().capabilities


def test_mixing_both_http_models_is_explained(start_host):
    pytest.importorskip("azurefunctions.extensions.http.fastapi")
    host = start_host({"function_app.py": STREAMING + """
    @app.route(route="old")
    def old(req: func.HttpRequest):
        return "x"
    """})
    host.init()
    message = host.metadata().result.exception.message
    assert "cannot load the old function" in message and "must use its request and response types" in message


DEFERRED = """
    import azure.functions as func
    import azurefunctions.extensions.bindings.blob as blob
    app = func.FunctionApp()
    C = dict(connection="STORE")
    previous = []

    @app.blob_trigger(arg_name="client", path="in/{name}", **C)
    @app.queue_output(arg_name="out", queue_name="q", **C)
    def on_blob(client: blob.BlobClient, out: func.Out[str]):
        same = bool(previous) and previous[-1] is client
        previous.append(client)
        out.set(f"{type(client).__name__} {client.container_name}/{client.blob_name} {client.account_name} {same}")

    @app.queue_trigger(arg_name="m", queue_name="q", **C)
    @app.blob_input(arg_name="container", path="in", **C)
    @app.queue_output(arg_name="out", queue_name="q", **C)
    async def on_queue(m: str, container: blob.ContainerClient, out: func.Out[str]):
        out.set(f"{m} {type(container).__name__} {container.container_name}")
"""


def test_deferred_blob_bindings_become_sdk_clients(start_host):
    pytest.importorskip("azurefunctions.extensions.bindings.blob")
    connection = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5;EndpointSuffix=core.windows.net"
    app = start_host({"function_app.py": DEFERRED}, env={"STORE": connection}).start()
    raw = json.loads(next(b for b in app.metadata["on_blob"].raw_bindings if "blobTrigger" in b))
    assert raw["properties"] == {"SupportsDeferredBinding": True}

    def model(blob):
        content = json.dumps({"Connection": "STORE", "ContainerName": "in", "BlobName": blob}).encode()
        return pb.TypedData(model_binding_data=pb.ModelBindingData(
            version="1.0", source="AzureStorageBlobs", content_type="application/json", content=content))

    def seen(blob):
        return app.call("on_blob", {"client": model(blob)}).output_data[0].data.string

    assert seen("a.txt") == "BlobClient in/a.txt acc False"
    assert seen("a.txt") == "BlobClient in/a.txt acc True"
    assert seen("b.txt") == "BlobClient in/b.txt acc False"
    queue = app.call("on_queue", {"m": text("x"), "container": model(None)})
    assert queue.output_data[0].data.string == "x ContainerClient in"
    refused = app.invoke("on_blob", {"client": text("content")})
    assert "unexpected type of data" in refused.result.exception.message


BATCH = """
    import azure.functions as func, typing
    import azurefunctions.extensions.base as base

    class Event(base.SdkType):
        def __init__(self, *, data):
            self.body = data.content.decode()

    class EventConverter(base.InConverter, binding="eventHub", trigger="eventHubTrigger"):
        @classmethod
        def check_input_type_annotation(cls, pytype):
            return True
        @classmethod
        def decode(cls, data, *, trigger_metadata, pytype):
            return [Event(data=item) for item in data.value.model_binding_data]

    class Actions(base.GrpcClientType):
        pass

    class ActionsConverter(base.InConverter, binding="serviceBusClient"):
        @classmethod
        def get_client(cls):
            return "client of the host"

    app = func.FunctionApp()

    @app.event_hub_message_trigger(arg_name="events", event_hub_name="h", connection="C", cardinality="many")
    @app.queue_output(arg_name="out", queue_name="q", connection="C")
    def batch(events: typing.List[Event], actions: Actions, out: func.Out[str]):
        out.set(",".join(event.body for event in events) + " " + actions)
"""


def test_batches_of_sdk_types_and_clients_of_the_host(start_host):
    pytest.importorskip("azurefunctions.extensions.base")
    app = start_host({"function_app.py": BATCH}).start()
    models = pb.TypedData(collection_model_binding_data=pb.CollectionModelBindingData(model_binding_data=[
        pb.ModelBindingData(version="1.0", source="AzureEventHubsEventData", content=body) for body in (b"a", b"b")]))
    answer = app.call("batch", {"events": models})
    assert answer.output_data[0].data.string == "a,b client of the host"


AMQP = """
    import azure.functions as func, typing
    import azurefunctions.extensions.bindings.eventhub as eh
    import azurefunctions.extensions.bindings.servicebus as sb
    app = func.FunctionApp()
    C = dict(connection="C")

    @app.event_hub_message_trigger(arg_name="events", event_hub_name="h", cardinality="many", **C)
    @app.queue_output(arg_name="out", queue_name="q", **C)
    def hub(events: typing.List[eh.EventData], out: func.Out[str]):
        out.set(",".join(event.body_as_str() for event in events))

    @app.service_bus_queue_trigger(arg_name="message", queue_name="q", **C)
    @app.queue_output(arg_name="out", queue_name="q", **C)
    def bus(message: sb.ServiceBusReceivedMessage, actions: sb.ServiceBusMessageActions, out: func.Out[str]):
        out.set(type(message).__name__ + " " + str(message) + " " + type(actions).__name__)
"""


def test_event_hub_and_service_bus_sdk_types(start_host):
    """Runs where the two optional extension packages are installed."""
    pytest.importorskip("azurefunctions.extensions.bindings.eventhub")
    pytest.importorskip("azurefunctions.extensions.bindings.servicebus")
    import uamqp
    app = start_host({"function_app.py": AMQP}).start()

    def model(source, content):
        return pb.ModelBindingData(version="1.0", source=source, content_type="application/octet-stream",
                                   content=content)

    encoded = [bytes(uamqp.Message(body).encode_message()) for body in (b"e1", b"e2")]
    events = [model("AzureEventHubsEventData", body) for body in encoded]
    hub = app.call("hub", {"events": pb.TypedData(
        collection_model_binding_data=pb.CollectionModelBindingData(model_binding_data=events))})
    assert hub.output_data[0].data.string == "e1,e2"
    content = uuid.uuid4().bytes_le + b"x-opt-lock-token" + bytes(uamqp.Message(b"m1").encode_message())
    message = pb.TypedData(model_binding_data=model("AzureServiceBusReceivedMessage", content))
    bus = app.call("bus", {"message": message})
    assert bus.output_data[0].data.string == "ServiceBusReceivedMessage m1 ServiceBusMessageActions"
