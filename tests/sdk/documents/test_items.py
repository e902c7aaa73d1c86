import pytest
from azure.core import MatchConditions
from azure.cosmos import CosmosClient
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosBatchOperationError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from conftest import ENDPOINT


def test_databases_and_containers(client, database, fresh):
    assert database.id in [d["id"] for d in client.list_databases()]
    found = client.query_databases("SELECT * FROM d WHERE d.id = @id", parameters=[{"name": "@id", "value": database.id}])
    assert len(list(found)) == 1
    container = fresh("/customer", default_ttl=-1)
    properties = container.read()
    assert properties["partitionKey"]["paths"] == ["/customer"]
    assert properties["defaultTtl"] == -1
    assert container.id in [c["id"] for c in database.list_containers()]
    database.delete_container(container.id)
    with pytest.raises(CosmosResourceNotFoundError):
        database.get_container_client(container.id).read()


@pytest.mark.needs("offers")
def test_throughput(fresh):
    assert fresh().get_throughput().offer_throughput == 400


@pytest.mark.needs("keys")
def test_a_wrong_key_is_refused(database):
    stranger = "c29tZWJvZHkgZWxzZQ=="
    with pytest.raises(CosmosHttpResponseError) as caught:
        CosmosClient(ENDPOINT, stranger).get_database_client(database.id).read()
    assert caught.value.status_code == 401


def test_create_read_replace_delete(fresh):
    orders = fresh()
    made = orders.create_item({"id": "o1", "pk": "a", "total": 12.5, "text": "ÿ€😀"})
    assert orders.read_item("o1", "a") == made
    with pytest.raises(CosmosResourceExistsError):
        orders.create_item({"id": "o1", "pk": "a"})
    replaced = orders.replace_item("o1", {"id": "o1", "pk": "a", "total": 1})
    assert replaced["_rid"] == made["_rid"] and replaced["_etag"] != made["_etag"]
    assert orders.upsert_item({"id": "o1", "pk": "a", "total": 2})["total"] == 2
    orders.delete_item("o1", "a")
    with pytest.raises(CosmosResourceNotFoundError):
        orders.read_item("o1", "a")


def test_etags(fresh):
    orders = fresh()
    first = orders.create_item({"id": "e", "pk": "a", "n": 1})
    orders.replace_item("e", {**first, "n": 2}, etag=first["_etag"], match_condition=MatchConditions.IfNotModified)
    with pytest.raises(CosmosAccessConditionFailedError):
        orders.replace_item("e", {**first, "n": 3}, etag=first["_etag"], match_condition=MatchConditions.IfNotModified)
    with pytest.raises(CosmosAccessConditionFailedError):
        orders.delete_item("e", "a", etag=first["_etag"], match_condition=MatchConditions.IfNotModified)
    assert orders.read_item("e", "a")["n"] == 2


@pytest.mark.needs("patch")
def test_patch(fresh):
    orders = fresh()
    orders.create_item({"id": "p", "pk": "a", "n": 1, "list": [1]})
    operations = [
        {"op": "add", "path": "/list/-", "value": 2},
        {"op": "incr", "path": "/n", "value": 2},
        {"op": "set", "path": "/x", "value": None},
    ]
    patched = orders.patch_item("p", "a", operations)
    assert (patched["list"], patched["n"], patched["x"]) == ([1, 2], 3, None)
    with pytest.raises(CosmosAccessConditionFailedError):
        orders.patch_item("p", "a", operations, filter_predicate="from c where c.n = 99")


def test_batch(fresh):
    orders = fresh()
    results = orders.execute_item_batch(
        [
            ("create", ({"id": "1", "pk": "a"},)),
            ("upsert", ({"id": "2", "pk": "a"},)),
            ("read", ("2",)),
            ("delete", ("1",)),
        ],
        partition_key="a",
    )
    assert [r["statusCode"] for r in results] == [201, 201, 200, 204]
    with pytest.raises(CosmosBatchOperationError) as caught:
        orders.execute_item_batch([("create", ({"id": "3", "pk": "a"},)), ("create", ({"id": "2", "pk": "a"},))], "a")
    assert caught.value.error_index == 1
    assert [r["statusCode"] for r in caught.value.operation_responses] == [424, 409]
    assert [i["id"] for i in orders.read_all_items()] == ["2"]


def test_hierarchical_keys(fresh):
    tree = fresh(["/tenant", "/user"])
    for tenant, user in [("a", "1"), ("a", "2"), ("b", "1")]:
        tree.create_item({"id": tenant + user, "tenant": tenant, "user": user})
    assert tree.read_item("a2", ["a", "2"])["user"] == "2"
    # A prefix of the key is a range of the ring, computed by the client.
    found = tree.query_items("SELECT VALUE c.id FROM c", partition_key=["a"])
    assert sorted(found) == ["a1", "a2"]


def test_many_reads(fresh):
    orders = fresh()
    for n in range(10):
        orders.create_item({"id": str(n), "pk": str(n % 3)})
    wanted = [(str(n), str(n % 3)) for n in range(0, 10, 2)] + [("nobody", "0")]
    assert sorted(i["id"] for i in orders.read_items(wanted)) == ["0", "2", "4", "6", "8"]
