'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const httpClient = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { withHost, http, app } = require('./support/host.js');

const triggerOf = (metadata) => Object.entries(metadata.bindings).find(([, b]) => /Trigger$/.test(b.type))[0];

async function withApp(name, body) {
  await withHost(name, async (host) => {
    const functions = await host.ready();
    await body({ host, functions, call: (id, data, rest) => host.invoke(id, { [triggerOf(functions[id])]: data }, rest) });
  });
}

test('ES modules with top-level await, found by **', async () => {
  await withApp('esm', async ({ functions, call }) => {
    assert.deepEqual(Object.keys(functions).sort(), ['one', 'two']);
    assert.equal((await call('one', http())).returnValue.http.body.bytes.toString(), 'esm');
  });
});

test('hooks: order, replacing inputs, handler, result, error and log lines', async () => {
  await withApp('hooks', async ({ call, host }) => {
    const replaced = await call('replaced', http(), { invocationId: 'r' });
    assert.equal(replaced.returnValue.http.body.bytes.toString(), 'wrapped from hook');
    assert.deepEqual(host.logs('r'), [
      ['User', 'Critical', 'a *** louder'],
      ['User', 'Information', 'logged in post hook'],
    ]);
    const rescued = await call('rescued', http());
    assert.equal(rescued.result.status, 'Success');
    assert.equal(rescued.returnValue.http.body.bytes.toString(), 'thrown; pre,post');
    assert.match(host.stdout, /appStart ran/);
  });
});

test('the core module: locked after start-up, known hooks only, log, versions', async () => {
  await withApp('hooks', async ({ call, host }) => {
    const seen = JSON.parse((await call('core', http())).returnValue.http.body.bytes);
    assert.match(seen.late[0], /only be registered during app startup/);
    assert.equal(seen.late[1], 'RangeError true');
    assert.deepEqual([seen.hostVersion, seen.model], ['4.1037.0', '@azure/functions']);
    assert.ok(host.logs().some(([category, level, text]) => category === 'System' && level === 'Warning' && text === 'core log'));
  });
});

test('worker_terminate runs the appTerminate hooks and exits with 0', async () => {
  await withHost('hooks', async (host) => {
    await host.ready();
    host.send({ workerTerminate: { gracePeriod: { seconds: 5 } } });
    assert.equal(await host.exited, 0);
    assert.match(host.stdout, /appTerminate ran, started: true/);
  });
});

test('Ctrl+C in the terminal leaves stopping to the host', async () => {
  await withHost('v4', async (host) => {
    await host.ready();
    host.worker.kill('SIGINT');
    host.send({ requestId: 'after', workerStatusRequest: {} });
    await host.next('workerStatusResponse');
  });
});

test('the end of the stream, or of the connection, ends the worker with 0', async () => {
  await withHost('v4', async (host) => {
    await host.ready();
    host.call.end();
    assert.equal(await host.exited, 0);
  });
  await withHost('v4', async (host) => {
    await host.ready();
    host.server.forceShutdown();
    assert.equal(await host.exited, 0, host.stderr);
  });
});

test('worker_status and worker_warmup are answered, optional messages ignored', async () => {
  await withHost('v4', async (host) => {
    host.send({ requestId: 's1', invocationCancel: { invocationId: 'x' } });
    host.send({ requestId: 's2', workerStatusRequest: {} });
    assert.equal((await host.next('workerStatusResponse')) && host.received.at(-1).requestId, 's2');
    host.send({ workerWarmupRequest: { workerDirectory: '/' } });
    assert.equal((await host.next('workerWarmupResponse')).workerWarmupResponse.result.status, 'Success');
  });
});

test('HTTP streaming: the library serves the forwarded request', async () => {
  await withApp('stream', async ({ host, functions }) => {
    const { HttpUri, Extra } = host.initResponse.capabilities;
    assert.equal(Extra, '1');
    const forwarded = new Promise((resolve, reject) => {
      const headers = { 'x-ms-invocation-id': 'st', 'x-forwarded-host': 'h', 'x-forwarded-proto': 'http' };
      const request = httpClient.request(new URL('/api/copy?x=1', HttpUri), { method: 'POST', headers }, (response) => {
        let body = '';
        response.on('data', (text) => (body += text));
        response.on('end', () => resolve({ body, headers: response.headers }));
      });
      request.on('error', reject);
      for (let i = 0; i < 64; i++) request.write(Buffer.alloc(16 * 1024));
      request.end();
    });
    const response = await host.invoke('copy', { [triggerOf(functions.copy)]: { http: {} } }, {
      invocationId: 'st',
      triggerMetadata: { Headers: { json: '{"a":"b"}' }, id: { string: 'p' } },
    });
    assert.equal(response.result.status, 'Success');
    const { body, headers } = await forwarded;
    assert.equal(body, `got ${1024 * 1024}`);
    assert.equal(headers['x-param'], 'p');
  });
});

const BROKEN = {
  throws: /entry point "src\/index\.js": .*name.* \(at src\/index\.js:5:19\)/,
  syntax: /entry point "index\.js": Unexpected token.* \(at index\.js:3\)/,
  missing: /Cannot find (module|package) 'a-package-nobody-installed'.* \(at index\.js:2:1\)/s,
  esm: /entry point "index\.mjs": from an es module \(at (index\.mjs|.*index\.mjs):4:7\)/,
  string: /entry point "index\.js": just text$/,
  uncompiled: /zero files matching "dist\/src\/functions\/\*\.js", the "main" of .*package\.json\. .*npm run build/,
};

for (const [name, expected] of Object.entries(BROKEN)) {
  test(`entry file that fails: ${name}`, async () => {
    await withHost(`broken/${name}`, async (host) => {
      assert.equal((await host.init()).result.status, 'Success');
      const { result } = await host.metadata();
      assert.equal(result.status, 'Failure');
      assert.match(result.exception.message, expected);
      const reports = host.logs().filter(([category, level]) => category === 'System' && level === 'Error');
      assert.equal(reports.length, 1, 'told once');
      assert.match(reports[0][2].split('\n')[0], expected.source.endsWith('$') ? /just text$/ : new RegExp(expected.source));
      // The app's frames are there, the worker's own are not.
      assert.doesNotMatch(reports[0][2] + result.exception.stackTrace, /loadEntryFiles|worker\.js/);
      assert.equal(host.stderr, '');
      assert.equal((await host.load('x', { name: 'x' })).result.status, 'Failure');
    });
  });
}

test('an unreadable package.json is a warning', async () => {
  await withHost('broken/notjson', async (host) => {
    await host.init();
    assert.equal((await host.metadata()).useDefaultMetadataIndexing, true);
    assert.ok(host.logs().some(([, level, text]) => level === 'Warning' && text.includes('package.json')));
  });
});

for (const name of ['uncaught', 'unhandled']) {
  test(`${name} errors are reported and end the worker with 1`, async () => {
    await withApp('crash', async ({ host, call }) => {
      call(name, http()).catch(() => {});
      assert.equal(await host.exited, 1);
      assert.match(host.stderr, /nobody (catches|awaits) this/);
      assert.ok(host.logs().some(([category, level, text]) => category === 'System' && level === 'Error' && text.includes('nobody')));
    });
  });
}

test('environment reload: new variables, directory, app and capabilities', async () => {
  const placeholder = fs.mkdtempSync(path.join(os.tmpdir(), 'placeholder-'));
  await withHost(placeholder, async (host) => {
    assert.equal((await host.init()).workerMetadata.customProperties.modelVersion, '3.5.0');
    for (const round of ['1', '2']) {
      host.send({
        functionEnvironmentReloadRequest: { environmentVariables: { PATH: process.env.PATH, ROUND: round }, functionAppDirectory: app('v4') },
      });
      const { functionEnvironmentReloadResponse: response } = await host.next('functionEnvironmentReloadResponse');
      assert.equal(response.result.status, 'Success');
      assert.equal(response.capabilitiesUpdateStrategy, 'replace');
      assert.equal(response.capabilities.WorkerStatus, 'true');
      assert.match(response.workerMetadata.customProperties.modelVersion, /^4\./);
    }
    const { functionMetadataResults } = await host.metadata();
    assert.equal(functionMetadataResults.length, 11);
  });
  fs.rmdirSync(placeholder);
});

test('system logs below Information are sent only when asked for', async () => {
  await withHost('v4', async (host) => {
    await host.init({ logCategories: { Worker: 'Debug' } });
    assert.ok(host.logs().some(([, level, text]) => level === 'Debug' && text.includes('Loading entry point file "src/index.js"')));
  });
  await withHost('v4', async (host) => {
    await host.init();
    assert.deepEqual(host.logs(), []);
  });
});
