"""Where the suite finds the services: the same cases run against the embedded store, an emulator or the cloud."""

import os
import uuid

import pytest

ACCOUNT = os.environ.get("STORAGE_ACCOUNT", "devstoreaccount1")
KEY = os.environ.get(
    "STORAGE_KEY",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
)


def endpoint(variable, port):
    return os.environ.get(variable, f"http://127.0.0.1:{port}/{ACCOUNT}")


@pytest.fixture(scope="session")
def connection():
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        f"BlobEndpoint={endpoint('BLOB_ENDPOINT', 10000)};"
        f"QueueEndpoint={endpoint('QUEUE_ENDPOINT', 10001)};"
        f"TableEndpoint={endpoint('TABLE_ENDPOINT', 10002)};"
    )


@pytest.fixture
def name():
    """A name no other test uses."""
    return f"t{uuid.uuid4().hex[:20]}"
