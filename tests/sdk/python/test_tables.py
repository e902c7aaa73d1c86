"""Tables with the public Python client."""

import uuid
from datetime import datetime, timezone

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import EdmType, EntityProperty, TableServiceClient, TableTransactionError, UpdateMode


@pytest.fixture
def table(connection, name):
    client = TableServiceClient.from_connection_string(connection).create_table(name)
    yield client
    client.delete_table()


def row(key, **more):
    return {"PartitionKey": "p", "RowKey": key, **more}


def test_types(table):
    when = datetime(2026, 11, 23, 21, 46, 12, 345000, tzinfo=timezone.utc)
    identity = uuid.uuid4()
    big = EntityProperty(2**53 + 1, EdmType.INT64)
    table.create_entity(row("it's", text="Grüße 👋", small=42, ratio=1.25, yes=True, when=when, id=identity, big=big, raw=b"\x00\xff"))
    found = table.get_entity("p", "it's")
    assert (found["text"], found["small"], found["ratio"], found["yes"]) == ("Grüße 👋", 42, 1.25, True)
    assert found["when"] == when
    assert found["id"] == identity
    assert found["big"].value == 2**53 + 1
    assert found["raw"] == b"\x00\xff"


def test_changes_and_etags(table):
    created = table.create_entity(row("r", a=1, b=2))
    with pytest.raises(ResourceExistsError) as error:
        table.create_entity(row("r"))
    assert error.value.status_code == 409
    table.update_entity(row("r", b=3), mode=UpdateMode.MERGE)
    assert dict(table.get_entity("p", "r"))["a"] == 1
    with pytest.raises(ResourceModifiedError):
        table.update_entity(row("r"), mode=UpdateMode.REPLACE, etag=created["etag"], match_condition=MatchConditions.IfNotModified)
    table.upsert_entity(row("r", c=4), mode=UpdateMode.REPLACE)
    assert "a" not in table.get_entity("p", "r")
    table.delete_entity("p", "r")
    with pytest.raises(ResourceNotFoundError):
        table.get_entity("p", "r")


def test_queries_and_pages(table):
    for number in range(7):
        table.create_entity(row(f"r{number}", number=number, even=number % 2 == 0))
    found = table.query_entities("number ge @least and even eq true", parameters={"least": 3}, select=["RowKey"])
    assert [entity["RowKey"] for entity in found] == ["r4", "r6"]
    pages = [len(list(page)) for page in table.list_entities(results_per_page=3).by_page()]
    assert pages == [3, 3, 1]
    with pytest.raises(HttpResponseError) as error:
        list(table.query_entities("number eq"))
    assert error.value.status_code == 400


def test_transactions(table):
    table.submit_transaction([("create", row("1", a=1)), ("upsert", row("2", a=2))])
    with pytest.raises(TableTransactionError) as error:
        table.submit_transaction([("update", row("1", a=9)), ("create", row("2"))])
    assert error.value.index == 1
    assert table.get_entity("p", "1")["a"] == 1
    table.submit_transaction([("delete", row("1")), ("delete", row("2"))])
    assert list(table.list_entities()) == []
