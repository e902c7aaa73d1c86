// Tables with the public Node client. Issue "Embedded store", point 3.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { AzureNamedKeyCredential, AzureSASCredential, TableClient, TableServiceClient, generateTableSas, odata } from "@azure/data-tables";
import { credentials, fresh, refused, tableEndpoint, unlessOn } from "./endpoint.js";

const credential = new AzureNamedKeyCredential(credentials.account, credentials.key);
const options = { allowInsecureConnection: true };
const service = new TableServiceClient(tableEndpoint, credential, options);
const made = [];

async function table() {
  const client = new TableClient(tableEndpoint, fresh("t"), credential, options);
  await client.createTable();
  made.push(client);
  return client;
}

const all = async (pages) => {
  const found = [];
  for await (const item of pages) found.push(item);
  return found;
};

after(() => Promise.all(made.map((client) => client.deleteTable().catch(() => {}))));

test("tables are created, listed and deleted", async () => {
  const client = await table();
  const named = await all(service.listTables({ queryOptions: { filter: odata`TableName eq ${client.tableName}` } }));
  assert.deepEqual(named.map((item) => item.name), [client.tableName]);
  await client.deleteTable();
  const gone = await all(service.listTables({ queryOptions: { filter: odata`TableName eq ${client.tableName}` } }));
  assert.equal(gone.length, 0);
  await refused(assert, () => client.createEntity({ partitionKey: "p", rowKey: "r" }), 404, "TableNotFound");
});

test("every type comes back as it went in", async () => {
  const client = await table();
  const entity = {
    partitionKey: "p",
    rowKey: "it's a key",
    text: "Grüße 'quoted' 👋",
    small: 42,
    ratio: 1.25,
    yes: true,
    when: new Date("2026-11-23T21:46:12.345Z"),
    big: { type: "Int64", value: "9007199254740993" },
    id: { type: "Guid", value: "6f0f4b1a-8f6e-4f0c-9d0b-2f3b0f4b1a8f" },
    bytes: new Uint8Array([0, 1, 254, 255]),
  };
  await client.createEntity(entity);
  const found = await client.getEntity("p", "it's a key", { disableTypeConversion: false });
  assert.equal(found.text, entity.text);
  assert.equal(found.small, 42);
  assert.equal(found.ratio, 1.25);
  assert.equal(found.yes, true);
  assert.equal(+found.when, +entity.when);
  assert.equal(found.big, 9007199254740993n);
  assert.equal(found.id.value, entity.id.value);
  assert.deepEqual([...found.bytes], [0, 1, 254, 255]);
  assert.ok(found.etag.startsWith("W/\"datetime'"));
  assert.ok(found.timestamp);
});

test("insert conflicts, merge keeps, replace drops", async () => {
  const client = await table();
  const key = { partitionKey: "p", rowKey: "r" };
  await client.createEntity({ ...key, a: 1, b: 2 });
  await refused(assert, () => client.createEntity(key), 409, "EntityAlreadyExists");
  await client.updateEntity({ ...key, b: 3 }, "Merge");
  let found = await client.getEntity("p", "r");
  assert.deepEqual([found.a, found.b], [1, 3]);
  await client.updateEntity({ ...key, c: 4 }, "Replace");
  found = await client.getEntity("p", "r");
  assert.deepEqual([found.a, found.b, found.c], [undefined, undefined, 4]);
  await client.upsertEntity({ ...key, d: 5 }, "Merge");
  await client.upsertEntity({ partitionKey: "p", rowKey: "new", d: 6 }, "Replace");
  assert.equal((await client.getEntity("p", "new")).d, 6);
  await refused(assert, () => client.updateEntity({ partitionKey: "p", rowKey: "none" }, "Merge"), 404, "ResourceNotFound");
  await refused(assert, () => client.deleteEntity("p", "none"), 404, "ResourceNotFound");
  await refused(assert, () => client.getEntity("p", "none"), 404, "ResourceNotFound");
});

test("ETags guard updates and deletes", async () => {
  const client = await table();
  const key = { partitionKey: "p", rowKey: "r" };
  const { etag } = await client.createEntity({ ...key, a: 1 });
  await client.updateEntity({ ...key, a: 2 }, "Replace", { etag });
  await refused(assert, () => client.updateEntity({ ...key, a: 3 }, "Replace", { etag }), 412, "UpdateConditionNotSatisfied");
  await refused(assert, () => client.deleteEntity("p", "r", { etag }), 412, "UpdateConditionNotSatisfied");
  const { etag: current } = await client.getEntity("p", "r");
  await client.deleteEntity("p", "r", { etag: current });
});

test("queries filter, select and page", async () => {
  const client = await table();
  for (const partitionKey of ["a", "b"]) {
    for (let number = 0; number < 7; number++) {
      await client.createEntity({ partitionKey, rowKey: `r${number}`, number, even: number % 2 === 0, name: `n${number}` });
    }
  }
  const query = async (filter, select) => (await all(client.listEntities({ queryOptions: { filter, select } })));
  const keys = async (filter) => (await query(filter)).map((found) => found.partitionKey + found.rowKey).join(" ");
  assert.equal(await keys("PartitionKey eq 'a' and number ge 5"), "ar5 ar6");
  assert.equal(await keys("even and (number lt 2 or number gt 5)"), "ar0 ar6 br0 br6");
  assert.equal(await keys("PartitionKey eq 'b' and RowKey ge 'r2' and RowKey lt 'r4'"), "br2 br3");
  assert.equal(await keys("not even and PartitionKey eq 'a'"), "ar1 ar3 ar5");
  const [selected] = await query("PartitionKey eq 'a' and RowKey eq 'r3'", ["name"]);
  assert.equal(selected.name, "n3");
  assert.equal(selected.number, undefined);
  const pages = [];
  for await (const page of client.listEntities().byPage({ maxPageSize: 5 })) pages.push(page.length);
  assert.deepEqual(pages, [5, 5, 4]);
  await refused(assert, () => query("number eq"), 400, "InvalidInput");
});

test("a transaction happens as a whole or not at all", async () => {
  const client = await table();
  const row = (rowKey, more) => ({ partitionKey: "p", rowKey, ...more });
  const result = await client.submitTransaction([
    ["create", row("1", { a: 1 })],
    ["upsert", row("2", { a: 2 }), "Merge"],
    ["create", row("3", { a: 3 })],
  ]);
  assert.equal(result.status, 202);
  assert.deepEqual(result.subResponses.map((reply) => reply.status), [204, 204, 204]);
  assert.ok(result.getResponseForEntity("1").etag);
  await assert.rejects(
    () => client.submitTransaction([["update", row("1", { a: 10 }), "Replace"], ["create", row("2")], ["delete", row("3")]]),
    (error) => error.statusCode === 409 && error.code === "EntityAlreadyExists" && /^1:/.test(error.message ?? error.details?.odataError?.message?.value),
  );
  assert.equal((await client.getEntity("p", "1")).a, 1);
  assert.equal((await client.getEntity("p", "3")).a, 3);
  await client.submitTransaction([["delete", row("1")], ["update", row("2", { b: 1 }), "Merge"], ["delete", row("3")]]);
  const left = await all(client.listEntities());
  assert.deepEqual(left.map((entity) => [entity.rowKey, entity.a, entity.b]), [["2", 2, 1]]);
});

unlessOn("azurite", "has other codes", "keys and sizes are checked", async () => {
  const client = await table();
  await refused(assert, () => client.createEntity({ partitionKey: "a/b", rowKey: "r" }), 400, "OutOfRangeInput");
  await refused(assert, () => client.createEntity({ partitionKey: "p", rowKey: "r", long: "x".repeat(33 * 1024) }), 400, "PropertyValueTooLarge");
});

test("a table SAS allows what it says and no more", async () => {
  const client = await table();
  await client.createEntity({ partitionKey: "p", rowKey: "r", a: 1 });
  const sas = generateTableSas(client.tableName, credential, {
    permissions: { query: true },
    expiresOn: new Date(Date.now() + 60_000),
  });
  const limited = new TableClient(tableEndpoint, client.tableName, new AzureSASCredential(sas), options);
  assert.equal((await limited.getEntity("p", "r")).a, 1);
  await refused(assert, () => limited.createEntity({ partitionKey: "p", rowKey: "2" }), 403, "AuthorizationPermissionMismatch");
});

test("service properties are kept", async () => {
  const properties = await service.getProperties();
  assert.ok(properties.logging);
});
