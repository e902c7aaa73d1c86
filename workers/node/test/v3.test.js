'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { withHost, http, app } = require('./support/host.js');

const HTTP = { req: { type: 'httpTrigger' }, res: { type: 'http', direction: 'out' } };
const HTTP_RETURN = { req: { type: 'httpTrigger' }, $return: { type: 'http', direction: 'out' } };

/** Loads one function of the v3 app, as a host does that has read its function.json. */
async function load(host, name, bindings, metadata = {}) {
  const directory = app(`v3/${name}`);
  const scriptFile = path.join(directory, 'index.js');
  return host.load(`id-${name}`, { name, directory, scriptFile, bindings, ...metadata });
}

async function withFunction(name, bindings, body, metadata) {
  await withHost('v3', async (host) => {
    assert.equal((await host.init()).result.status, 'Success');
    const index = await host.metadata();
    assert.equal(index.result.status, 'Success');
    assert.equal(index.useDefaultMetadataIndexing, true);
    const { result } = await load(host, name, bindings, metadata);
    assert.equal(result.status, 'Success', result.exception?.message);
    await body((inputs, rest) => host.invoke(`id-${name}`, inputs, rest), host);
  });
}

const bodyOf = (response) => JSON.parse(response.returnValue.http.body.json);

test('context.res as a plain object; a missing "main" is only a warning beside function.json folders', async () => {
  await withFunction('hello', HTTP, async (invoke, host) => {
    const response = await invoke({ req: http({ query: { name: 'Bo' } }) });
    assert.equal(response.result.status, 'Success');
    const [{ name, data }] = response.outputData;
    assert.equal(name, 'res');
    assert.equal(data.http.body.string, 'Hello, Bo!');
    assert.deepEqual(data.http.headers, { 'X-One': '1' });
    assert.ok(host.logs().some(([category, level, text]) => category === 'System' && level === 'Warning' && text.includes('index.js')));
  });
});

test('callback style: context.done, context.log and the chainable context.res', async () => {
  await withFunction('done', HTTP, async (invoke, host) => {
    const response = await invoke({ req: http() }, { invocationId: 'cb' });
    const { http: sent } = response.outputData[0].data;
    assert.deepEqual([sent.statusCode, sent.body.string, sent.headers], ['202', 'from done', { 'x-a': 'b', 'content-type': 'text/plain' }]);
    assert.deepEqual(host.logs('cb'), [
      ['User', 'Information', 'general { a: 1 }'],
      ['User', 'Error', 'bad'],
      ['User', 'Warning', 'careful'],
      ['User', 'Information', 'note'],
      ['User', 'Trace', 'detail'],
    ]);
    const failed = await invoke({ req: http({ query: { fail: '1' } }) });
    assert.equal(failed.result.exception.message, 'done with failure');
  });
});

test('outputs come from the returned object first, then from context.bindings', async () => {
  const bindings = {
    message: { type: 'queueTrigger' },
    blob: { type: 'blob' },
    first: { type: 'queue', direction: 'out' },
    second: { type: 'queue', direction: 'out' },
    third: { type: 'queue', direction: 'out' },
  };
  await withFunction('outputs', bindings, async (invoke) => {
    const { outputData } = await invoke({ message: { string: '{"n":1}' }, blob: { bytes: Buffer.from('blob') } });
    const seen = Object.fromEntries(outputData.map(({ name, data }) => [name, data.json ?? data.string]));
    assert.deepEqual(seen, { third: '["a","b"]', first: '{"message":{"n":1},"blob":"blob"}', second: 'text' });
  });
});

test('$return with http: body forms, headers, cookies', async () => {
  await withFunction('returns', HTTP_RETURN, async (invoke) => {
    const response = await invoke({
      req: http({ method: 'POST', body: '\uFEFF{"k":"ö"}', headers: { 'x-mixed': 'yes' }, params: { id: '7' } }),
    });
    assert.equal(response.returnValue.http.statusCode, '418');
    assert.deepEqual(bodyOf(response), { seen: { k: 'ö' }, raw: '{"k":"ö"}', bytes: 13, header: 'yes', params: { id: '7' } });
    const [cookie] = response.returnValue.http.cookies;
    assert.deepEqual([cookie.name, cookie.sameSite, cookie.maxAge.value], ['c', 'Lax', 5]);

    const text = bodyOf(await invoke({ req: http({ method: 'POST', body: 'plain' }) }));
    assert.deepEqual([text.seen, text.raw], ['plain', 'plain']);
    const utf16 = Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from('"hé"', 'utf16le').swap16()]);
    assert.equal(bodyOf(await invoke({ req: http({ method: 'POST', body: utf16 }) })).seen, 'hé');
    const binary = await invoke({ req: http({ method: 'POST', body: '{}', headers: { 'content-type': 'application/octet-stream' } }) });
    assert.deepEqual(bodyOf(binary).seen, { type: 'Buffer', data: [123, 125] });
  });
});

test('bindingData, bindingDefinitions, executionContext, traceContext, timers', async () => {
  const bindings = { timer: { type: 'timerTrigger' } };
  await withFunction('context', bindings, async (invoke) => {
    const response = await invoke(
      { timer: { json: '{"Schedule":{"AdjustForDST":true},"IsPastDue":false}' } },
      {
        invocationId: 'ctx',
        triggerMetadata: { DequeueCount: { json: '3' }, Text: { string: 'true' }, Nested: { json: '{"Inner":{"Deep":[{"Kept":1}]}}' } },
        traceContext: { traceParent: '00-1-2-01', traceState: 'a=b' },
        retryContext: { retryCount: 1, maxRetryCount: 2, exception: { message: 'before' } },
      },
    );
    const seen = JSON.parse(response.returnValue.json);
    assert.deepEqual(seen.bindingData, { invocationId: 'ctx', dequeueCount: 3, text: true, nested: { inner: { deep: [{ Kept: 1 }] } } });
    assert.deepEqual(seen.definitions, [{ name: 'timer', type: 'timerTrigger', direction: 'in' }]);
    assert.equal(seen.execution.functionName, 'context');
    assert.ok(seen.execution.functionDirectory.endsWith('v3/context'));
    assert.equal(seen.execution.retryContext.retryCount, 1);
    assert.equal(seen.trace.traceparent, '00-1-2-01');
    assert.deepEqual(seen.bindings, { timer: { schedule: { adjustForDST: true }, isPastDue: false } });
  });
});

test('HTTP functions find the request in bindingData too', async () => {
  await withFunction('context', HTTP_RETURN, async (invoke) => {
    // The handler returns bindingData as properties of the response: only that it ran matters here.
    const response = await invoke({ req: http({ query: { q: '1' } }) });
    assert.equal(response.result.status, 'Success');
  });
});

test('calling done in an async function is reported', async () => {
  await withFunction('twice', { message: { type: 'queueTrigger' } }, async (invoke, host) => {
    const response = await invoke({ message: { string: 'x' } }, { invocationId: 'twice' });
    assert.equal(response.returnValue.string, 'called');
    await host.next('rpcLog', (log) => log.invocationId === 'twice' && log.logCategory === 'System' && log.level === 'Error');
  });
});

test('forms', async () => {
  await withFunction('form', HTTP_RETURN, async (invoke) => {
    const lines = ['--XX', 'Content-Disposition: form-data; name="a"', '', 'one', 'two', '--XX'];
    lines.push('Content-Disposition: form-data; name="f"; filename="x \\"y\\".txt"', 'Content-Type: text/plain', '', '', '--XX--', '');
    const multipart = http({ method: 'POST', body: lines.join('\r\n'), headers: { 'content-type': 'multipart/form-data; boundary=XX' } });
    const parts = bodyOf(await invoke({ req: multipart }));
    assert.deepEqual(parts, [['a', 'one\r\ntwo', null, null], ['f', '', 'x "y".txt', 'text/plain']]);
    const encoded = http({ method: 'POST', body: 'a=1&b=%C3%B6&a=2', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    assert.deepEqual(bodyOf(await invoke({ req: encoded })), [['a', '1', null, null], ['b', 'ö', null, null], ['a', '2', null, null]]);
    const other = await invoke({ req: http({ method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }) });
    assert.match(other.result.exception.message, /text\/plain/);
  });
});

test('entry points: entryPoint, run, and load failures that say what is wrong', async () => {
  await withHost('v3', async (host) => {
    await host.init();
    await host.metadata();
    const trigger = { message: { type: 'queueTrigger' } };
    await load(host, 'named', trigger, { entryPoint: 'other' });
    assert.equal((await host.invoke('id-named', { message: { string: 'x' } })).returnValue.string, 'hi other');
    await load(host, 'named', trigger);
    assert.equal((await host.invoke('id-named', { message: { string: 'x' } })).returnValue.string, 'run');
    const scriptFile = path.join(app('v3/esm'), 'index.mjs');
    const esm = await load(host, 'esm', HTTP_RETURN, { scriptFile });
    assert.equal(esm.result.status, 'Success', esm.result.exception?.message);
    assert.equal((await host.invoke('id-esm', { req: http() })).returnValue.http.body.string, 'esm index.mjs');

    const broken = await load(host, 'broken', trigger);
    assert.equal(broken.result.status, 'Failure');
    assert.match(broken.result.exception.message, /function broken: .*does-not-exist.*\(at broken\/index\.js:1:17\)/s);
    assert.match((await load(host, 'empty', trigger)).result.exception.message, /function 'empty'.*entry point/);
    assert.match((await load(host, 'named', trigger, { entryPoint: 'greeting' })).result.exception.message, /not a function/);
  });
});
