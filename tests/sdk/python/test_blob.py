"""Blobs with the public Python client."""

import io

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContentSettings


@pytest.fixture
def container(connection, name):
    service = BlobServiceClient.from_connection_string(
        connection, max_single_put_size=1 << 20, max_block_size=1 << 20, max_single_get_size=1 << 20
    )
    client = service.create_container(name)
    yield client
    client.delete_container()


def test_bytes_headers_and_metadata(container):
    blob = container.get_blob_client("dir/Grüße.txt")
    settings = ContentSettings(content_type="text/plain", cache_control="no-cache")
    blob.upload_blob(b"hello world", metadata={"a": "1"}, content_settings=settings)
    assert blob.download_blob().readall() == b"hello world"
    assert blob.download_blob(offset=2, length=3).readall() == b"llo"
    properties = blob.get_blob_properties()
    assert (properties.size, properties.metadata) == (11, {"a": "1"})
    assert properties.content_settings.content_type == "text/plain"
    with pytest.raises(ResourceExistsError) as error:
        blob.upload_blob(b"again")
    assert error.value.error_code == "BlobAlreadyExists"


def test_a_large_body_in_blocks(container):
    content = bytes(range(256)) * 20_000
    blob = container.get_blob_client("large")
    blob.upload_blob(io.BytesIO(content), length=len(content), overwrite=True, validate_content=True)
    assert blob.download_blob(max_concurrency=2).readall() == content


def test_append(container):
    blob = container.get_blob_client("log")
    blob.create_append_blob()
    assert blob.append_block(b"one,")["blob_append_offset"] == "0"
    assert blob.append_block(b"two,")["blob_append_offset"] == "4"
    assert blob.download_blob().readall() == b"one,two,"


def test_conditions_and_leases(container):
    blob = container.get_blob_client("guarded")
    etag = blob.upload_blob(b"1")["etag"]
    blob.upload_blob(b"2", overwrite=True)
    with pytest.raises(ResourceModifiedError):
        blob.set_blob_metadata({}, etag=etag, match_condition=MatchConditions.IfNotModified)
    lease = blob.acquire_lease(15)
    with pytest.raises(HttpResponseError) as error:
        blob.delete_blob()
    assert error.value.error_code == "LeaseIdMissing"
    lease.renew()
    lease.change("22222222-2222-2222-2222-222222222222")
    blob.set_blob_metadata({"k": "v"}, lease=lease)
    lease.release()
    blob.delete_blob()
    with pytest.raises(ResourceNotFoundError) as error:
        blob.get_blob_properties()
    assert error.value.error_code == "BlobNotFound"


def test_listing_snapshots_and_copies(container):
    for name in ["a/1", "a/2", "b"]:
        container.upload_blob(name, name.encode())
    assert [blob.name for blob in container.list_blobs(name_starts_with="a/")] == ["a/1", "a/2"]
    assert [item.name for item in container.walk_blobs()] == ["a/", "b"]
    source = container.get_blob_client("b")
    snapshot = source.create_snapshot()
    source.upload_blob(b"new", overwrite=True)
    assert container.get_blob_client("b", snapshot=snapshot["snapshot"]).download_blob().readall() == b"b"
    target = container.get_blob_client("copy")
    target.start_copy_from_url(source.url)
    assert target.download_blob().readall() == b"new"
    source.delete_blob(delete_snapshots="include")
