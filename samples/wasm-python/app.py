"""Two functions in one component. Requests for the HTTP function arrive as they are; messages from the queue arrive as
``POST /ShoutPython`` with the event as JSON, and are answered with JSON."""

import json
from urllib.parse import parse_qs, urlsplit

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        url = urlsplit(request.path_with_query() or "/")
        if url.path == "/ShoutPython":
            kind, text = "application/json", shout(json.loads(read(request)))
        else:
            kind, text = "text/plain", f"Hello, {parse_qs(url.query).get('name', ['world'])[0]}, from Python!"
        response = OutgoingResponse(Fields.from_list([("content-type", kind.encode())]))
        body = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        stream = body.write()
        stream.blocking_write_and_flush(text.encode())
        stream.__exit__(None, None, None)
        OutgoingBody.finish(body, None)


def shout(event: dict) -> str:
    # A queue message is JSON inside a JSON string.
    message = str(json.loads(event["Data"]["message"]))
    return json.dumps({"Outputs": {"loud": f"{message.upper()} FROM PYTHON!"}, "Logs": ["shouted"]})


def read(request: IncomingRequest) -> bytes:
    """The whole body."""
    chunks = []
    with request.consume() as body, body.stream() as stream:
        while True:
            try:
                chunks.append(stream.blocking_read(64 * 1024))
            except Exception:  # the stream's way to say that it is at its end
                return b"".join(chunks)
