import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { freshDatabase, needs } from "./support.mjs";

let database, remove, people;
before(async () => {
  ({ database, remove } = await freshDatabase());
  ({ container: people } = await database.containers.create({ id: "people", partitionKey: "/city" }));
  const cities = ["Oslo", "Rome", "Bonn"];
  for (let n = 0; n < 25; n++) {
    await people.items.create({
      id: `p${String(n).padStart(2, "0")}`,
      city: cities[n % 3],
      age: 20 + ((n * 7) % 25),
      pets: n % 5 === 0 ? [{ kind: "cat" }, { kind: "dog" }] : [],
      ...(n % 4 === 0 ? { nick: `N${n}` } : {}),
    });
  }
});
after(() => remove());

const all = async (query, options) => (await people.items.query(query, options).fetchAll()).resources;

test("filters and parameters", async () => {
  const spec = {
    query: "SELECT c.id FROM c WHERE c.city = @city AND c.age BETWEEN @low AND 30 AND NOT IS_DEFINED(c.nick)",
    parameters: [{ name: "@city", value: "Rome" }, { name: "@low", value: 20 }],
  };
  const found = await all(spec);
  assert.ok(found.length > 0);
  const expected = Array.from({ length: 25 }, (_, n) => n).filter(
    (n) => n % 3 === 1 && 20 + ((n * 7) % 25) <= 30 && n % 4 !== 0,
  );
  assert.deepEqual(found.map((r) => r.id).sort(), expected.map((n) => `p${String(n).padStart(2, "0")}`));
  assert.equal((await all("SELECT * FROM c WHERE c.id IN ('p01', 'p02', 'nobody')")).length, 2);
  assert.equal((await all("SELECT * FROM c WHERE CONTAINS(c.city, 'o', true)")).length, 25);
  assert.equal((await all("SELECT * FROM c WHERE c.city LIKE 'B%'")).length, 8);
});

test("order, across partitions and over pages", async () => {
  const ages = await all("SELECT VALUE c.age FROM c ORDER BY c.age DESC", { maxItemCount: 4 });
  assert.equal(ages.length, 25);
  assert.deepEqual(ages, [...ages].sort((a, b) => b - a));
  const ids = await all("SELECT VALUE c.id FROM c ORDER BY c.city ASC, c.age DESC");
  assert.equal(new Set(ids).size, 25);
});

test("offset, limit, top", async () => {
  const ids = await all("SELECT VALUE c.id FROM c ORDER BY c.id OFFSET 20 LIMIT 10");
  assert.deepEqual(ids, ["p20", "p21", "p22", "p23", "p24"]);
  assert.deepEqual(await all("SELECT TOP 3 VALUE c.id FROM c ORDER BY c.id"), ["p00", "p01", "p02"]);
  assert.equal((await all("SELECT TOP 7 * FROM c", { maxItemCount: 2 })).length, 7);
});

test("aggregates", async () => {
  assert.deepEqual(await all("SELECT VALUE COUNT(1) FROM c"), [25]);
  const ages = Array.from({ length: 25 }, (_, n) => 20 + ((n * 7) % 25));
  const sum = ages.reduce((a, b) => a + b);
  assert.deepEqual(await all("SELECT VALUE SUM(c.age) FROM c"), [sum]);
  assert.deepEqual(await all("SELECT VALUE AVG(c.age) FROM c"), [sum / 25]);
  assert.deepEqual(await all("SELECT VALUE MIN(c.age) FROM c"), [20]);
  assert.deepEqual(await all("SELECT VALUE MAX(c.age) FROM c"), [44]);
  assert.deepEqual(await all("SELECT VALUE COUNT(c.nick) FROM c"), [7]);
});

test("groups and distinct", async () => {
  const groups = await all("SELECT c.city, COUNT(1) AS n FROM c GROUP BY c.city");
  assert.deepEqual(Object.fromEntries(groups.map((g) => [g.city, g.n])), { Oslo: 9, Rome: 8, Bonn: 8 });
  assert.deepEqual((await all("SELECT DISTINCT VALUE c.city FROM c")).sort(), ["Bonn", "Oslo", "Rome"]);
  assert.deepEqual(await all("SELECT DISTINCT VALUE c.city FROM c ORDER BY c.city"), ["Bonn", "Oslo", "Rome"]);
});

test("joins and projections", async () => {
  const rows = await all("SELECT c.id, pet.kind AS pet FROM c JOIN pet IN c.pets WHERE pet.kind = 'dog'");
  assert.equal(rows.length, 5);
  assert.deepEqual(Object.keys(rows[0]), ["id", "pet"]);
  const shaped = await all('SELECT VALUE {"who": c.id, "old": c.age >= 30} FROM c WHERE c.id = \'p00\'');
  assert.deepEqual(shaped, [{ who: "p00", old: false }]);
});

test("queries in queries", needs("subqueries"), async () => {
  assert.equal((await all("SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE p FROM p IN c.pets)")).length, 5);
  const kinds = await all("SELECT c.id, ARRAY(SELECT VALUE p.kind FROM p IN c.pets) AS kinds FROM c WHERE c.id = 'p00'");
  assert.deepEqual(kinds, [{ id: "p00", kinds: ["cat", "dog"] }]);
});

test("pages and continuation tokens", async () => {
  const seen = [];
  let continuationToken;
  let pages = 0;
  do {
    const options = { partitionKey: "Oslo", maxItemCount: 4, continuationToken };
    const page = await people.items.query("SELECT * FROM c", options).fetchNext();
    assert.ok(page.resources.length <= 4);
    seen.push(...page.resources.map((r) => r.id));
    continuationToken = page.continuationToken;
    pages++;
  } while (continuationToken);
  assert.equal(pages, 3);
  assert.equal(new Set(seen).size, 9);
  const iterated = [];
  for await (const page of people.items.readAll({ maxItemCount: 10 }).getAsyncIterator()) iterated.push(...page.resources);
  assert.equal(iterated.length, 25);
});

test("a cross-partition query in order resumes from a token", async () => {
  const seen = [];
  let continuationToken;
  do {
    const options = { enableQueryControl: true, maxItemCount: 7, continuationToken };
    const page = await people.items.query("SELECT VALUE c.id FROM c ORDER BY c.id", options).fetchNext();
    seen.push(...(page.resources ?? []));
    continuationToken = page.continuationToken;
  } while (continuationToken);
  assert.deepEqual(seen, Array.from({ length: 25 }, (_, n) => `p${String(n).padStart(2, "0")}`));
});

test("what the grammar lacks is named", async () => {
  await assert.rejects(all("SELECT * FROM c WHERE"), { code: 400 });
  await assert.rejects(all("SELECT ST_DISTANCE(c.a, c.b) FROM c"), (e) => e.code === 400 && /ST_DISTANCE/.test(e.message));
  await assert.rejects(all("SELECT udf.f(c) FROM c"), { code: 400 });
});
