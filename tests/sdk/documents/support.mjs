import { randomUUID } from "node:crypto";
import { CosmosClient } from "@azure/cosmos";

export const endpoint = process.env.COSMOS_ENDPOINT ?? "http://127.0.0.1:8081/";
export const key =
  process.env.COSMOS_KEY ?? "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==";

const lacking = new Set((process.env.COSMOS_LACKS ?? "").split(",").filter(Boolean));

/** Options for a test that needs `part` of the service: skipped, and said so, where COSMOS_LACKS names it. */
export const needs = (part) => (lacking.has(part) ? { skip: `the service under test lacks ${part}` } : {});

export const client = () => new CosmosClient({ endpoint, key });

/** A database that only this test file knows, and a function that removes it. */
export async function freshDatabase() {
  const { database } = await client().databases.create({ id: `suite-${randomUUID()}` });
  return { database, remove: () => database.delete() };
}

/** Retries `probe` until it returns something truthy; the only waiting these tests do. */
export async function eventually(probe, what, deadlineMs = 20_000) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
