import logging

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="hello/{name?}")
@app.queue_output(arg_name="greetings", queue_name="greetings", connection="AzureWebJobsStorage")
def hello(req: func.HttpRequest, greetings: func.Out[str]) -> func.HttpResponse:
    """Greets whoever calls, and queues the greeting."""
    name = req.route_params.get("name") or req.params.get("name") or "world"
    greetings.set(f"Hello, {name}!")
    return func.HttpResponse(f"Hello, {name}!")


@app.queue_trigger(arg_name="greeting", queue_name="greetings", connection="AzureWebJobsStorage")
def heard(greeting: func.QueueMessage) -> None:
    """Logs each greeting that went through the queue."""
    logging.info("Heard: %s", greeting.get_body().decode())


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=True)
async def tick(timer: func.TimerRequest) -> None:
    """Reports every minute."""
    logging.info("Still here%s.", " (late)" if timer.past_due else "")
