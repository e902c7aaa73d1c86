// Queues with the public Node client. Issue "Embedded store", point 1.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  AccountSASPermissions,
  generateQueueSASQueryParameters,
  QueueSASPermissions,
  QueueServiceClient,
  StorageSharedKeyCredential,
  AnonymousCredential,
} from "@azure/storage-queue";
import { credentials, fresh, queueEndpoint, refused, unlessOn } from "./endpoint.js";

const credential = new StorageSharedKeyCredential(credentials.account, credentials.key);
const service = new QueueServiceClient(queueEndpoint, credential);
const made = [];

async function queue() {
  const client = service.getQueueClient(fresh("q"));
  await client.create();
  made.push(client);
  return client;
}

after(() => Promise.all(made.map((client) => client.deleteIfExists())));

test("create is idempotent with the same metadata and refused with other", async () => {
  const client = service.getQueueClient(fresh("q"));
  made.push(client);
  assert.equal((await client.create({ metadata: { a: "1" } }))._response.status, 201);
  assert.equal((await client.create({ metadata: { a: "1" } }))._response.status, 204);
  await refused(assert, () => client.create({ metadata: { a: "2" } }), 409, "QueueAlreadyExists");
});

test("names are checked", async () => {
  await refused(assert, () => service.getQueueClient("ab").create(), 400, "OutOfRangeInput");
  await refused(assert, () => service.getQueueClient("a--b").create(), 400, "InvalidResourceName");
  await refused(assert, () => service.getQueueClient("Upper").create(), 400, "InvalidResourceName");
});

test("a missing queue is QueueNotFound everywhere", async () => {
  const client = service.getQueueClient(fresh("missing"));
  await refused(assert, () => client.sendMessage("x"), 404, "QueueNotFound");
  await refused(assert, () => client.receiveMessages(), 404, "QueueNotFound");
  await refused(assert, () => client.getProperties(), 404, "QueueNotFound");
  await refused(assert, () => client.delete(), 404, "QueueNotFound");
});

test("put, get, delete: text, ids and times come back", async () => {
  const client = await queue();
  const texts = ["plain", "  spaces  ", "<tag attr=\"x\">&amp;</tag>", "Grüße 👋"];
  for (const text of texts) await client.sendMessage(text);
  const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 32 });
  assert.deepEqual(receivedMessageItems.map((message) => message.messageText), texts);
  for (const message of receivedMessageItems) {
    assert.equal(message.dequeueCount, 1);
    assert.ok(message.nextVisibleOn > message.insertedOn);
    assert.ok(message.expiresOn - message.insertedOn === 7 * 24 * 3600 * 1000);
    const { _response } = await client.deleteMessage(message.messageId, message.popReceipt);
    assert.equal(_response.status, 204);
  }
  assert.equal((await client.getProperties()).approximateMessagesCount, 0);
});

test("peek leaves messages alone and shows no receipt", async () => {
  const client = await queue();
  await client.sendMessage("one");
  await client.sendMessage("two");
  const { peekedMessageItems } = await client.peekMessages({ numberOfMessages: 32 });
  assert.deepEqual(peekedMessageItems.map((message) => message.messageText), ["one", "two"]);
  assert.equal(peekedMessageItems[0].dequeueCount, 0);
  assert.equal(peekedMessageItems[0].popReceipt, undefined);
  assert.equal((await client.getProperties()).approximateMessagesCount, 2);
});

test("a got message is invisible, then comes back with a higher count", async () => {
  const client = await queue();
  await client.sendMessage("again");
  const first = (await client.receiveMessages({ visibilityTimeout: 1 })).receivedMessageItems[0];
  assert.equal((await client.receiveMessages()).receivedMessageItems.length, 0);
  let second;
  while (!second) {
    second = (await client.receiveMessages({ visibilityTimeout: 30 })).receivedMessageItems[0];
    if (!second) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(second.messageId, first.messageId);
  assert.equal(second.dequeueCount, 2);
  await refused(assert, () => client.deleteMessage(first.messageId, first.popReceipt), 400, "PopReceiptMismatch");
  await client.deleteMessage(second.messageId, second.popReceipt);
  await refused(assert, () => client.deleteMessage(second.messageId, second.popReceipt), 404, "MessageNotFound");
});

test("update changes text and visibility and hands out a new receipt", async () => {
  const client = await queue();
  const sent = await client.sendMessage("old");
  const updated = await client.updateMessage(sent.messageId, sent.popReceipt, "new", 0);
  assert.notEqual(updated.popReceipt, sent.popReceipt);
  await refused(assert, () => client.updateMessage(sent.messageId, sent.popReceipt, "x", 0), 400, "PopReceiptMismatch");
  const [message] = (await client.receiveMessages()).receivedMessageItems;
  assert.equal(message.messageText, "new");
  assert.equal(message.dequeueCount, 1);
  // Without a body the text stays.
  await client.updateMessage(message.messageId, message.popReceipt, undefined, 0);
  const [again] = (await client.receiveMessages()).receivedMessageItems;
  assert.equal(again.messageText, "new");
});

test("a message can be put invisible and live for ever", async () => {
  const client = await queue();
  const sent = await client.sendMessage("later", { visibilityTimeout: 600, messageTimeToLive: -1 });
  assert.ok(sent.expiresOn.getUTCFullYear() >= 9999);
  assert.equal((await client.receiveMessages()).receivedMessageItems.length, 0);
  assert.equal((await client.getProperties()).approximateMessagesCount, 1);
});

unlessOn("azurite", "has other codes", "ranges of parameters are checked", async () => {
  const client = await queue();
  const out = (action) => refused(assert, action, 400, "OutOfRangeQueryParameterValue");
  await out(() => client.receiveMessages({ numberOfMessages: 33 }));
  await out(() => client.receiveMessages({ numberOfMessages: 0 }));
  await out(() => client.receiveMessages({ visibilityTimeout: 7 * 24 * 3600 + 1 }));
  await out(() => client.sendMessage("x", { visibilityTimeout: -1 }));
});

test("64 KiB fit, more do not", async () => {
  const client = await queue();
  await client.sendMessage("x".repeat(64 * 1024));
  const [message] = (await client.receiveMessages()).receivedMessageItems;
  assert.equal(message.messageText.length, 64 * 1024);
  await refused(assert, () => client.sendMessage("x".repeat(64 * 1024 + 1)), 413, "RequestBodyTooLarge");
});

test("clear empties the queue", async () => {
  const client = await queue();
  for (let number = 0; number < 5; number++) await client.sendMessage(`m${number}`);
  await client.clearMessages();
  assert.equal((await client.getProperties()).approximateMessagesCount, 0);
  assert.equal((await client.peekMessages()).peekedMessageItems.length, 0);
  await client.sendMessage("after");
  assert.equal((await client.peekMessages()).peekedMessageItems[0].messageText, "after");
});

test("metadata and access policies are kept", async () => {
  const client = await queue();
  await client.setMetadata({ color: "blue", size: "3" });
  assert.deepEqual((await client.getProperties()).metadata, { color: "blue", size: "3" });
  const startsOn = new Date("2026-01-02T03:04:05Z");
  const expiresOn = new Date("2099-01-02T03:04:05Z");
  await client.setAccessPolicy([{ id: "one", accessPolicy: { startsOn, expiresOn, permissions: "raup" } }]);
  const { signedIdentifiers } = await client.getAccessPolicy();
  assert.equal(signedIdentifiers[0].id, "one");
  assert.equal(signedIdentifiers[0].accessPolicy.permissions, "raup");
  assert.equal(+signedIdentifiers[0].accessPolicy.expiresOn, +expiresOn);
});

test("listing pages by prefix, with metadata", async () => {
  const prefix = fresh("list");
  for (let number = 0; number < 5; number++) {
    const client = service.getQueueClient(`${prefix}-${number}`);
    await client.create({ metadata: { number: `${number}` } });
    made.push(client);
  }
  const names = [];
  let pages = 0;
  for await (const page of service.listQueues({ prefix, includeMetadata: true }).byPage({ maxPageSize: 2 })) {
    pages++;
    for (const item of page.queueItems ?? []) names.push(`${item.name}=${item.metadata.number}`);
  }
  assert.deepEqual(names, [0, 1, 2, 3, 4].map((number) => `${prefix}-${number}=${number}`));
  assert.equal(pages, 3);
});

test("a queue SAS allows what it says and no more", async () => {
  const client = await queue();
  const sas = generateQueueSASQueryParameters(
    {
      queueName: client.name,
      permissions: QueueSASPermissions.parse("a"),
      expiresOn: new Date(Date.now() + 60_000),
    },
    credential,
  );
  const limited = new QueueServiceClient(`${queueEndpoint}?${sas}`, new AnonymousCredential()).getQueueClient(client.name);
  await limited.sendMessage("by signature");
  await refused(assert, () => limited.receiveMessages(), 403, "AuthorizationPermissionMismatch");
  const other = await queue();
  const elsewhere = new QueueServiceClient(`${queueEndpoint}?${sas}`, new AnonymousCredential()).getQueueClient(other.name);
  await refused(assert, () => elsewhere.sendMessage("x"), 403, "AuthenticationFailed");
});

test("an account SAS lists, an expired one does not", async () => {
  const url = service.generateAccountSasUrl(new Date(Date.now() + 60_000), AccountSASPermissions.parse("rl"), "sco", {});
  const limited = new QueueServiceClient(url, new AnonymousCredential());
  const found = [];
  for await (const item of limited.listQueues()) found.push(item.name);
  assert.ok(found.length > 0);
  const expired = service.generateAccountSasUrl(new Date(Date.now() - 60_000), AccountSASPermissions.parse("rl"), "sco", {});
  const late = new QueueServiceClient(expired, new AnonymousCredential());
  await refused(assert, () => late.getProperties(), 403, "AuthenticationFailed");
});

test("a wrong key is refused", async () => {
  const wrong = new StorageSharedKeyCredential(credentials.account, Buffer.from("wrong").toString("base64"));
  const client = new QueueServiceClient(queueEndpoint, wrong);
  await assert.rejects(() => client.getProperties(), { statusCode: 403 });
});

test("service properties are kept", async () => {
  const before = await service.getProperties();
  const rule = { allowedOrigins: "https://a.example", allowedMethods: "GET,PUT", allowedHeaders: "*", exposedHeaders: "*", maxAgeInSeconds: 5 };
  await service.setProperties({ cors: [rule] });
  assert.deepEqual((await service.getProperties()).cors, [rule]);
  await service.setProperties({ cors: before.cors ?? [] });
});
