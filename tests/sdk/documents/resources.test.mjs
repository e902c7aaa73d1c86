import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CosmosClient } from "@azure/cosmos";
import { client, endpoint, freshDatabase, needs } from "./support.mjs";

let database, remove;
before(async () => ({ database, remove } = await freshDatabase()));
after(() => remove());

test("the account names an endpoint that answers", async () => {
  const { resource } = await client().getDatabaseAccount();
  assert.equal(resource.consistencyPolicy, "Session");
  // The client keeps to the endpoint it was given where an account calls itself localhost, as the emulator does.
  const [location] = resource.readableLocations;
  assert.ok(location || new URL(endpoint).hostname === "localhost");
  const own = new CosmosClient({
    endpoint: location?.databaseAccountEndpoint ?? endpoint,
    key: process.env.COSMOS_KEY ?? client().clientContext.cosmosClientOptions.key,
  });
  assert.equal((await own.database(database.id).read()).statusCode, 200);
});

test("databases are listed, queried, read and not made twice", async () => {
  const all = (await client().databases.readAll().fetchAll()).resources.map((d) => d.id);
  assert.ok(all.includes(database.id));
  const spec = { query: "SELECT * FROM d WHERE d.id = @id", parameters: [{ name: "@id", value: database.id }] };
  assert.equal((await client().databases.query(spec).fetchAll()).resources.length, 1);
  await assert.rejects(client().databases.create({ id: database.id }), { code: 409 });
  assert.equal((await client().databases.createIfNotExists({ id: database.id })).statusCode, 200);
  await assert.rejects(client().database("no-such-database").read(), { code: 404 });
});

test("containers keep their definition", async () => {
  const { container, resource } = await database.containers.create({
    id: "defined",
    partitionKey: { paths: ["/customer"], version: 2 },
    defaultTtl: -1,
    indexingPolicy: { includedPaths: [{ path: "/*" }], excludedPaths: [{ path: "/note/?" }] },
    uniqueKeyPolicy: { uniqueKeys: [{ paths: ["/email"] }] },
  });
  assert.equal(resource.defaultTtl, -1);
  assert.deepEqual(resource.partitionKey.paths, ["/customer"]);
  assert.ok(resource.indexingPolicy.excludedPaths.some((p) => p.path === "/note/?"));
  await assert.rejects(database.containers.create({ id: "defined", partitionKey: "/customer" }), { code: 409 });
  const replaced = await container.replace({ ...resource, defaultTtl: 60 });
  assert.equal(replaced.resource.defaultTtl, 60);
  const listed = (await database.containers.readAll().fetchAll()).resources.map((c) => c.id);
  assert.deepEqual(listed, ["defined"]);
  await assert.rejects(
    container.replace({ ...resource, partitionKey: { paths: ["/other"], version: 2 } }),
    { code: 400 },
  );
  await container.delete();
  await assert.rejects(container.read(), { code: 404 });
});

test("a deleted and recreated container is empty", async () => {
  for (let round = 0; round < 2; round++) {
    const { container } = await database.containers.create({ id: "phoenix", partitionKey: "/id" });
    assert.equal((await container.items.readAll().fetchAll()).resources.length, 0);
    await container.items.create({ id: "1" });
    await container.delete();
  }
});

test("throughput is kept", needs("offers"), async () => {
  const { container } = await database.containers.create({ id: "fast", partitionKey: "/id", throughput: 500 });
  const { resource, offer } = await container.readOffer();
  assert.equal(resource.content.offerThroughput, 500);
  resource.content.offerThroughput = 600;
  assert.equal((await offer.replace(resource)).resource.content.offerThroughput, 600);
});

test("a wrong key is refused", needs("keys"), async () => {
  const stranger = new CosmosClient({ endpoint, key: Buffer.from("somebody else").toString("base64") });
  await assert.rejects(stranger.database(database.id).read(), { code: 401 });
});
