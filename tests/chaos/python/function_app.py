"""Functions that keep a journal of what they began and what they finished, one line each: WHAT ID PID. A line is
written by one system call, so it outlives a killed process."""

import asyncio
import os
import random
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
journal = os.open(os.environ["JOURNAL"], os.O_APPEND | os.O_WRONLY | os.O_CREAT)


def note(what: str, id: str) -> None:
    os.write(journal, f"{what} {id} {os.getpid()}\n".encode())


def pause() -> float:
    return 0.005 + random.random() * 0.025


@app.route(route="work", methods=["GET"])
async def work(req: func.HttpRequest) -> func.HttpResponse:
    id = req.params["id"]
    note("begin", id)
    await asyncio.sleep(pause())
    note("end", id)
    return func.HttpResponse(id)


@app.route(route="leave", methods=["GET"])
def leave(req: func.HttpRequest) -> func.HttpResponse:
    note("leave", req.params["id"])
    os._exit(int(req.params["code"]))


@app.queue_trigger(arg_name="message", queue_name="chaos", connection="AzureWebJobsStorage")
def take(message: func.QueueMessage) -> None:
    id = message.get_body().decode()
    note("take", id)
    time.sleep(pause())
    if id.startswith("bad"):
        note("fail", id)
        raise ValueError(f"{id} is meant to fail")
    note("done", id)
