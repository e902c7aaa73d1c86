"""Queues with the public Python client."""

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueServiceClient


@pytest.fixture
def queue(connection, name):
    client = QueueClient.from_connection_string(connection, name)
    client.create_queue()
    yield client
    client.delete_queue()


def test_put_get_delete(queue):
    texts = ["plain", "  spaces  ", "<a b=\"c\">&amp;</a>", "Grüße 👋", "two\nlines"]
    for text in texts:
        queue.send_message(text)
    messages = list(queue.receive_messages(messages_per_page=32))
    assert [message.content for message in messages] == texts
    assert all(message.dequeue_count == 1 for message in messages)
    for message in messages:
        queue.delete_message(message)
    assert queue.get_queue_properties().approximate_message_count == 0


def test_peek_update_and_clear(queue):
    queue.send_message("one")
    assert queue.peek_messages(5)[0].content == "one"
    message = next(iter(queue.receive_messages()))
    updated = queue.update_message(message, content="two", visibility_timeout=0)
    assert updated.pop_receipt != message.pop_receipt
    with pytest.raises(HttpResponseError) as stale:
        queue.delete_message(message.id, message.pop_receipt)
    assert stale.value.error_code == "PopReceiptMismatch"
    assert next(iter(queue.receive_messages())).content == "two"
    queue.clear_messages()
    assert queue.peek_messages() == []


def test_errors(connection, queue):
    missing = QueueClient.from_connection_string(connection, "missing-" + queue.queue_name)
    with pytest.raises(ResourceNotFoundError) as error:
        missing.send_message("x")
    assert error.value.error_code == "QueueNotFound"
    with pytest.raises(ResourceExistsError) as error:
        queue.create_queue(metadata={"other": "1"})
    assert error.value.error_code == "QueueAlreadyExists"
    with pytest.raises(HttpResponseError) as error:
        queue.send_message("x" * (64 * 1024 + 1))
    assert error.value.error_code == "RequestBodyTooLarge"


def test_listing_and_metadata(connection, queue):
    queue.set_queue_metadata({"colour": "blue"})
    service = QueueServiceClient.from_connection_string(connection)
    found = list(service.list_queues(name_starts_with=queue.queue_name, include_metadata=True))
    assert [(item.name, item.metadata) for item in found] == [(queue.queue_name, {"colour": "blue"})]
