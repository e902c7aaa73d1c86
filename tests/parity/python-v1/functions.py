"""The parity functions in the Python v1 model: function.json files beside this one name the bindings and these functions.
What they do is in shared.py, which the v2 model has, too."""

import azure.functions as func

from . import shared


def echo(req: func.HttpRequest) -> func.HttpResponse:
    return shared.echo(req)


async def answer(req: func.HttpRequest) -> func.HttpResponse:
    return shared.answer(req)


async def fail(req: func.HttpRequest) -> func.HttpResponse:
    return shared.fail(req)


def levels(req: func.HttpRequest) -> func.HttpResponse:
    return shared.log()


async def levelsAll(req: func.HttpRequest) -> func.HttpResponse:
    return shared.log()


def context(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    context.thread_local_storage.invocation_id = context.invocation_id
    return shared.context_of(context)


def send(req: func.HttpRequest, sent: func.Out[func.QueueMessage]) -> func.HttpResponse:
    return shared.send(req, sent)


def sendAndFail(req: func.HttpRequest, sent: func.Out[str]) -> func.HttpResponse:
    return shared.send_and_fail(sent)


async def queued(message: func.QueueMessage) -> str:
    return shared.queued(message)


def queuedBytes(message: func.QueueMessage) -> str:
    return shared.queued_bytes(message)


def retried(message: func.QueueMessage, context: func.Context) -> str:
    return shared.retried(message, context)


def poisoned(message: func.QueueMessage) -> None:
    shared.poisoned(message)


def ticked(timer: func.TimerRequest) -> str:
    return shared.ticked(timer)


def store(req: func.HttpRequest, blob: func.Out[str]) -> func.HttpResponse:
    return shared.store(req, blob)


def fetch(req: func.HttpRequest, blob: func.InputStream) -> func.HttpResponse:
    return shared.fetch(blob)


async def fetchBytes(req: func.HttpRequest, blob: bytes) -> func.HttpResponse:
    return shared.fetch_bytes(blob)


def landed(blob: func.InputStream) -> str:
    return shared.landed(blob)
