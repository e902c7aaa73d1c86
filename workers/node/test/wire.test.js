'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const net = require('node:net');
const path = require('node:path');
const { spawn } = require('node:child_process');
const protobuf = require('protobufjs');
const h2 = require('../js/wire/http2.js');
const { Deframer } = require('../js/wire/deframer.js');
const { Writer } = require('../js/wire/writer.js');
const { decode, encoder } = require('../js/wire/codec.js');
const { messages } = require('../js/wire/schema.js');
const { EventStream } = require('../js/wire/stream.js');

const root = new protobuf.Root();
const protos = path.join(__dirname, '../../../worker-protocol/proto');
root.resolvePath = (origin, target) => (target.startsWith('google/') ? target : path.join(protos, target));
root.loadSync('FunctionRpc.proto');
const reference = root.lookupType('AzureFunctionsRpcMessages.StreamingMessage');

function encoded(message) {
  const writer = new Writer(h2.HEAD, 64);
  writer.message(encoder('StreamingMessage'), message);
  return Buffer.concat(writer.takeChunks()).subarray(5);
}

test('the field tables agree with the contract', () => {
  const known = (name) => root.nested[name] ?? root.lookup(name === 'RetryContext' ? 'RetryContext' : name);
  for (const [name, fields] of Object.entries(messages)) {
    if (['Empty', 'Timestamp', 'Duration'].includes(name)) continue;
    const type = known(name);
    for (const [field, text] of Object.entries(fields)) {
      const [number, spelled] = text.split(' ');
      const theirs = type.fields[field];
      assert.ok(theirs, `${name}.${field} is not in the contract`);
      assert.equal(theirs.id, Number(number), `${name}.${field}`);
      assert.equal(theirs.repeated, spelled.includes('[]'), `${name}.${field}`);
      assert.equal(theirs.map, spelled.includes('map:'), `${name}.${field}`);
      const isOneof = theirs.partOf !== null && !theirs.options?.proto3_optional;
      assert.equal(isOneof, spelled.startsWith('?'), `${name}.${field}`);
    }
  }
});

const typed = [
  { string: '' },
  { string: 'ü'.repeat(100) },
  { json: '{"a":"€😀"}' },
  { bytes: Buffer.alloc(0) },
  { bytes: Buffer.alloc(70_000, 7) },
  { int: 0 },
  { int: -1 },
  { int: 64 },
  { int: -(2 ** 31) - 1 },
  { int: Number.MAX_SAFE_INTEGER },
  { int: -Number.MAX_SAFE_INTEGER },
  { double: -1.5 },
  { collectionString: { string: ['', 'a', 'b'.repeat(200)] } },
  { collectionBytes: { bytes: [Buffer.from('x'), Buffer.alloc(0)] } },
  { collectionDouble: { double: [1, 2.5, -0.1] } },
  { collectionSint64: { sint64: [1, -1, 2 ** 40, -(2 ** 40)] } },
  { modelBindingData: { version: '1', source: 's', contentType: 'c', content: Buffer.from('z') } },
];

test('what we write, the public protobuf library reads', () => {
  for (const value of typed) {
    const message = { requestId: 'r', invocationResponse: { outputData: [{ name: 'n', data: value }], returnValue: value } };
    const theirs = reference.toObject(reference.decode(encoded(message)), { longs: Number });
    assert.deepEqual(theirs, { requestId: 'r', invocationResponse: message.invocationResponse });
  }
});

test('what it writes, we read', () => {
  for (const value of typed) {
    const message = { requestId: 'r', invocationRequest: { inputData: [{ name: 'n', data: value }], triggerMetadata: { k: value, ü: {} } } };
    const bytes = Buffer.from(reference.encode(reference.fromObject(message)).finish());
    const { invocationRequest } = decode('StreamingMessage', bytes, 0, bytes.length, true);
    const plain = JSON.parse(JSON.stringify(value));
    assert.deepEqual(JSON.parse(JSON.stringify(invocationRequest.inputData[0].data)), plain);
    assert.deepEqual(JSON.parse(JSON.stringify(invocationRequest.triggerMetadata)), { k: plain, ü: {} });
  }
});

test('64-bit integers outside the safe range are neither rounded nor lost', () => {
  const huge = { invocationResponse: { returnValue: { int: 2n ** 62n + 1n } } };
  const bytes = encoded(huge);
  assert.equal(decode('StreamingMessage', bytes, 0, bytes.length, false).invocationResponse.returnValue.int, 2n ** 62n + 1n);
  // Beyond 64 bits a number is clamped, as the reference library does.
  const beyond = encoded({ invocationResponse: { returnValue: { int: 1e300 } } });
  assert.equal(decode('StreamingMessage', beyond, 0, beyond.length, false).invocationResponse.returnValue.int, 2n ** 63n - 1n);
});

test('absent fields read as proto3 zero values, unset oneof members as null', () => {
  const bytes = encoded({ invocationRequest: { retryContext: {}, inputData: [{ name: 'n', data: {} }] } });
  const { invocationRequest } = decode('StreamingMessage', bytes, 0, bytes.length, false);
  assert.deepEqual([invocationRequest.retryContext.retryCount, invocationRequest.invocationId], [0, '']);
  assert.deepEqual(invocationRequest.triggerMetadata, {});
  assert.equal(invocationRequest.inputData[0].data.string, null);
  assert.equal(invocationRequest.traceContext, null);
});

test('unknown fields are skipped; a __proto__ key is data', () => {
  const known = encoded({ requestId: 'r', workerInitRequest: { capabilities: { ['__proto__']: 'x', a: 'b' } } });
  const unknown = Buffer.from([0xf8, 0x7f, 0x96, 0x01, 0xf9, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 0xfa, 0x7f, 2, 9, 9, 0xfd, 0x7f, 1, 2, 3, 4]);
  const bytes = Buffer.concat([unknown, known, unknown]);
  const message = decode('StreamingMessage', bytes, 0, bytes.length, false);
  assert.equal(message.requestId, 'r');
  assert.deepEqual(Object.entries(message.workerInitRequest.capabilities).sort(), [['__proto__', 'x'], ['a', 'b']]);
});

test('every truncation and many corruptions are refused or read, never a crash or a hang', () => {
  const message = { requestId: 'r'.repeat(20), invocationRequest: { invocationId: 'i', inputData: typed.map((data, i) => ({ name: `n${i}`, data })) } };
  const bytes = encoded({ ...message, invocationRequest: { ...message.invocationRequest, triggerMetadata: { a: { http: { url: 'u' } } } } });
  const small = bytes.subarray(0, 600);
  const attempt = (input) => {
    try {
      decode('StreamingMessage', input, 0, input.length, true);
    } catch (error) {
      assert.ok(error instanceof RangeError, error.stack);
    }
  };
  for (let length = 0; length < small.length; length++) attempt(small.subarray(0, length));
  let seed = 1;
  for (let round = 0; round < 20_000; round++) {
    const copy = Buffer.from(small);
    for (let flips = 0; flips < 3; flips++) {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      copy[seed % copy.length] = (seed >>> 8) & 0xff;
    }
    attempt(copy);
  }
});

test('an encoding error leaves the batch as it was', () => {
  const writer = new Writer(h2.HEAD, 64);
  writer.message(encoder('StreamingMessage'), { requestId: 'one' });
  const before = writer.length;
  assert.throws(() => writer.message(encoder('StreamingMessage'), { invocationResponse: { returnValue: { int: NaN } } }), RangeError);
  assert.equal(writer.length, before);
});

test('frames and messages may be cut anywhere, padded, and mixed with others', () => {
  const body = encoded({ requestId: 'x'.repeat(300) });
  const prefixed = Buffer.concat([Buffer.from([0, 0, 0, body.length >> 8, body.length & 255]), body]);
  const padded = Buffer.concat([Buffer.from([4]), prefixed.subarray(0, 100), Buffer.alloc(4)]);
  const bytes = Buffer.concat([
    h2.settings({ maxFrameSize: 16384 }),
    h2.frame(h2.TYPE.data, h2.FLAG.padded, 1, padded),
    h2.frame(h2.TYPE.ping, 0, 0, Buffer.from('pingpong')),
    h2.frame(h2.TYPE.data, 0, 1, prefixed.subarray(100)),
    h2.frame(h2.TYPE.data, 0, 1, Buffer.alloc(0)),
    h2.frame(77, 0, 1, Buffer.from('unknown')),
  ]);
  for (let step = 1; step < 40; step++) {
    const got = [];
    const frames = [];
    const deframer = new Deframer((buf, start, end, borrowed) => got.push(decode('StreamingMessage', buf, start, end, borrowed)));
    const parser = new h2.FrameParser(
      { onData: (buf, start, end) => deframer.push(buf, start, end), onDataEnd() {}, onFrame: (type, flags, id, payload) => frames.push([type, payload.toString()]) },
      16384,
    );
    const reused = Buffer.alloc(64);
    for (let at = 0; at < bytes.length; at += step) {
      const length = bytes.copy(reused, 0, at, Math.min(bytes.length, at + step));
      parser.push(reused, length);
    }
    assert.deepEqual(got.map((message) => message.requestId), ['x'.repeat(300)]);
    assert.deepEqual(frames.slice(1), [[h2.TYPE.ping, 'pingpong'], [77, 'unknown']]);
  }
});

/** A server that sees raw frames. */
function rawServer(onConnection) {
  return new Promise((resolve) => {
    const server = net.createServer(onConnection);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

test("the host's windows and frame size are honoured", async () => {
  const sizes = [];
  let received = 0;
  let allowed = 65535;
  const wanted = 200_000;
  await new Promise((resolve, reject) => {
    rawServer((socket) => {
      socket.write(h2.settings({ maxFrameSize: 20_000 }));
      let preface = h2.PREFACE.length;
      const parser = new h2.FrameParser(
        {
          onData() {},
          onDataEnd(length) {
            sizes.push(length);
            received += length;
            if (received > allowed) reject(new Error('the window was overrun'));
            if (received === allowed) {
              allowed += 50_000;
              for (const id of [1, 0]) socket.write(h2.windowUpdate(id, 50_000));
            }
            if (received >= wanted + 5) resolve(socket.destroy());
          },
          onFrame() {},
        },
        1 << 20,
      );
      socket.on('data', (chunk) => {
        const skip = Math.min(preface, chunk.length);
        preface -= skip;
        parser.push(chunk.subarray(skip), chunk.length - skip);
      });
    }).then((server) => {
      const { port } = server.address();
      const stream = new EventStream({ host: '127.0.0.1', port }, { onMessage() {}, onMalformed: reject, onClose: () => server.close() });
      stream.send({ invocationResponse: { returnValue: { bytes: Buffer.alloc(wanted) } } });
    }, reject);
  });
  assert.ok(Math.max(...sizes) <= 20_000, `a frame of ${Math.max(...sizes)} bytes`);
});

/** Starts a worker against a host that sends `bytes` after its settings; resolves to {code, stderr, sent}. */
function workerAgainst(bytes, onMessage = () => {}) {
  return new Promise((resolve, reject) => {
    rawServer((socket) => {
      let preface = h2.PREFACE.length;
      const deframer = new Deframer((buf, start, end, borrowed) => onMessage(decode('StreamingMessage', buf, start, end, borrowed), socket));
      const parser = new h2.FrameParser({ onData: (buf, start, end) => deframer.push(buf, start, end), onDataEnd() {}, onFrame() {} }, 1 << 20);
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        const skip = Math.min(preface, chunk.length);
        preface -= skip;
        parser.push(chunk.subarray(skip), chunk.length - skip);
      });
      socket.write(Buffer.concat([h2.settings({}), ...bytes]));
    }).then((server) => {
      const main = process.env.HORUS_WORKER_JS ?? path.join(__dirname, '../js/main.js');
      const uri = `http://127.0.0.1:${server.address().port}/`;
      const worker = spawn(process.env.HORUS_NODE ?? process.execPath, [main, '--functions-uri', uri, '--functions-worker-id', 'w'], { env: { ...process.env, NODE_OPTIONS: '' } });
      let stderr = '';
      worker.stderr.on('data', (text) => (stderr += text));
      worker.on('close', (code) => {
        server.close();
        resolve({ code, stderr });
      });
      worker.on('error', reject);
    }, reject);
  });
}

const data = (payload) => h2.frame(h2.TYPE.data, 0, 1, payload);

test('a malformed message is logged and skipped; the next one is served', async () => {
  const broken = data(Buffer.from([0, 0, 0, 0, 2, 0x22, 0x7f]));
  const status = encoded({ requestId: 'still here', workerStatusRequest: {} });
  const next = data(Buffer.concat([Buffer.from([0, 0, 0, 0, status.length]), status]));
  const seen = [];
  const { code } = await workerAgainst([broken, next], (message, socket) => {
    seen.push(message);
    if (message.content === 'workerStatusResponse') socket.end();
  });
  assert.equal(code, 0);
  assert.ok(seen.some((message) => message.rpcLog?.level === 'error' && message.rpcLog.message.includes('cannot read')));
  assert.equal(seen.at(-1).requestId, 'still here');
});

test('frames that break the agreement end the worker with 1 and a reason', async () => {
  const tooLarge = Buffer.from([0x7f, 0xff, 0xff, 0, 0, 0, 0, 0, 1]);
  const oversized = await workerAgainst([tooLarge]);
  assert.deepEqual([oversized.code, /larger than agreed/.test(oversized.stderr)], [1, true]);
  const compressed = await workerAgainst([data(Buffer.from([1, 0, 0, 0, 0]))]);
  assert.deepEqual([compressed.code, /compression/.test(compressed.stderr)], [1, true]);
  const refused = await workerAgainst([h2.frame(h2.TYPE.headers, h2.FLAG.endHeaders | h2.FLAG.endStream, 1, Buffer.from([0x88]))]);
  assert.deepEqual([refused.code, /worker id/.test(refused.stderr)], [1, true]);
});

test('launch arguments: either spelling, or a sentence about what is missing', async () => {
  const { parseLaunchArguments } = require('../js/arguments.js');
  const both = ['--host', '127.0.0.1', '--port', '1', '--workerId', 'a', '--functions-uri=http://127.0.0.2:2/', '--functions-worker-id', 'b'];
  assert.deepEqual(parseLaunchArguments(both), { host: '127.0.0.2', port: 2, workerId: 'b', requestId: '' });
  assert.equal(parseLaunchArguments(['--host', 'h', '--port', '1', '--workerId', 'a']).workerId, 'a');
  assert.throws(() => parseLaunchArguments([]), /--functions-uri/);
});
