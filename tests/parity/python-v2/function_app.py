"""The parity functions in the Python v2 model. What they do is in shared.py, which the v1 model has, too."""

import azure.functions as func

import shared

CONNECTION = "AzureWebJobsStorage"
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


@app.route(route="echo/{first?}/{second:int?}", methods=METHODS)
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return shared.echo(req)


@app.route(route="answer/{kind}", methods=["GET"])
async def answer(req: func.HttpRequest) -> func.HttpResponse:
    return shared.answer(req)


@app.route(route="fail/{kind}", methods=["GET"])
async def fail(req: func.HttpRequest) -> func.HttpResponse:
    return shared.fail(req)


@app.route(route="levels", methods=["GET"])
def levels(req: func.HttpRequest) -> func.HttpResponse:
    return shared.log()


@app.route(route="levelsAll", methods=["GET"])
async def levelsAll(req: func.HttpRequest) -> func.HttpResponse:
    return shared.log()


@app.route(route="context", methods=["GET"])
def context(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    context.thread_local_storage.invocation_id = context.invocation_id
    return shared.context_of(context)


@app.route(route="send/{kind}", methods=["GET"])
@app.queue_output(arg_name="sent", queue_name="parity-sent", connection=CONNECTION)
def send(req: func.HttpRequest, sent: func.Out[func.QueueMessage]) -> func.HttpResponse:
    return shared.send(req, sent)


@app.route(route="sendAndFail", methods=["GET"])
@app.queue_output(arg_name="sent", queue_name="parity-sent", connection=CONNECTION)
def sendAndFail(req: func.HttpRequest, sent: func.Out[str]) -> func.HttpResponse:
    return shared.send_and_fail(sent)


@app.queue_trigger(arg_name="message", queue_name="parity-in", connection=CONNECTION)
@app.queue_output(arg_name="$return", queue_name="parity-seen", connection=CONNECTION)
async def queued(message: func.QueueMessage) -> str:
    return shared.queued(message)


@app.queue_trigger(arg_name="message", queue_name="parity-in-bytes", connection=CONNECTION, data_type=func.DataType.BINARY)
@app.queue_output(arg_name="$return", queue_name="parity-seen", connection=CONNECTION)
def queuedBytes(message: func.QueueMessage) -> str:
    return shared.queued_bytes(message)


@app.queue_trigger(arg_name="message", queue_name="parity-retry", connection=CONNECTION)
@app.queue_output(arg_name="$return", queue_name="parity-seen", connection=CONNECTION)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
def retried(message: func.QueueMessage, context: func.Context) -> str:
    return shared.retried(message, context)


@app.queue_trigger(arg_name="message", queue_name="parity-bad", connection=CONNECTION)
def poisoned(message: func.QueueMessage) -> None:
    shared.poisoned(message)


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
@app.queue_output(arg_name="$return", queue_name="parity-ticked", connection=CONNECTION)
def ticked(timer: func.TimerRequest) -> str:
    return shared.ticked(timer)


@app.route(route="store/{name}", methods=["PUT"])
@app.blob_output(arg_name="blob", path="parity/{name}.txt", connection=CONNECTION)
def store(req: func.HttpRequest, blob: func.Out[str]) -> func.HttpResponse:
    return shared.store(req, blob)


@app.route(route="fetch/{name}", methods=["GET"])
@app.blob_input(arg_name="blob", path="parity/{name}.txt", connection=CONNECTION)
def fetch(req: func.HttpRequest, blob: func.InputStream) -> func.HttpResponse:
    return shared.fetch(blob)


@app.route(route="fetchBytes/{name}", methods=["GET"])
@app.blob_input(arg_name="blob", path="parity/{name}.txt", connection=CONNECTION, data_type=func.DataType.BINARY)
async def fetchBytes(req: func.HttpRequest, blob: bytes) -> func.HttpResponse:
    return shared.fetch_bytes(blob)


@app.blob_trigger(arg_name="blob", path="parity/{name}.txt", connection=CONNECTION)
@app.queue_output(arg_name="$return", queue_name="parity-seen", connection=CONNECTION)
def landed(blob: func.InputStream) -> str:
    return shared.landed(blob)
