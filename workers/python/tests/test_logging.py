"""The app's logging and prints (spec worker-protocol.md §13)."""
from fake_host import http, pb, text

LOGS = """
    import asyncio, logging, threading, sys, warnings
    import azure.functions as func
    app = func.FunctionApp()
    logging.info("at import")

    @app.route(route="s")
    def sync(req: func.HttpRequest, context: func.Context):
        logging.debug("hidden")
        logging.info("info %s", 1)
        logging.getLogger("my.module").warning("warn")
        logging.getLogger("azure.functions.x").info("library")
        try:
            1 / 0
        except ZeroDivisionError:
            logging.exception("caught")
        logging.critical("critical")
        def other():
            logging.info("thread without id")
            context.thread_local_storage.invocation_id = context.invocation_id
            logging.info("thread with id")
        t = threading.Thread(target=other); t.start(); t.join()
        print("printed")
        print("no newline", end="")
        return "ok"

    @app.route(route="a")
    async def coro(req: func.HttpRequest):
        async def child():
            logging.info("child")
        await asyncio.gather(child(), asyncio.to_thread(logging.info, "in thread"))
        logging.info("done")
        return "ok"

    @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
    async def tagged(m: str):
        for i in range(20):
            logging.info(m)
            await asyncio.sleep(0)

    @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
    def flood(m: str):
        for i in range(int(m)):
            logging.info("line %d", i)
"""


def logs_before(host, invocation):
    """The logs received before the response of an invocation, in order."""
    host.expect("invocation_response", lambda r: r.invocation_id == invocation)
    return [m.rpc_log for m in host.drain() if m.WhichOneof("content") == "rpc_log"]


def test_levels_categories_and_order(start_host):
    host = start_host({"function_app.py": LOGS})
    app = host.start()
    startup = [m.rpc_log for m in host.drain() if m.WhichOneof("content") == "rpc_log"]
    assert any(log.message == "at import" and log.invocation_id == "" for log in startup)
    invocation = app.post("sync", {"req": http()})
    logs = logs_before(host, invocation)
    L = pb.RpcLog
    seen = [(log.level, log.category, log.message.split("\n")[0], log.log_category) for log in logs]
    assert seen == [
        (L.Information, "root", "info 1", L.User),
        (L.Warning, "my.module", "warn", L.User),
        (L.Information, "azure.functions.x", "library", L.System),
        (L.Error, "root", "caught", L.User),
        (L.Critical, "root", "critical", L.User),
        (L.Information, "root", "thread without id", L.User),
        (L.Information, "root", "thread with id", L.User),
    ]
    assert "ZeroDivisionError" in logs[3].message
    assert [log.invocation_id for log in logs] == [invocation] * 5 + ["", invocation]
    assert "printed\nno newline" in host.stdout()


def test_async_children_and_threads_keep_the_invocation(start_host):
    host = start_host({"function_app.py": LOGS})
    app = host.start()
    host.drain()
    invocation = app.post("coro", {"req": http()})
    logs = logs_before(host, invocation)
    assert sorted(log.message for log in logs) == ["child", "done", "in thread"]
    assert {log.invocation_id for log in logs} == {invocation}


def test_interleaved_invocations_do_not_mix(start_host):
    host = start_host({"function_app.py": LOGS})
    app = host.start()
    host.drain()
    ids = {app.post("tagged", {"m": text("m%d" % i)}): "m%d" % i for i in range(10)}
    for invocation in ids:
        app.answer(invocation)
    logs = [m.rpc_log for m in host.drain() if m.WhichOneof("content") == "rpc_log"]
    assert len(logs) == 200
    assert all(ids[log.invocation_id] == log.message for log in logs)


def test_debug_logging_setting(start_host):
    host = start_host({"function_app.py": LOGS}, env={"PYTHON_ENABLE_DEBUG_LOGGING": "1"})
    app = host.start()
    invocation = app.post("sync", {"req": http()})
    assert any(log.message == "hidden" and log.level == pb.RpcLog.Debug for log in logs_before(host, invocation))


def test_a_flood_of_logs_arrives_in_order(start_host):
    host = start_host({"function_app.py": LOGS})
    app = host.start()
    host.drain()
    invocation = app.post("flood", {"m": text("20000")})
    logs = logs_before(host, invocation)
    assert [log.message for log in logs] == ["line %d" % i for i in range(20000)]


def test_a_host_that_does_not_read_cannot_make_the_worker_run_out_of_memory():
    """Log records beyond the limit are dropped and counted; responses never are."""
    import asyncio
    import logging
    from horus_worker import log

    class Stuck:
        is_closed, backlog, sent = False, 0, []
        post = sent.append
        flush = flush_soon = staticmethod(lambda: None)

    handler = log.RpcHandler(Stuck, asyncio.new_event_loop())
    record = logging.LogRecord("app", logging.INFO, "f", 1, "text", None, None)
    handler.emit(record)
    Stuck.backlog = log.BACKLOG_LIMIT + 1
    for _ in range(5):
        handler.emit(record)
    assert len(Stuck.sent) == 1
    Stuck.backlog = 0
    handler.emit(record)
    notes = [pb.StreamingMessage.FromString(message).rpc_log for message in Stuck.sent]
    assert notes[1].message.startswith("5 log records were dropped") and notes[1].level == pb.RpcLog.Warning
    assert notes[2].message == "text"


def test_a_burst_of_records_from_a_slow_function_arrives_before_its_end(start_host):
    host = start_host({"function_app.py": """
        import azure.functions as func, logging, threading
        app = func.FunctionApp()
        go = threading.Event()

        @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
        def slow(m: str):
            for i in range(100):
                logging.info("line %d", i)
            go.wait(30)

        @app.queue_trigger(arg_name="m", queue_name="q", connection="C")
        def release(m: str):
            go.set()
    """})
    app = host.start()
    slow = app.post("slow", {"m": text("x")})
    host.expect("rpc_log", lambda entry: entry.message == "line 99")
    app.call("release", {"m": text("x")})
    app.answer(slow)
