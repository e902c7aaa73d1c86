import json
import logging

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
STORE = {"connection": "AzureWebJobsStorage"}


@app.route(route="upload/{name}", methods=["POST"])
@app.blob_output(arg_name="file", path="inbox/{name}", **STORE)
def upload(req: func.HttpRequest, file: func.Out[bytes]) -> func.HttpResponse:
    file.set(req.get_body())
    return func.HttpResponse(status_code=201)


@app.route(route="download/{name}", methods=["GET"])
@app.blob_input(arg_name="file", path="outbox/{name}", data_type=func.DataType.BINARY, **STORE)
def download(req: func.HttpRequest, file: func.InputStream) -> func.HttpResponse:
    if file is None:
        return func.HttpResponse(status_code=404)
    return func.HttpResponse(file.read(), mimetype="application/octet-stream")


@app.blob_trigger(arg_name="file", path="inbox/{name}.bin", data_type=func.DataType.BINARY, **STORE)
@app.blob_output(arg_name="copied", path="outbox/{name}.copy", **STORE)
def copy(file: func.InputStream, copied: func.Out[func.InputStream]):
    content = file.read()
    is_bytes = "true" if isinstance(content, bytes) and file.length == len(content) else "false"
    logging.info("copied %s %s %d", file.name, is_bytes, len(content))
    copied.set(content)


@app.blob_trigger(arg_name="file", path="bad/{name}", **STORE)
def fails(file: func.InputStream):
    raise ValueError("never works")


@app.blob_trigger(arg_name="file", path="notes/{a}-{b}.txt", data_type=func.DataType.STRING, **STORE)
@app.blob_input(arg_name="extra", path="extras/{a}.txt", **STORE)
@app.blob_input(arg_name="missing", path="extras/none-{b}.txt", **STORE)
def notes(file: func.InputStream, extra: str, missing: str, context: func.Context):
    a, b = file.name[len("notes/"):-len(".txt")].rsplit("-", 1)
    length = file.blob_properties["ContentLength"]
    noted = [file.read().decode(), extra, missing or None, a, b, length, "object" if file.metadata == {} else "?"]
    logging.info("noted %s %s", json.dumps(noted, separators=(",", ":"), ensure_ascii=False), file.uri)
