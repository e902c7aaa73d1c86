import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually, freshDatabase, needs } from "./support.mjs";

let database, remove, orders;
before(async () => {
  ({ database, remove } = await freshDatabase());
  ({ container: orders } = await database.containers.create({ id: "orders", partitionKey: "/customer" }));
});
after(() => remove());

test("create, read, replace, delete", async () => {
  const made = await orders.items.create({ id: "o1", customer: "ada", total: 12.5, tags: ["x", "ÿ€😀"] });
  assert.equal(made.statusCode, 201);
  for (const name of ["_rid", "_self", "_etag", "_attachments", "_ts"]) assert.ok(name in made.resource, name);
  assert.equal(made.etag, made.resource._etag);
  assert.ok(made.requestCharge > 0);
  const read = await orders.item("o1", "ada").read();
  assert.deepEqual(read.resource, made.resource);
  const replaced = await orders.item("o1", "ada").replace({ id: "o1", customer: "ada", total: 13 });
  assert.equal(replaced.resource.total, 13);
  assert.equal(replaced.resource._rid, made.resource._rid);
  assert.notEqual(replaced.resource._etag, made.resource._etag);
  assert.equal((await orders.item("o1", "ada").delete()).statusCode, 204);
  assert.equal((await orders.item("o1", "ada").read()).statusCode, 404);
  await assert.rejects(orders.item("o1", "ada").delete(), { code: 404 });
});

test("ids are unique within a partition only", async () => {
  await orders.items.create({ id: "same", customer: "ada" });
  await orders.items.create({ id: "same", customer: "bob" });
  await assert.rejects(orders.items.create({ id: "same", customer: "ada" }), { code: 409 });
  assert.equal((await orders.item("same", "ada").read()).resource.customer, "ada");
  assert.equal((await orders.item("same", "eve").read()).statusCode, 404);
});

test("upsert adds, then replaces", async () => {
  assert.equal((await orders.items.upsert({ id: "u", customer: "ada", n: 1 })).statusCode, 201);
  assert.equal((await orders.items.upsert({ id: "u", customer: "ada", n: 2 })).statusCode, 200);
  assert.equal((await orders.item("u", "ada").read()).resource.n, 2);
});

test("etags guard against lost updates", async () => {
  const { resource } = await orders.items.create({ id: "e", customer: "ada", n: 1 });
  const stale = { accessCondition: { type: "IfMatch", condition: resource._etag } };
  await orders.item("e", "ada").replace({ ...resource, n: 2 }, stale);
  await assert.rejects(orders.item("e", "ada").replace({ ...resource, n: 3 }, stale), { code: 412 });
  await assert.rejects(orders.items.upsert({ ...resource, n: 3 }, stale), { code: 412 });
  await assert.rejects(orders.item("e", "ada").delete(stale), { code: 412 });
  const { resource: now } = await orders.item("e", "ada").read();
  assert.equal(now.n, 2);
  const known = { accessCondition: { type: "IfNoneMatch", condition: now._etag } };
  const unchanged = await orders.item("e", "ada").read(known);
  assert.equal(unchanged.statusCode, 304);
});

test("partition keys of every type", async () => {
  const { container } = await database.containers.create({ id: "kinds", partitionKey: "/deep/k" });
  const keys = ["text", "ümlaut", "", 7, -1.5, true, false, null];
  for (const [i, k] of keys.entries()) {
    await container.items.create({ id: `k${i}`, deep: { k } });
    assert.deepEqual((await container.item(`k${i}`, k).read()).resource.deep.k, k);
  }
  await container.items.create({ id: "none" });
  assert.equal((await container.item("none", undefined).read()).resource.id, "none");
  const { resources } = await container.items.query("SELECT VALUE c.id FROM c", { partitionKey: 7 }).fetchAll();
  assert.deepEqual(resources, ["k3"]);
});

test("hierarchical partition keys", async () => {
  const { container } = await database.containers.create({
    id: "tree",
    partitionKey: { paths: ["/tenant", "/user"], kind: "MultiHash", version: 2 },
  });
  for (const [tenant, user] of [["a", "1"], ["a", "2"], ["b", "1"]]) {
    await container.items.create({ id: `${tenant}${user}`, tenant, user });
  }
  assert.equal((await container.item("a2", ["a", "2"]).read()).resource.user, "2");
  assert.equal((await container.item("a2", ["a", "1"]).read()).statusCode, 404);
});

test("bad documents are refused", needs("validation"), async () => {
  const raw = (item) => orders.items.create(item, { disableAutomaticIdGeneration: true });
  await assert.rejects(raw({ customer: "ada" }), { code: 400 });
  for (const id of ["a/b", "a?b", "a#b", "a\\b"]) {
    await assert.rejects(raw({ id, customer: "ada" }), (e) => e.code === 400 || /illegal/i.test(e.message));
  }
  await assert.rejects(raw({ id: "big", customer: "ada", blob: "x".repeat(2_200_000) }), { code: 413 });
  await raw({ id: "nearly", customer: "ada", blob: "x".repeat(1_900_000) });
  await orders.item("nearly", "ada").delete();
});

test("unique keys hold within a partition", async () => {
  const { container } = await database.containers.create({
    id: "unique",
    partitionKey: "/tenant",
    uniqueKeyPolicy: { uniqueKeys: [{ paths: ["/email"] }] },
  });
  await container.items.create({ id: "1", tenant: "a", email: "x@y" });
  await assert.rejects(container.items.create({ id: "2", tenant: "a", email: "x@y" }), { code: 409 });
  await container.items.create({ id: "2", tenant: "b", email: "x@y" });
  await container.item("1", "a").delete();
  await container.items.create({ id: "3", tenant: "a", email: "x@y" });
});

test("patch", needs("patch"), async () => {
  await orders.items.create({ id: "p", customer: "ada", n: 1, list: [1, 3], old: true, inner: { a: 1 } });
  const { resource } = await orders.item("p", "ada").patch([
    { op: "add", path: "/list/1", value: 2 },
    { op: "add", path: "/list/-", value: 4 },
    { op: "set", path: "/fresh", value: { x: null } },
    { op: "replace", path: "/inner/a", value: 2 },
    { op: "remove", path: "/old" },
    { op: "incr", path: "/n", value: 5 },
    { op: "incr", path: "/counter", value: 1 },
    { op: "move", from: "/inner/a", path: "/moved" },
  ]);
  const { list, fresh, inner, n, counter, moved } = resource;
  assert.deepEqual({ list, fresh, inner, n, counter, moved }, {
    list: [1, 2, 3, 4], fresh: { x: null }, inner: {}, n: 6, counter: 1, moved: 2,
  });
  assert.ok(!("old" in resource));
  await assert.rejects(orders.item("p", "ada").patch([{ op: "remove", path: "/nothing" }]), { code: 400 });
  await assert.rejects(
    orders.item("p", "ada").patch({ condition: "from c where c.n > 100", operations: [{ op: "incr", path: "/n", value: 1 }] }),
    { code: 412 },
  );
  const guarded = await orders.item("p", "ada").patch({
    condition: "from c where c.n = 6",
    operations: [{ op: "incr", path: "/n", value: 1 }],
  });
  assert.equal(guarded.resource.n, 7);
  await assert.rejects(orders.item("p", "ada").patch([{ op: "set", path: "/customer", value: "bob" }]), { code: 400 });
});

test("a batch is all or nothing", needs("patch"), async () => {
  const ok = await orders.items.batch(
    [
      { operationType: "Create", resourceBody: { id: "b1", customer: "batch" } },
      { operationType: "Upsert", resourceBody: { id: "b2", customer: "batch", n: 1 } },
      { operationType: "Patch", id: "b2", resourceBody: { operations: [{ op: "incr", path: "/n", value: 1 }] } },
      { operationType: "Read", id: "b2" },
      { operationType: "Replace", id: "b1", resourceBody: { id: "b1", customer: "batch", r: 1 } },
      { operationType: "Delete", id: "b1" },
    ],
    "batch",
  );
  assert.equal(ok.code, 200);
  assert.deepEqual(ok.result.map((r) => r.statusCode), [201, 201, 200, 200, 200, 204]);
  assert.equal(ok.result[3].resourceBody.n, 2);
  const failed = await orders.items.batch(
    [
      { operationType: "Create", resourceBody: { id: "b3", customer: "batch" } },
      { operationType: "Create", resourceBody: { id: "b2", customer: "batch" } },
      { operationType: "Create", resourceBody: { id: "b4", customer: "batch" } },
    ],
    "batch",
  );
  assert.equal(failed.code, 207);
  assert.deepEqual(failed.result.map((r) => r.statusCode), [424, 409, 424]);
  const { resources } = await orders.items.query("SELECT VALUE c.id FROM c", { partitionKey: "batch" }).fetchAll();
  assert.deepEqual(resources, ["b2"]);
});

test("bulk operations stand on their own", needs("bulk"), async () => {
  const results = await orders.items.executeBulkOperations([
    { operationType: "Create", resourceBody: { id: "k1", customer: "x" }, partitionKey: "x" },
    { operationType: "Create", resourceBody: { id: "k1", customer: "x" }, partitionKey: "x" },
    { operationType: "Upsert", resourceBody: { id: "k2", customer: "y" }, partitionKey: "y" },
    { operationType: "Delete", id: "nobody", partitionKey: "y" },
  ]);
  const codes = results.map((r) => r.response?.statusCode ?? r.error?.code).sort();
  assert.deepEqual(codes, [201, 201, 404, 409]);
});

test("documents expire", needs("ttl"), async () => {
  const { container } = await database.containers.create({ id: "brief", partitionKey: "/id", defaultTtl: 1000 });
  await container.items.create({ id: "short", ttl: 1 });
  await container.items.create({ id: "long" });
  await container.items.create({ id: "forever", ttl: -1 });
  await assert.rejects(container.items.create({ id: "bad", ttl: 0 }), { code: 400 });
  await eventually(async () => (await container.item("short", "short").read()).statusCode === 404, "expiry");
  const { resources } = await container.items.query("SELECT VALUE c.id FROM c ORDER BY c.id").fetchAll();
  assert.deepEqual(resources, ["forever", "long"]);
  assert.equal((await container.items.create({ id: "short" })).statusCode, 201);
});
