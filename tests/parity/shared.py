"""What the parity functions of both Python models do. What a function sees is told in JSON with sorted keys; values that
differ from run to run are told by their type."""

import json
import logging

import azure.functions as func


def describe(value):
    if isinstance(value, (bytes, bytearray)):
        return {"type": type(value).__name__, "hex": value.hex()}
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if isinstance(value, dict):
        return {"type": type(value).__name__, "value": value}
    return {"type": type(value).__name__, "value": value}


def told(value) -> str:
    return json.dumps(value, sort_keys=True)


def attempt(read):
    """What `read` gives, or how it fails."""
    try:
        return describe(read())
    except Exception as error:
        return {"raised": type(error).__name__, "text": str(error)}


def echo(req: func.HttpRequest) -> func.HttpResponse:
    if req.params.get("read") == "form":
        body = {
            "form": sorted(req.form.items(multi=True)),
            "files": sorted((name, file.filename, file.content_type, file.read().decode()) for name, file in req.files.items(multi=True)),
        }
    else:
        body = {"bytes": describe(req.get_body()), "json": attempt(req.get_json)}
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "accept": req.headers.get("ACCEPT"),
        "query": dict(req.params),
        "params": dict(req.route_params),
        "body": body,
    }
    return func.HttpResponse(told(seen), mimetype="application/json")


def cookies() -> func.HttpResponse:
    response = func.HttpResponse("c")
    response.headers.add("Set-Cookie", "plain=v")
    response.headers.add("Set-Cookie", "full=ab; Domain=example.com; Path=/x; Max-Age=60; Secure; HttpOnly; SameSite=Strict")
    response.headers.add("Set-Cookie", "old=; Expires=Tue, 06 May 2031 07:08:09 GMT; SameSite=None")
    return response


ANSWERS = {
    "text": lambda: func.HttpResponse("text"),
    "plain": lambda: "a text alone",
    "json": lambda: func.HttpResponse(told({"b": 1, "a": [None, True, "ü"]}), mimetype="application/json"),
    "bytes": lambda: func.HttpResponse(bytes([0, 255, 128, 10]), mimetype="application/octet-stream"),
    "nothing": lambda: None,
    "empty": lambda: func.HttpResponse(),
    "emptyText": lambda: func.HttpResponse(""),
    "created": lambda: func.HttpResponse('{"id": 7}', status_code=201, headers={"location": "/there"}),
    "noContent": lambda: func.HttpResponse(status_code=204),
    "teapot": lambda: func.HttpResponse("short and stout", status_code=418),
    "redirect": lambda: func.HttpResponse(status_code=302, headers={"Location": "https://example.com/?a=1&b=2"}),
    "unavailable": lambda: func.HttpResponse("later", status_code=503, headers={"Retry-After": "5"}),
    "headers": lambda: func.HttpResponse("h", headers={"X-One": "1", "x-two": "a, b", "X-Empty": "", "Cache-Control": "no-store"}),
    "html": lambda: func.HttpResponse("<p>ü</p>", mimetype="text/html", charset="utf-8"),
    "latin": lambda: func.HttpResponse("ü", mimetype="text/plain", charset="latin-1"),
    "cookies": cookies,
    "unicode": lambda: func.HttpResponse("Grüße, 世界 🚀"),
    "large": lambda: func.HttpResponse("x" * 200000),
    "number": lambda: 5,
    "dict": lambda: {"a": 1},
}


def answer(req: func.HttpRequest):
    kind = req.route_params["kind"]
    return ANSWERS.get(kind, lambda: func.HttpResponse("no such kind", status_code=404))()


class ShopError(Exception):
    pass


FAILURES = {
    "error": ValueError("an error with a text"),
    "own": ShopError("of an own class"),
    "key": KeyError("missing"),
    "bare": Exception(),
    "unicode": RuntimeError("Grüße 🚀"),
}


def fail(req: func.HttpRequest) -> func.HttpResponse:
    if req.route_params["kind"] == "chained":
        try:
            raise FAILURES["own"]
        except ShopError as error:
            raise RuntimeError("because of another") from error
    raise FAILURES[req.route_params["kind"]]


def log() -> func.HttpResponse:
    logging.debug("level debug")
    logging.info("level info %s", {"a": 1})
    logging.warning("level warning")
    logging.error("level error")
    logging.critical("level critical")
    logging.getLogger("shop.orders").info("level of another logger")
    try:
        raise ShopError("logged with its trace")
    except ShopError:
        logging.exception("level exception")
    return func.HttpResponse("logged")


def context_of(context: func.Context) -> func.HttpResponse:
    trace = context.trace_context
    seen = {
        "name": context.function_name,
        "id": [type(context.invocation_id).__name__, len(context.invocation_id)],
        "folder": context.function_directory.rsplit("/", 1)[-1],
        "parent": trace.Traceparent[:36],
        "state": trace.Tracestate,
        "attributes": sorted(trace.Attributes),
        "retry": describe(context.retry_context and context.retry_context.retry_count),
        "local": getattr(context.thread_local_storage, "invocation_id", None) == context.invocation_id,
    }
    return func.HttpResponse(told(seen), mimetype="application/json")


VALUES = {
    "text": "a text",
    "object": told({"b": 1, "a": "x"}),
    "bytes": b"\x01\x02\x03",
    "array": ["one", "two"],
    "message": func.QueueMessage(body=b"of a message"),
    "emptyText": "",
}


def send(req: func.HttpRequest, sent: func.Out) -> func.HttpResponse:
    kind = req.route_params["kind"]
    if kind in VALUES:
        sent.set(VALUES[kind])
    return func.HttpResponse(kind, status_code=200 if kind in VALUES else 404)


def send_and_fail(sent: func.Out) -> func.HttpResponse:
    sent.set("never")
    raise RuntimeError("after the output was set")


def queued(message: func.QueueMessage) -> str:
    return told({
        "body": describe(message.get_body()),
        "json": attempt(message.get_json),
        "dequeueCount": describe(message.dequeue_count),
        "metadata": {name: type(getattr(message, name)).__name__ for name in ("id", "expiration_time", "insertion_time", "time_next_visible", "pop_receipt")},
    })


def queued_bytes(message: func.QueueMessage) -> str:
    return told({"body": describe(message.get_body())})


TRIES = {}


def retried(message: func.QueueMessage, context: func.Context) -> str:
    retry = context.retry_context
    error = retry.rpc_exception
    text = str(getattr(error, "message", error)).split("\n")[0]
    TRIES.setdefault(message.get_body(), []).append([retry.retry_count, retry.max_retry_count, text])
    if retry.retry_count < 2:
        raise RuntimeError(f"try {retry.retry_count} fails")
    return told({"retries": TRIES[message.get_body()]})


def poisoned(message: func.QueueMessage) -> None:
    raise ValueError(f"{message.get_body().decode()} is refused")


def ticked(timer: func.TimerRequest) -> str:
    return told({
        "late": timer.past_due,
        "schedule": timer.schedule,
        "status": {key: type(value).__name__ for key, value in (timer.schedule_status or {}).items()},
    })


def store(req: func.HttpRequest, blob: func.Out) -> func.HttpResponse:
    kind = req.params.get("kind", "text")
    if kind == "text":
        blob.set(req.get_body().decode())
    elif kind != "none":
        blob.set(req.get_body())
    return func.HttpResponse(status_code=201)


def fetch(blob: func.InputStream) -> func.HttpResponse:
    seen = None
    if blob is not None:
        seen = {"name": blob.name, "length": blob.length, "start": describe(blob.read(3)), "rest": describe(blob.read())}
    return func.HttpResponse(told(seen), mimetype="application/json")


def fetch_bytes(blob) -> func.HttpResponse:
    return func.HttpResponse(told(describe(blob)), mimetype="application/json")


def landed(blob: func.InputStream) -> str:
    return told({"name": blob.name, "length": blob.length, "uri": blob.uri and blob.uri.split("/")[-1], "content": describe(blob.read())})
