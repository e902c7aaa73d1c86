// Where the suite finds the services: the same cases run against the embedded store, an emulator or the cloud.
import { test } from "node:test";

const account = process.env.STORAGE_ACCOUNT ?? "devstoreaccount1";
const key =
  process.env.STORAGE_KEY ??
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const endpoint = (variable, port) => process.env[variable] ?? `http://127.0.0.1:${port}/${account}`;

export const blobEndpoint = endpoint("BLOB_ENDPOINT", 10000);
export const queueEndpoint = endpoint("QUEUE_ENDPOINT", 10001);
export const tableEndpoint = endpoint("TABLE_ENDPOINT", 10002);
export const credentials = { account, key };

let counter = 0;
/** A name no other run uses. */
export const fresh = (prefix) => `${prefix}${Date.now().toString(36)}${process.pid.toString(36)}${counter++}`;

/** Asserts that `action` is refused with this status and service code. */
export async function refused(assert, action, status, code) {
  let outcome;
  try {
    outcome = await action();
  } catch (error) {
    const found = error.code ?? error.details?.errorCode ?? error.details?.odataError?.code;
    assert.deepEqual([error.statusCode, found], [status, code], error.message);
    return;
  }
  assert.fail(`expected ${status} ${code}, got ${outcome?._response?.status ?? "an answer"}`);
}

/** A case about something the named counterpart is known not to do; it runs everywhere else. */
export const unlessOn = (counterpart, reason, name, body) =>
  test(name, { skip: process.env.COUNTERPART === counterpart ? `${counterpart}: ${reason}` : false }, body);
