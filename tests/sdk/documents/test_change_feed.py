from datetime import datetime, timedelta, timezone

import pytest


def test_from_the_beginning_and_on(fresh):
    container = fresh()
    for n in range(7):
        container.create_item({"id": str(n), "pk": str(n % 2)})
    container.upsert_item({"id": "0", "pk": "0", "again": True})
    feed = container.query_items_change_feed(start_time="Beginning", max_item_count=3)
    assert [d["id"] for d in feed] == ["1", "2", "3", "4", "5", "6", "0"]
    token = container.client_connection.last_response_headers["etag"]
    container.create_item({"id": "later", "pk": "0"})
    assert [d["id"] for d in container.query_items_change_feed(continuation=token)] == ["later"]
    assert list(container.query_items_change_feed(start_time="Now")) == []


def test_of_a_partition_key_and_of_ranges(fresh):
    container = fresh()
    for n in range(6):
        container.create_item({"id": str(n), "pk": "odd" if n % 2 else "even"})
    odd = container.query_items_change_feed(start_time="Beginning", partition_key="odd")
    assert [d["id"] for d in odd] == ["1", "3", "5"]
    even = container.feed_range_from_partition_key("even")
    assert [d["id"] for d in container.query_items_change_feed(start_time="Beginning", feed_range=even)] == ["0", "2", "4"]
    total = [
        d["id"]
        for feed_range in container.read_feed_ranges()
        for d in container.query_items_change_feed(start_time="Beginning", feed_range=feed_range)
    ]
    assert len(total) == 6


@pytest.mark.needs("times")
def test_from_a_time(fresh):
    container = fresh()
    container.create_item({"id": "1", "pk": "a"})
    hour = timedelta(hours=1)
    now = datetime.now(timezone.utc)
    assert len(list(container.query_items_change_feed(start_time=now - hour))) == 1
    assert list(container.query_items_change_feed(start_time=now + hour)) == []
