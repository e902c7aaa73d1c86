// Blobs with the public Node client. Issue "Embedded store", point 2.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  AnonymousCredential,
  BlobSASPermissions,
  BlobServiceClient,
  ContainerSASPermissions,
  StorageSharedKeyCredential,
  generateBlobSASQueryParameters,
} from "@azure/storage-blob";
import { blobEndpoint, credentials, fresh, refused, unlessOn } from "./endpoint.js";

const credential = new StorageSharedKeyCredential(credentials.account, credentials.key);
const service = new BlobServiceClient(blobEndpoint, credential);
const made = [];

async function container(options) {
  const client = service.getContainerClient(fresh("c"));
  await client.create(options);
  made.push(client);
  return client;
}
const text = async (client, ...range) => (await client.downloadToBuffer(...range)).toString();
const id = (number) => Buffer.from(`block-${String(number).padStart(4, "0")}`).toString("base64");

after(() => Promise.all(made.map((client) => client.deleteIfExists().catch(() => {}))));

test("containers: create, properties, metadata, delete", async () => {
  const client = await container({ metadata: { a: "1" } });
  await refused(assert, () => client.create(), 409, "ContainerAlreadyExists");
  const properties = await client.getProperties();
  assert.deepEqual(properties.metadata, { a: "1" });
  assert.equal(properties.leaseState, "available");
  await client.setMetadata({ b: "2" });
  assert.deepEqual((await client.getProperties()).metadata, { b: "2" });
  await client.delete();
  await refused(assert, () => client.getProperties(), 404, "ContainerNotFound");
  await refused(assert, () => client.getBlockBlobClient("x").upload("x", 1), 404, "ContainerNotFound");
});

test("a block blob keeps bytes, headers and metadata", async () => {
  const client = (await container()).getBlockBlobClient("dir/Grüße & co.txt");
  const uploaded = await client.upload("hello world", 11, {
    blobHTTPHeaders: { blobContentType: "text/plain", blobCacheControl: "no-cache", blobContentLanguage: "de" },
    metadata: { colour: "blue" },
  });
  assert.equal(await text(client), "hello world");
  const properties = await client.getProperties();
  assert.equal(properties.contentType, "text/plain");
  assert.equal(properties.cacheControl, "no-cache");
  assert.equal(properties.contentLanguage, "de");
  assert.equal(properties.contentLength, 11);
  assert.equal(properties.blobType, "BlockBlob");
  assert.equal(properties.etag, uploaded.etag);
  assert.deepEqual(properties.metadata, { colour: "blue" });
  assert.equal(Buffer.from(properties.contentMD5).toString("base64"), "XrY7u+Ae7tCTyyK7j1rNww==");
  await refused(assert, () => service.getContainerClient(client.containerName).getBlobClient("none").download(), 404, "BlobNotFound");
});

test("ranges", async () => {
  const client = (await container()).getBlockBlobClient("range");
  await client.upload("0123456789", 10);
  assert.equal(await text(client, 2, 3), "234");
  assert.equal(await text(client, 7), "789");
  const part = await client.download(8, 100);
  assert.equal(part.contentRange, "bytes 8-9/10");
});

unlessOn("azurite", "answers 206 at the end of the blob", "a range behind the end is refused", async () => {
  const client = (await container()).getBlockBlobClient("range");
  await client.upload("0123456789", 10);
  await refused(assert, () => client.download(10, 1), 416, "InvalidRange");
});

test("blocks are staged, committed, reused and listed", async () => {
  const client = (await container()).getBlockBlobClient("blocks");
  const piece = (letter) => letter.repeat(100_000);
  await client.stageBlock(id(1), piece("a"), 100_000);
  await client.stageBlock(id(2), piece("b"), 100_000);
  await refused(assert, () => client.download(), 404, "BlobNotFound");
  let list = await client.getBlockList("all");
  assert.equal(list.uncommittedBlocks.length, 2);
  await client.commitBlockList([id(2), id(1)]);
  assert.equal(await text(client), piece("b") + piece("a"));
  await client.stageBlock(id(3), "tail", 4);
  await client.commitBlockList([id(1), id(3)]);
  assert.equal(await text(client), piece("a") + "tail");
  assert.equal(await text(client, 99_998, 4), "aata");
  list = await client.getBlockList("all");
  assert.deepEqual(list.committedBlocks.map((block) => [block.name, block.size]), [[id(1), 100_000], [id(3), 4]]);
  assert.equal(list.uncommittedBlocks?.length ?? 0, 0);
  await refused(assert, () => client.commitBlockList([id(9)]), 400, "InvalidBlockList");
});

test("a large body goes in and out in streams", async () => {
  const client = (await container()).getBlockBlobClient("large");
  const content = Buffer.alloc(9 * 1024 * 1024);
  for (let at = 0; at < content.length; at += 4) content.writeUInt32LE((at * 2654435761) % 2 ** 32, at);
  await client.uploadData(content, { blockSize: 1024 * 1024, maxSingleShotSize: 1024 * 1024 });
  assert.ok((await client.downloadToBuffer()).equals(content));
  await client.upload(content, content.length);
  assert.ok((await client.downloadToBuffer(5_000_001, 1_000_003)).equals(content.subarray(5_000_001, 6_000_004)));
});

test("append blobs grow at the end, under conditions", async () => {
  const client = (await container()).getAppendBlobClient("log");
  await client.create();
  assert.equal((await client.appendBlock("one,", 4)).blobAppendOffset, "0");
  const second = await client.appendBlock("two,", 4, { conditions: { appendPosition: 4 } });
  assert.equal(second.blobAppendOffset, "4");
  assert.equal(second.blobCommittedBlockCount, 2);
  await refused(assert, () => client.appendBlock("x", 1, { conditions: { appendPosition: 4 } }), 412, "AppendPositionConditionNotMet");
  await refused(assert, () => client.appendBlock("x", 1, { conditions: { maxSize: 8 } }), 412, "MaxBlobSizeConditionNotMet");
  assert.equal(await text(client), "one,two,");
  await client.createIfNotExists();
  assert.equal(await text(client), "one,two,");
});

test("conditional headers", async () => {
  const client = (await container()).getBlockBlobClient("conditional");
  const { etag } = await client.upload("1", 1);
  await refused(assert, () => client.upload("2", 1, { conditions: { ifNoneMatch: "*" } }), 409, "BlobAlreadyExists");
  await client.upload("2", 1, { conditions: { ifMatch: etag } });
  await refused(assert, () => client.upload("3", 1, { conditions: { ifMatch: etag } }), 412, "ConditionNotMet");
  await refused(assert, () => client.download(0, undefined, { conditions: { ifMatch: etag } }), 412, "ConditionNotMet");
  const { etag: current } = await client.getProperties();
  await assert.rejects(() => client.download(0, undefined, { conditions: { ifNoneMatch: current } }), { statusCode: 304 });
  const past = new Date(Date.now() - 3600_000);
  await refused(assert, () => client.setMetadata({}, { conditions: { ifUnmodifiedSince: past } }), 412, "ConditionNotMet");
});

test("a blob lease: acquire, renew, change, break, release", async () => {
  const client = (await container()).getBlockBlobClient("leased");
  await client.upload("1", 1);
  const lease = client.getBlobLeaseClient();
  await lease.acquireLease(15);
  assert.equal((await client.getProperties()).leaseState, "leased");
  assert.equal((await client.getProperties()).leaseDuration, "fixed");
  await refused(assert, () => client.upload("2", 1), 412, "LeaseIdMissing");
  await refused(assert, () => client.getBlobLeaseClient().acquireLease(15), 409, "LeaseAlreadyPresent");
  await client.upload("2", 1, { conditions: { leaseId: lease.leaseId } });
  const wrong = "11111111-1111-1111-1111-111111111111";
  await refused(assert, () => client.upload("3", 1, { conditions: { leaseId: wrong } }), 412, "LeaseIdMismatchWithBlobOperation");
  await lease.renewLease();
  const next = "22222222-2222-2222-2222-222222222222";
  await lease.changeLease(next);
  await refused(assert, () => client.delete(), 412, "LeaseIdMissing");
  await lease.breakLease(5);
  assert.equal((await client.getProperties()).leaseState, "breaking");
  await refused(assert, () => lease.renewLease(), 409, "LeaseIsBrokenAndCannotBeRenewed");
  await lease.breakLease(0);
  assert.equal((await client.getProperties()).leaseState, "broken");
  const again = client.getBlobLeaseClient();
  await again.acquireLease(-1);
  assert.equal((await client.getProperties()).leaseDuration, "infinite");
  await again.releaseLease();
  assert.equal((await client.getProperties()).leaseState, "available");
  await refused(assert, () => client.upload("3", 1, { conditions: { leaseId: wrong } }), 412, "LeaseNotPresentWithBlobOperation");
});

test("a container lease protects it from deletion", async () => {
  const client = await container();
  const lease = client.getBlobLeaseClient();
  await lease.acquireLease(-1);
  await refused(assert, () => client.delete(), 412, "LeaseIdMissing");
  await client.getBlockBlobClient("free").upload("x", 1);
  await lease.releaseLease();
  await client.delete();
});

test("listing: prefix, delimiter, pages, metadata", async () => {
  const client = await container();
  for (const name of ["a/1", "a/2", "a/b/3", "b/4", "c"]) {
    await client.getBlockBlobClient(name).upload(name, name.length, { metadata: { of: "x" } });
  }
  const names = [];
  for await (const blob of client.listBlobsFlat({ prefix: "a/" })) names.push(blob.name);
  assert.deepEqual(names, ["a/1", "a/2", "a/b/3"]);
  const tree = [];
  for await (const item of client.listBlobsByHierarchy("/")) tree.push(`${item.kind}:${item.name}`);
  assert.deepEqual(tree, ["prefix:a/", "prefix:b/", "blob:c"]);
  const below = [];
  for await (const item of client.listBlobsByHierarchy("/", { prefix: "a/" })) below.push(item.name);
  assert.deepEqual(below.sort(), ["a/1", "a/2", "a/b/"]);
  const pages = [];
  for await (const page of client.listBlobsFlat({ includeMetadata: true }).byPage({ maxPageSize: 2 })) {
    pages.push(page.segment.blobItems.map((blob) => blob.name + blob.metadata.of).join());
  }
  assert.deepEqual(pages, ["a/1x,a/2x", "a/b/3x,b/4x", "cx"]);
});

test("snapshots stay as they were", async () => {
  const holder = await container();
  const client = holder.getBlockBlobClient("snap");
  await client.upload("old", 3);
  const { snapshot } = await client.createSnapshot();
  await client.upload("new", 3);
  assert.equal(await text(client.withSnapshot(snapshot)), "old");
  assert.equal(await text(client), "new");
  const listed = [];
  for await (const blob of holder.listBlobsFlat({ includeSnapshots: true })) listed.push(Boolean(blob.snapshot));
  assert.deepEqual(listed, [true, false]);
  await refused(assert, () => client.delete(), 409, "SnapshotsPresent");
  await client.delete({ deleteSnapshots: "include" });
  await refused(assert, () => client.withSnapshot(snapshot).getProperties(), 404, "BlobNotFound");
});

test("copy within the account", async () => {
  const holder = await container();
  const source = holder.getBlockBlobClient("source");
  await source.upload("content", 7, { metadata: { a: "1" }, blobHTTPHeaders: { blobContentType: "text/x" } });
  const target = holder.getBlockBlobClient("target");
  const poller = await target.beginCopyFromURL(source.url);
  assert.equal((await poller.pollUntilDone()).copyStatus, "success");
  await source.delete();
  assert.equal(await text(target), "content");
  const properties = await target.getProperties();
  assert.equal(properties.contentType, "text/x");
  assert.deepEqual(properties.metadata, { a: "1" });
  assert.equal(properties.copyStatus, "success");
});

test("metadata and headers can be changed alone", async () => {
  const client = (await container()).getBlockBlobClient("meta");
  await client.upload("x", 1, { blobHTTPHeaders: { blobContentType: "text/a" } });
  await client.setMetadata({ k: "v" });
  await client.setHTTPHeaders({ blobContentType: "text/b" });
  const properties = await client.getProperties();
  assert.deepEqual(properties.metadata, { k: "v" });
  assert.equal(properties.contentType, "text/b");
});

test("tags are kept", async () => {
  const client = (await container()).getBlockBlobClient("tagged");
  await client.upload("x", 1, { tags: { a: "1" } });
  await client.setTags({ b: "2", c: "3" });
  assert.deepEqual((await client.getTags()).tags, { b: "2", c: "3" });
});

test("signatures: a blob, a container, a stored policy, an expired one", async () => {
  const holder = await container();
  const client = holder.getBlockBlobClient("signed");
  await client.upload("secret", 6);
  const soon = new Date(Date.now() + 60_000);
  const by = (url) => new BlobServiceClient(url, new AnonymousCredential()).getContainerClient(holder.containerName);
  const sign = (values) => generateBlobSASQueryParameters({ containerName: holder.containerName, ...values }, credential).toString();

  const one = sign({ blobName: "signed", permissions: BlobSASPermissions.parse("r"), expiresOn: soon });
  assert.equal(await text(by(`${blobEndpoint}?${one}`).getBlobClient("signed")), "secret");
  await refused(assert, () => by(`${blobEndpoint}?${one}`).getBlockBlobClient("signed").upload("x", 1), 403, "AuthorizationPermissionMismatch");
  await assert.rejects(() => by(`${blobEndpoint}?${one}`).getBlobClient("other").download(), { statusCode: 403 });

  const whole = sign({ permissions: ContainerSASPermissions.parse("rl"), expiresOn: soon });
  const names = [];
  for await (const blob of by(`${blobEndpoint}?${whole}`).listBlobsFlat()) names.push(blob.name);
  assert.deepEqual(names, ["signed"]);

  await holder.setAccessPolicy(undefined, [{ id: "p", accessPolicy: { startsOn: new Date(Date.now() - 60_000), expiresOn: soon, permissions: "r" } }]);
  const policy = sign({ identifier: "p" });
  assert.equal(await text(by(`${blobEndpoint}?${policy}`).getBlobClient("signed")), "secret");

  const late = sign({ blobName: "signed", permissions: BlobSASPermissions.parse("r"), expiresOn: new Date(Date.now() - 1000) });
  await assert.rejects(() => by(`${blobEndpoint}?${late}`).getBlobClient("signed").download(), { statusCode: 403 });
});

test("a public container can be read by anybody", async () => {
  const holder = await container({ access: "container" });
  await holder.getBlockBlobClient("open").upload("free", 4);
  const anybody = new BlobServiceClient(blobEndpoint, new AnonymousCredential()).getContainerClient(holder.containerName);
  assert.equal(await text(anybody.getBlobClient("open")), "free");
  await assert.rejects(() => anybody.getBlockBlobClient("open").upload("x", 1), (error) => [401, 403, 404, 409].includes(error.statusCode));
});

test("containers are listed by prefix", async () => {
  const holder = await container();
  const found = [];
  for await (const item of service.listContainers({ prefix: holder.containerName })) found.push(item.name);
  assert.deepEqual(found, [holder.containerName]);
});
