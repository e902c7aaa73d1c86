"""Every converter of the library, fed and read the way the host does (spec worker-protocol.md §9.4)."""
import json

import pytest
from fake_host import json_data, pb, text

SOURCE = """
    import azure.functions as func, json, typing
    app = func.FunctionApp()
    C = dict(connection="C")

    def show(value):
        return json.dumps(value, default=str)

    @app.timer_trigger(schedule="* * * * * *", arg_name="t")
    @app.queue_output(arg_name="out", queue_name="o", **C)
    def timer(t: func.TimerRequest, out: func.Out[str]):
        out.set(show([t.past_due, t.schedule_status, t.schedule]))

    @app.queue_trigger(arg_name="m", queue_name="q", **C)
    @app.queue_output(arg_name="out", queue_name="o", **C)
    @app.queue_output(arg_name="many", queue_name="o", **C)
    @app.queue_output(arg_name="raw", queue_name="o", **C)
    def queue(m: func.QueueMessage, out: func.Out[str], many: func.Out[typing.List[str]], raw: func.Out[bytes]):
        out.set(show([m.id, m.get_body().decode(), m.dequeue_count, m.insertion_time, m.expiration_time,
                      m.time_next_visible, m.pop_receipt]))
        many.set(["a", "b"])
        raw.set(b"\\x00")

    @app.blob_trigger(arg_name="b", path="in/{name}", **C)
    @app.blob_input(arg_name="other", path="x/y", **C)
    @app.blob_output(arg_name="copy", path="out/{name}", **C)
    @app.blob_output(arg_name="as_text", path="out/{name}", **C)
    def blob(b: func.InputStream, other: str, copy: func.Out[bytes], as_text: func.Out[str]):
        copy.set(b.read())
        as_text.set(show([b.name, b.length, b.uri, b.metadata, other]))

    @app.event_hub_message_trigger(arg_name="e", event_hub_name="h", **C)
    @app.event_hub_output(arg_name="out", event_hub_name="h", **C)
    def hub_one(e: func.EventHubEvent, out: func.Out[str]):
        out.set(show([e.get_body().decode(), e.sequence_number, e.offset, e.partition_key, e.enqueued_time,
                      e.iothub_metadata, e.metadata["PartitionContext"]]))

    @app.event_hub_message_trigger(arg_name="events", event_hub_name="h", cardinality=func.Cardinality.MANY, **C)
    @app.event_hub_output(arg_name="out", event_hub_name="h", **C)
    def hub_many(events: typing.List[func.EventHubEvent], out: func.Out[typing.List[str]]):
        out.set([show([e.get_body().decode(), e.sequence_number]) for e in events])

    @app.service_bus_queue_trigger(arg_name="m", queue_name="q", **C)
    @app.service_bus_queue_output(arg_name="out", queue_name="o", **C)
    def bus_one(m: func.ServiceBusMessage, out: func.Out[str]):
        out.set(show([m.get_body().decode(), m.message_id, m.delivery_count, m.enqueued_time_utc,
                      m.application_properties, m.time_to_live]))

    @app.service_bus_queue_trigger(arg_name="ms", queue_name="q", cardinality="many", **C)
    @app.service_bus_queue_output(arg_name="out", queue_name="o", **C)
    def bus_many(ms: typing.List[func.ServiceBusMessage], out: func.Out[str]):
        out.set(show([[m.get_body().decode(), m.message_id, m.sequence_number] for m in ms]))

    @app.cosmos_db_trigger(arg_name="docs", database_name="d", container_name="c", **C)
    @app.cosmos_db_output(arg_name="out", database_name="d", container_name="c", **C)
    def cosmos(docs: func.DocumentList, out: func.Out[func.Document]):
        out.set(func.Document.from_dict({"count": len(docs), "first": docs[0]["id"]}))

    @app.event_grid_trigger(arg_name="e")
    @app.event_grid_output(arg_name="out", topic_endpoint_uri="u", topic_key_setting="k")
    def grid(e: func.EventGridEvent, out: func.Out[func.EventGridOutputEvent]):
        out.set(func.EventGridOutputEvent(id=e.id, subject=e.subject, event_type=e.event_type, data=e.get_json(),
                                          event_time=e.event_time, data_version="1"))

    @app.kafka_trigger(arg_name="k", topic="t", broker_list="b")
    @app.queue_output(arg_name="out", queue_name="o", **C)
    def kafka(k: func.KafkaEvent, out: func.Out[str]):
        out.set(show([k.get_body().decode(), k.offset, k.topic, k.key]))

    @app.sql_trigger(arg_name="rows", table_name="t", connection_string_setting="C")
    @app.sql_output(arg_name="out", command_text="t", connection_string_setting="C")
    def sql(rows: str, out: func.Out[func.SqlRow]):
        out.set(func.SqlRow.from_dict(json.loads(rows)[0]["Item"]))

    @app.sql_input(arg_name="rows", command_text="t", command_type="Text", connection_string_setting="C")
    @app.queue_trigger(arg_name="m", queue_name="q", **C)
    @app.queue_output(arg_name="out", queue_name="o", **C)
    def sql_in(m: bytes, rows: func.SqlRowList, out: func.Out[str]):
        out.set(show([m.decode(), len(rows), rows[0]["id"]]))

    @app.warm_up_trigger(arg_name="w")
    def warm(w) -> None:
        pass
"""


@pytest.fixture
def app(start_host):
    return start_host({"function_app.py": SOURCE}).start()


def output(response, name="out"):
    return {entry.name: entry.data for entry in response.output_data}[name]


def test_timer(app):
    data = json_data('{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":true}')
    assert json.loads(output(app.call("timer", {"t": data})).string) == [True, {}, {"AdjustForDST": True}]


def test_queue_message_with_seven_digit_times(app):
    metadata = {"Id": text("i"), "PopReceipt": text("p"), "DequeueCount": json_data("2"),
                "InsertionTime": json_data('"2026-11-23T21:00:00.1234567+00:00"'),
                "ExpirationTime": json_data('"2026-11-30T21:00:00+00:00"'),
                "NextVisibleTime": json_data('"2026-11-23T22:00:00Z"'), "QueueTrigger": text("body")}
    answer = app.call("queue", {"m": text("body")}, metadata)
    assert json.loads(output(answer).string) == [
        "i", "body", 2, "2026-11-23 21:00:00.123456+00:00", "2026-11-30 21:00:00+00:00",
        "2026-11-23 22:00:00+00:00", "p"]
    assert json.loads(output(answer, "many").json) == ["a", "b"]
    assert output(answer, "raw").bytes == b"\0"
    assert json.loads(output(app.call("queue", {"m": pb.TypedData(bytes=b"raw")}, metadata)).string)[1] == "raw"


def test_blob_stream_and_input(app):
    metadata = {"BlobTrigger": text("in/n.txt"), "Uri": text("http://b/n"), "name": text("n.txt"),
                "Properties": json_data('{"ContentLength": 3}'), "Metadata": json_data('{"k":"v"}')}
    answer = app.call("blob", {"b": pb.TypedData(bytes=b"a\0b"), "other": text("öther")}, metadata)
    assert output(answer, "copy").bytes == b"a\0b"
    assert json.loads(output(answer, "as_text").string) == ["in/n.txt", 3, "http://b/n", {"k": "v"}, "öther"]
    empty = app.call("blob", {"b": pb.TypedData(bytes=b""), "other": pb.TypedData()}, metadata)
    assert output(empty, "copy").bytes == b"" and json.loads(output(empty, "as_text").string)[4] is None


def test_event_hub_one_and_many(app):
    one = app.call("hub_one", {"e": text("e1")}, {
        "SystemProperties": json_data('{"iothub-device":"d"}'), "PartitionContext": json_data('{"p":1}'),
        "EnqueuedTimeUtc": json_data('"2026-11-23T21:00:00Z"'), "SequenceNumber": json_data("9"),
        "Offset": text("77"), "PartitionKey": text("pk")})
    assert json.loads(output(one).string) == ["e1", 9, "77", "pk", "2026-11-23 21:00:00+00:00", {"device": "d"},
                                              {"p": 1}]
    system = json_data('[{"SequenceNumber":1},{"SequenceNumber":2}]')
    strings = pb.TypedData(collection_string=pb.CollectionString(string=["a", "b"]))
    raw = pb.TypedData(collection_bytes=pb.CollectionBytes(bytes=[b"a", b"b"]))
    for data in (strings, raw):
        many = app.call("hub_many", {"events": data}, {"SystemPropertiesArray": system})
        assert [json.loads(item) for item in json.loads(output(many).json)] == [["a", 1], ["b", 2]]


def test_service_bus_one_and_many(app):
    one = app.call("bus_one", {"m": text("m1")}, {
        "UserProperties": json_data("{}"), "ApplicationProperties": json_data('{"k":1}'), "MessageId": text("id1"),
        "DeliveryCount": json_data("3"), "EnqueuedTimeUtc": json_data('"2026-11-23T21:00:00Z"'),
        "TimeToLive": text("01:00:00")})
    assert json.loads(output(one).string) == ["m1", "id1", 3, "2026-11-23 21:00:00+00:00", {"k": 1}, "1:00:00"]
    many = app.call("bus_many", {"ms": pb.TypedData(collection_string=pb.CollectionString(string=["x", "y"]))}, {
        "UserPropertiesArray": json_data("[{},{}]"),
        "MessageIdArray": pb.TypedData(collection_string=pb.CollectionString(string=["1", "2"])),
        "SequenceNumberArray": pb.TypedData(collection_sint64=pb.CollectionSInt64(sint64=[5, -6]))})
    assert json.loads(output(many).string) == [["x", "1", 5], ["y", "2", -6]]


def test_cosmos_grid_kafka_sql_warmup(app):
    docs = app.call("cosmos", {"docs": json_data('[{"id":"1"},{"id":"2"}]')})
    assert json.loads(output(docs).json) == [{"count": 2, "first": "1"}]
    event = {"id": "i", "subject": "s", "eventType": "t", "data": {"a": 1}, "topic": "x", "dataVersion": "1",
             "eventTime": "2026-11-23T21:00:00.1234567Z"}
    grid = json.loads(output(app.call("grid", {"e": json_data(json.dumps(event))})).json)
    assert (grid["id"], grid["data"], grid["eventTime"]) == ("i", {"a": 1}, "2026-11-23T21:00:00.123456+00:00")
    kafka = app.call("kafka", {"k": text("v")}, {"Offset": json_data("4"), "Topic": text("t"), "Key": text("k")})
    assert json.loads(output(kafka).string)[:3] == ["v", 4, "t"]
    assert json.loads(output(app.call("sql", {"rows": json_data('[{"Item":{"id":1}}]')})).json) == [{"id": 1}]
    joined = app.call("sql_in", {"m": pb.TypedData(bytes=b"b"), "rows": json_data('[{"id":5}]')})
    assert json.loads(output(joined).string) == ["b", 1, 5]
    app.call("warm", {"w": text("")})


def test_numbers_arrive_although_the_reference_refuses_them(app):
    answer = app.call("queue", {"m": text("x")}, {"DequeueCount": pb.TypedData(int=7), "Other": pb.TypedData(double=1)})
    assert json.loads(output(answer).string)[2] == 7


def test_unsupported_combination_names_both_sides(app):
    answer = app.invoke("timer", {"t": text("{}")})
    assert "unsupported combination of TypedData field 'string'" in answer.result.exception.message
    unknown = app.invoke("timer", {"nope": text("{}")})
    assert "function 'timer' has no input binding 'nope'; it has: t" in unknown.result.exception.message


def test_annotations_beyond_the_references(start_host):
    """`list[X]`, `Optional[X]`, `X | None` and Any are what people write today."""
    source = """
        import azure.functions as func, typing
        app = func.FunctionApp()
        C = dict(connection="C")

        @app.event_hub_message_trigger(arg_name="events", event_hub_name="h", cardinality="many", **C)
        @app.blob_input(arg_name="maybe", path="x/y", **C)
        @app.queue_output(arg_name="out", queue_name="o", **C)
        def f(events: list[func.EventHubEvent], maybe: typing.Optional[func.InputStream], out: func.Out[list[str]]):
            out.set([str(len(events)), repr(maybe)])

        @app.generic_trigger(arg_name="m", type="thing")
        def g(m: typing.Any) -> typing.Any:
            return m
    """
    app = start_host({"function_app.py": source}).start()
    data = pb.TypedData(collection_string=pb.CollectionString(string=["a", "b"]))
    answer = app.call("f", {"events": data, "maybe": pb.TypedData()},
                      {"SystemPropertiesArray": json_data("[{},{}]")})
    assert json.loads(output(answer).json) == ["2", "None"]
    assert app.call("g", {"m": text("x")}).return_value.string == "x"
