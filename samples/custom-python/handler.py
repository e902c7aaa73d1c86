"""A custom handler in plain Python.

Requests of functions that are nothing but HTTP arrive as they are (``enableForwardingHttpRequest`` in host.json); all
other functions are called as ``POST /{function}`` with their values as JSON, and answer with outputs.
"""

import html
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

_lock = threading.Lock()
_delivered = 0


def greet(data, metadata):
    """HTTP in, HTTP and a queue message out."""
    name = json.loads(data["req"].get("Body", "{}")).get("name")
    if not name:
        return {"Outputs": {"res": {"statusCode": 400, "body": 'A greeting needs a "name".'}}}
    return {"Outputs": {"res": {"statusCode": 202}, "greeting": {"name": name}}}


def deliver(data, metadata):
    """A queue message in. Its text is JSON inside a JSON string."""
    global _delivered
    greeting = json.loads(json.loads(data["name"]))
    with _lock:
        _delivered += 1
    return {"Logs": [f"A greeting for {greeting['name']} (try {metadata['DequeueCount']})."]}


def report(data, metadata):
    """A timer. Objects arrive as they are."""
    late = " (This report is late.)" if data["timer"]["IsPastDue"] else ""
    noun = "greeting" if _delivered == 1 else "greetings"
    return {"Logs": [f"{_delivered} {noun} so far.{late}"]}


FUNCTIONS = {"/greet": greet, "/deliver": deliver, "/report": report}


class Handler(BaseHTTPRequestHandler):
    """Forwarded requests and calls of functions; the host keeps connections open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urlsplit(self.path).path
        if path.startswith("/api/hello/"):
            name = html.escape(unquote(path.removeprefix("/api/hello/")))
            self.answer(200, "text/html; charset=utf-8", f"<h1>Hello, {name}!</h1>")
        else:
            # The host asks for "/" until anything answers.
            self.answer(404, "text/plain", "")

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        function = FUNCTIONS.get(self.path)
        if function is None:
            self.answer(404, "text/plain", "")
            return
        try:
            reply = function(message["Data"], message["Metadata"])
        except Exception as error:  # Any status but 2xx fails the invocation.
            self.answer(500, "text/plain", str(error))
            raise
        self.answer(200, "application/json", json.dumps(reply))

    def answer(self, status, content_type, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Every call is in the host's log already."""


if __name__ == "__main__":
    port = int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
