import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ChangeFeedStartFrom } from "@azure/cosmos";
import { freshDatabase, needs } from "./support.mjs";

let database, remove;
before(async () => ({ database, remove } = await freshDatabase()));
after(() => remove());

const drain = async (iterator) => {
  const seen = [];
  for (;;) {
    const page = await iterator.readNext();
    if (page.statusCode === 304) return { seen, token: page.continuationToken };
    seen.push(...page.result);
  }
};

test("from the beginning, in order, each document once at its latest", async () => {
  const { container } = await database.containers.create({ id: "all", partitionKey: "/pk" });
  for (let n = 0; n < 12; n++) await container.items.create({ id: `${n}`, pk: `${n % 3}`, v: 1 });
  await container.items.upsert({ id: "0", pk: "0", v: 2 });
  await container.item("1", "1").delete();
  const start = ChangeFeedStartFrom.Beginning();
  const { seen, token } = await drain(
    container.items.getChangeFeedIterator({ changeFeedStartFrom: start, maxItemCount: 5 }),
  );
  // The service promises an order within a partition key, not across.
  const of = (pk) => seen.filter((d) => d.pk === pk).map((d) => d.id);
  assert.deepEqual([of("0"), of("1"), of("2")], [["3", "6", "9", "0"], ["4", "7", "10"], ["2", "5", "8", "11"]]);
  assert.equal(seen.length, 11);
  assert.equal(seen.find((d) => d.id === "0").v, 2);
  await container.items.create({ id: "later", pk: "9" });
  const rest = await drain(
    container.items.getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Continuation(token) }),
  );
  assert.deepEqual(rest.seen.map((d) => d.id), ["later"]);
});

test("from now on", async () => {
  const { container } = await database.containers.create({ id: "now", partitionKey: "/pk" });
  await container.items.create({ id: "before", pk: "a" });
  const iterator = container.items.getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Now() });
  assert.equal((await iterator.readNext()).statusCode, 304);
  await container.items.create({ id: "after", pk: "a" });
  assert.deepEqual((await iterator.readNext()).result.map((d) => d.id), ["after"]);
});

test("of one partition key, and of feed ranges", async () => {
  const { container } = await database.containers.create({ id: "parts", partitionKey: "/pk" });
  for (let n = 0; n < 6; n++) await container.items.create({ id: `${n}`, pk: n % 2 ? "odd" : "even" });
  const odd = await drain(
    container.items.getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Beginning("odd") }),
  );
  assert.deepEqual(odd.seen.map((d) => d.id), ["1", "3", "5"]);
  const ranges = await container.getFeedRanges();
  const total = [];
  for (const range of ranges) {
    const start = ChangeFeedStartFrom.Beginning(range);
    total.push(...(await drain(container.items.getChangeFeedIterator({ changeFeedStartFrom: start }))).seen);
  }
  assert.equal(total.length, 6);
});

test("a transactional batch is not torn apart", needs("whole-transactions"), async () => {
  const { container } = await database.containers.create({ id: "whole", partitionKey: "/pk" });
  const operations = Array.from({ length: 8 }, (_, n) => ({
    operationType: "Create",
    resourceBody: { id: `${n}`, pk: "a" },
  }));
  await container.items.batch(operations, "a");
  const start = ChangeFeedStartFrom.Beginning();
  const page = await container.items.getChangeFeedIterator({ changeFeedStartFrom: start, maxItemCount: 3 }).readNext();
  assert.equal(page.result.length, 8);
});
