"""The service under test comes from the environment; every run makes a database of its own."""

import os
import uuid

import pytest
from azure.cosmos import CosmosClient

ENDPOINT = os.environ.get("COSMOS_ENDPOINT", "http://127.0.0.1:8081/")
KEY = os.environ.get(
    "COSMOS_KEY",
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==",
)
LACKING = set(filter(None, os.environ.get("COSMOS_LACKS", "").split(",")))


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(part): skipped, and said so, where COSMOS_LACKS names the part")


def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        if mark.args[0] in LACKING:
            pytest.skip(f"the service under test lacks {mark.args[0]}")


@pytest.fixture(scope="session")
def client():
    return CosmosClient(ENDPOINT, KEY)


@pytest.fixture(scope="session")
def database(client):
    database = client.create_database(f"suite-{uuid.uuid4()}")
    yield database
    client.delete_database(database.id)


@pytest.fixture
def fresh(database):
    """Makes containers with names of their own."""
    from azure.cosmos import PartitionKey

    def make(path="/pk", **options):
        return database.create_container(f"c-{uuid.uuid4()}", PartitionKey(path), **options)

    return make
