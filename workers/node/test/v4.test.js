'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { withHost, http } = require('./support/host.js');

test('start, init, index and load follow the protocol', async () => {
  await withHost('v4', async (host) => {
    assert.equal(host.startStream.workerId, 'w1');
    const functions = await host.ready();
    const { capabilities, workerMetadata, result } = host.initResponse;
    assert.equal(result.status, 'Success');
    assert.equal(capabilities.RawHttpBodyBytes, 'true');
    assert.equal(capabilities.SupportsLoadResponseCollection, 'true');
    assert.equal(workerMetadata.runtimeName, 'node');
    assert.equal(workerMetadata.customProperties.modelName, '@azure/functions');
    assert.match(workerMetadata.customProperties.modelVersion, /^4\./);
    // Registration order is kept, over both entry files.
    const names = ['hello', 'echo', 'json', 'cookies', 'fails', 'unserialisable', 'nothing', 'work', 'tick', 'slow', 'logsLate'];
    assert.deepEqual(Object.keys(functions), names);
    assert.equal(functions.hello.scriptFile, 'index.js');
    assert.equal(functions.slow.scriptFile, 'late.js');
    assert.ok(functions.slow.directory.endsWith('src/more'));
    const [trigger, returned] = functions.hello.rawBindings.map((text) => JSON.parse(text));
    assert.deepEqual(
      [trigger.type, trigger.direction, trigger.authLevel, trigger.methods, trigger.route],
      ['httpTrigger', 'in', 'anonymous', ['GET', 'POST'], 'hello/{name?}'],
    );
    assert.deepEqual([returned.type, returned.direction, returned.name], ['http', 'out', '$return']);
    assert.equal(functions.work.retryOptions.maxRetryCount, 3);
    assert.equal(functions.work.retryOptions.retryStrategy, 'fixed_delay');
    assert.equal(functions.work.retryOptions.delayInterval.seconds, '2');
  });
});

const triggerOf = (metadata) => Object.entries(metadata.bindings).find(([, b]) => /Trigger$/.test(b.type))[0];

/** An indexed and loaded v4 app with `call(function, trigger value)`. */
async function withApp(name, body) {
  await withHost(name, async (host) => {
    const functions = await host.ready();
    const call = (id, data, rest) => host.invoke(id, { [triggerOf(functions[id])]: data }, rest);
    await body({ host, functions, call });
  });
}

test('http: request and response go through the public library', async () => {
  await withApp('v4', async ({ host, call }) => {
    const hello = await call('hello', http({ query: { name: 'Zoë' } }), { invocationId: 'abc' });
    assert.equal(hello.result.status, 'Success');
    assert.equal(hello.returnValue.http.statusCode, '200');
    assert.equal(hello.returnValue.http.headers['x-one'], '1');
    assert.equal(hello.returnValue.http.body.bytes.toString(), 'Hello, Zoë!');
    assert.deepEqual(host.logs('abc'), [
      ['User', 'Information', 'one { two: 2 }'],
      ['User', 'Warning', 'three'],
    ]);
    // Logs precede the response on the stream, and the response echoes the request id.
    const kinds = host.received.filter((m) => m.rpcLog?.invocationId === 'abc' || m.invocationResponse?.invocationId === 'abc');
    assert.deepEqual(kinds.map((m) => m.content), ['rpcLog', 'rpcLog', 'invocationResponse']);
    assert.equal(kinds[2].requestId, 'q-abc');

    const param = await call('hello', http({ params: { name: 'Ann' } }));
    assert.equal(param.returnValue.http.body.bytes.toString(), 'Hello, Ann!');
    const json = await call('json', http({ method: 'POST', body: '{"a":[1,2]}' }));
    assert.equal(json.returnValue.http.statusCode, '201');
    assert.equal(json.returnValue.http.headers['content-type'], 'application/json');
    assert.deepEqual(JSON.parse(json.returnValue.http.body.bytes), { a: [1, 2] });
    const nothing = await call('nothing', http());
    assert.equal(nothing.result.status, 'Success');
    assert.equal(nothing.returnValue, undefined);
  });
});

test('http: cookies', async () => {
  await withApp('v4', async ({ call }) => {
    const [a, b] = (await call('cookies', http())).returnValue.http.cookies;
    assert.deepEqual([a.name, a.value, a.maxAge.value, a.sameSite, a.secure.value, a.httpOnly.value], ['a', '1', 10, 'ExplicitNone', true, false]);
    assert.equal(b.expires.value.seconds, '86400');
    assert.deepEqual([b.domain.value, b.path.value, b.secure], ['d', '/', undefined]);
  });
});

test('failures carry message and stack, and unserialisable results are failures', async () => {
  await withApp('v4', async ({ call, host }) => {
    const failed = await call('fails', http());
    assert.equal(failed.result.status, 'Failure');
    assert.equal(failed.result.exception.message, 'no luck');
    assert.match(failed.result.exception.stackTrace, /Error: no luck\n.*index\.js:\d+:\d+/s);
    const big = await call('unserialisable', http());
    assert.equal(big.result.status, 'Failure');
    assert.match(big.result.exception.message, /BigInt/);
    const unknown = await host.invoke('nowhere', {});
    assert.match(unknown.result.exception.message, /'nowhere' is not loaded/);
    assert.ok(host.logs().some(([category, level, text]) => category === 'System' && level === 'Error' && text.includes('nowhere')));
    const wrongInput = await host.invoke('hello', { bogus: { string: 'x' } });
    assert.match(wrongInput.result.exception.message, /bogus/);
  });
});

test('queue: extra inputs and outputs, trigger metadata, retry and trace context', async () => {
  await withApp('v4', async ({ host, functions }) => {
    const blob = Object.entries(functions.work.bindings).find(([, b]) => b.type === 'blob')[0];
    const out = Object.entries(functions.work.bindings).find(([, b]) => b.type === 'queue')[0];
    const response = await host.invoke(
      'work',
      { [triggerOf(functions.work)]: { string: '{"n":1}' }, [blob]: { bytes: Buffer.from('abc') } },
      {
        triggerMetadata: { QueueTrigger: { string: 'text' }, DequeueCount: { json: '2' }, Nested: { json: '{"Some":{"Key":1}}' } },
        retryContext: { retryCount: 0, maxRetryCount: 3 },
        traceContext: { traceParent: '00-a-b-01', traceState: '', attributes: { k: 'v' } },
      },
    );
    assert.equal(response.result.status, 'Success');
    assert.equal(response.outputData[0].name, out);
    const sent = JSON.parse(response.outputData[0].data.json);
    assert.deepEqual(sent.message, { n: 1 });
    assert.deepEqual(sent.blob, { type: 'Buffer', data: [97, 98, 99] });
    assert.deepEqual(JSON.parse(response.returnValue.json), {
      metadata: { queueTrigger: 'text', dequeueCount: 2, nested: { some: { key: 1 } } },
      retry: { retryCount: 0, maxRetryCount: 3 },
      trace: { traceParent: '00-a-b-01', traceState: '', attributes: { k: 'v' } },
      bytes: false,
    });
  });
});

test('timer: keys are camel-cased', async () => {
  await withApp('v4', async ({ call }) => {
    const response = await call('tick', { json: '{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}' });
    assert.deepEqual(JSON.parse(response.returnValue.json), { schedule: { adjustForDST: true }, scheduleStatus: null, isPastDue: false });
  });
});

test('bodies of 24 MiB pass in both directions, beside small ones', async () => {
  await withApp('v4', async ({ call }) => {
    const body = Buffer.alloc(24 * 1024 * 1024);
    for (let i = 0; i < body.length; i += 4096) body.writeUInt32LE(i, i);
    const small = [];
    const big = call('echo', http({ method: 'POST', body }));
    for (let i = 0; i < 20; i++) small.push(call('echo', http({ method: 'POST', body: `small ${i}` })));
    assert.ok((await big).returnValue.http.body.bytes.equals(body));
    for (const [i, response] of (await Promise.all(small)).entries()) {
      assert.equal(response.returnValue.http.body.bytes.toString(), `small ${i}`);
    }
  });
});

test('1,000 invocations at once overlap and each gets its own answer', async () => {
  await withApp('v4', async ({ call }) => {
    const started = Date.now();
    const calls = Array.from({ length: 1000 }, (_, i) => call('slow', http({ query: { ms: String(100 + (i % 7)) } })));
    for (const [i, response] of (await Promise.all(calls)).entries()) {
      assert.equal(response.returnValue.http.body.bytes.toString(), String(100 + (i % 7)));
    }
    assert.ok(Date.now() - started < 50_000, 'they ran one after the other');
  });
});

test('a log after completion is preceded by a system warning', async () => {
  await withApp('v4', async ({ call, host }) => {
    await call('logsLate', http(), { invocationId: 'late' });
    await host.next('rpcLog', (log) => log.message === 'too late');
    const [warning, line] = host.logs('late');
    assert.deepEqual(warning.slice(0, 2), ['System', 'Warning']);
    assert.deepEqual(line, ['User', 'Information', 'too late']);
  });
});

test('many functions load in one collection; unknown ones fail alone', async () => {
  await withHost('v4', async (host) => {
    await host.init();
    await host.metadata();
    const functionLoadRequests = ['hello', 'missing', 'echo'].map((functionId) => ({ functionId, metadata: {} }));
    host.send({ functionLoadRequestCollection: { functionLoadRequests } });
    const { functionLoadResponseCollection } = await host.next('functionLoadResponseCollection');
    const seen = functionLoadResponseCollection.functionLoadResponses.map((r) => [r.functionId, r.result.status]);
    assert.deepEqual(seen, [['hello', 'Success'], ['missing', 'Failure'], ['echo', 'Success']]);
  });
});
