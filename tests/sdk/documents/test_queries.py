import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError


@pytest.fixture(scope="module")
def people(database):
    from azure.cosmos import PartitionKey

    people = database.create_container("python-people", PartitionKey("/city"))
    for n in range(25):
        people.create_item({
            "id": f"p{n:02}", "city": ["Oslo", "Rome", "Bonn"][n % 3], "age": 20 + (n * 7) % 25,
            "pets": [{"kind": "cat"}, {"kind": "dog"}] if n % 5 == 0 else [],
        })
    return people


def everywhere(people, query, **options):
    return list(people.query_items(query, enable_cross_partition_query=True, **options))


def test_within_a_partition(people):
    found = people.query_items("SELECT VALUE c.id FROM c WHERE c.age > @age ORDER BY c.age",
                               parameters=[{"name": "@age", "value": 40}], partition_key="Oslo")
    expected = sorted((20 + (n * 7) % 25, f"p{n:02}") for n in range(0, 25, 3) if 20 + (n * 7) % 25 > 40)
    assert list(found) == [name for _, name in expected]


def test_order_and_pages(people):
    ages = everywhere(people, "SELECT VALUE c.age FROM c ORDER BY c.age DESC", max_item_count=4)
    assert ages == sorted(ages, reverse=True) and len(ages) == 25
    assert everywhere(people, "SELECT VALUE c.id FROM c ORDER BY c.id OFFSET 20 LIMIT 10") == [f"p{n}" for n in range(20, 25)]
    assert everywhere(people, "SELECT TOP 2 VALUE c.id FROM c ORDER BY c.id") == ["p00", "p01"]


def test_aggregates_and_groups(people):
    ages = [20 + (n * 7) % 25 for n in range(25)]
    assert everywhere(people, "SELECT VALUE COUNT(1) FROM c") == [25]
    assert everywhere(people, "SELECT VALUE SUM(c.age) FROM c") == [sum(ages)]
    assert everywhere(people, "SELECT VALUE AVG(c.age) FROM c") == [sum(ages) / 25]
    groups = everywhere(people, "SELECT c.city, COUNT(1) AS n FROM c GROUP BY c.city")
    assert {g["city"]: g["n"] for g in groups} == {"Oslo": 9, "Rome": 8, "Bonn": 8}
    assert sorted(everywhere(people, "SELECT DISTINCT VALUE c.city FROM c")) == ["Bonn", "Oslo", "Rome"]


def test_joins(people):
    rows = everywhere(people, "SELECT c.id, p.kind FROM c JOIN p IN c.pets WHERE p.kind = 'dog'")
    assert len(rows) == 5 and set(rows[0]) == {"id", "kind"}


def test_continuation(people):
    pages = people.query_items("SELECT * FROM c", partition_key="Oslo", max_item_count=4).by_page()
    first = list(next(pages))
    token = pages.continuation_token
    rest = [i for page in people.query_items("SELECT * FROM c", partition_key="Oslo", max_item_count=4).by_page(token) for i in page]
    assert len(first) == 4 and len({i["id"] for i in first + rest}) == 9


def test_errors(people):
    with pytest.raises(CosmosHttpResponseError) as caught:
        everywhere(people, "SELECT ST_WITHIN(c.a, c.b) FROM c")
    assert caught.value.status_code == 400 and "ST_WITHIN" in caught.value.message


@pytest.mark.needs("validation")
def test_a_query_across_partitions_says_so(people):
    with pytest.raises(CosmosHttpResponseError) as caught:
        list(people.query_items("SELECT * FROM c WHERE c.age = 21"))
    assert caught.value.status_code == 400 and "Cross partition" in caught.value.message


def test_feed_ranges(people):
    total = []
    for feed_range in people.read_feed_ranges():
        total += people.query_items("SELECT VALUE c.id FROM c", feed_range=feed_range)
    assert len(total) == 25
    one = people.feed_range_from_partition_key("Rome")
    assert len(list(people.query_items("SELECT VALUE c.id FROM c", feed_range=one))) == 8
