'use strict';
// CPU time the worker spends per HTTP invocation: `node bench.js [app] [function] [invocations] [in flight]`.
// The host here speaks raw frames, so that it is never what limits the worker. Reads /proc: Linux only.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { spawn } = require('node:child_process');
const h2 = require('./js/wire/http2.js');
const { Deframer } = require('./js/wire/deframer.js');
const { Writer } = require('./js/wire/writer.js');
const { decode, encoder } = require('./js/wire/codec.js');

const [app = 'bench', functionName = 'hello', total = '20000', inFlight = '64'] = process.argv.slice(2);
const directory = path.resolve(__dirname, 'test/apps', app);
const WORKER = process.env.HORUS_WORKER_JS ?? path.join(__dirname, 'js/main.js');
const NODE = process.env.HORUS_NODE ?? process.execPath;
const WARM_UP = 3000;

/** User and system time of a process in microseconds. */
function cpuMicros(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const headers = { host: 'localhost:7071', 'user-agent': 'bench/1.0', accept: '*/*', 'accept-encoding': 'gzip', connection: 'keep-alive' };
const nullableHeaders = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, { value }]));
const trace = { traceParent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', traceState: '', attributes: {} };

function serve(socket, onReady) {
  const writer = new Writer(h2.HEAD, 1024 * 1024);
  const encode = encoder('StreamingMessage');
  let preface = h2.PREFACE.length;
  let planned = false;
  const deframer = new Deframer((buf, start, end, borrowed) => host.onMessage(decode('StreamingMessage', buf, start, end, borrowed)));
  const parser = new h2.FrameParser({ onData: (buf, start, end) => deframer.push(buf, start, end), onDataEnd() {}, onFrame() {} }, 1 << 20);
  const host = {
    onMessage() {},
    send(message) {
      writer.message(encode, message);
      if (planned) return;
      planned = true;
      setImmediate(() => {
        planned = false;
        h2.putHead(writer.buf, 0, writer.length, h2.TYPE.data, 0, 1);
        socket.write(writer.buf.subarray(0, writer.pos));
        writer.renew();
      });
    },
  };
  socket.setNoDelay(true);
  const windows = [0, 1].map((id) => h2.windowUpdate(id, h2.MAX_WINDOW - 65535));
  socket.write(Buffer.concat([h2.settings({ maxFrameSize: 1 << 20 }), h2.frame(h2.TYPE.headers, h2.FLAG.endHeaders, 1, Buffer.from([0x88])), ...windows]));
  socket.on('data', (chunk) => {
    const skip = Math.min(preface, chunk.length);
    preface -= skip;
    parser.push(chunk.subarray(skip), chunk.length - skip);
  });
  onReady(host);
}

function expect(host, content) {
  return new Promise((resolve) => {
    host.onMessage = (message) => message.content === content && resolve(message[content]);
  });
}

/** Runs `count` invocations, a fixed number at a time; resolves to the seconds it took. */
function run(host, functionId, trigger, count) {
  const started = process.hrtime.bigint();
  return new Promise((resolve, reject) => {
    let sent = 0;
    let done = 0;
    const next = () => {
      const invocationId = `01234567-89ab-cdef-0123-${String(sent++).padStart(12, '0')}`;
      const http = { method: 'GET', url: 'http://localhost:7071/api/hello?name=bench', nullableHeaders, nullableQuery: { name: { value: 'bench' } } };
      const triggerMetadata = { Query: { json: '{"name":"bench"}' }, Headers: { json: JSON.stringify(headers) }, name: { string: 'bench' } };
      const inputData = [{ name: trigger, data: { http } }];
      host.send({ invocationRequest: { invocationId, functionId, inputData, triggerMetadata, traceContext: trace } });
    };
    host.onMessage = ({ invocationResponse }) => {
      if (!invocationResponse) return;
      if (invocationResponse.result.status !== 'success') return reject(new Error(invocationResponse.result.exception.message));
      if (++done === count) return resolve(Number(process.hrtime.bigint() - started) / 1e9);
      if (sent < count) next();
    };
    for (let i = 0; i < Math.min(count, Number(inFlight)); i++) next();
  });
}

async function measure(host, worker) {
  await expect(host, 'startStream');
  const toStream = Number(process.hrtime.bigint() - launched) / 1e6;
  host.send({ workerInitRequest: { hostVersion: '4.0.0', functionAppDirectory: directory } });
  await expect(host, 'workerInitResponse');
  const toInit = Number(process.hrtime.bigint() - launched) / 1e6;
  host.send({ functionsMetadataRequest: { functionAppDirectory: directory } });
  const { functionMetadataResults: functions } = await expect(host, 'functionMetadataResponse');
  let trigger = 'req';
  if (functions.length > 0) {
    const bindings = functions.find(({ name }) => name === functionName).bindings;
    trigger = Object.entries(bindings).find(([, binding]) => binding.type === 'httpTrigger')[0];
    host.send({ functionLoadRequest: { functionId: functionName, metadata: {} } });
  } else {
    const bindings = { req: { type: 'httpTrigger', direction: 'in' }, res: { type: 'http', direction: 'out' } };
    const scriptFile = path.join(directory, functionName, 'index.js');
    host.send({ functionLoadRequest: { functionId: functionName, metadata: { name: functionName, scriptFile, bindings } } });
  }
  const { result } = await expect(host, 'functionLoadResponse');
  if (result.status !== 'success') throw new Error(result.exception.message);
  const first = await run(host, functionName, trigger, 1);
  await run(host, functionName, trigger, WARM_UP);
  const before = cpuMicros(worker.pid);
  const seconds = await run(host, functionName, trigger, Number(total));
  const micros = (cpuMicros(worker.pid) - before) / Number(total);
  const ms = (value) => `${value.toFixed(1)} ms`;
  console.log(`launch to start_stream ${ms(toStream)}, to init response ${ms(toInit)}, first invocation ${ms(first * 1000)}`);
  console.log(`${micros.toFixed(1)} µs CPU per invocation, ${Math.round(Number(total) / seconds)} invocations/s`);
}

const server = net.createServer((socket) =>
  serve(socket, (host) => {
    measure(host, worker)
      .catch((error) => {
        console.error(error);
        process.exitCode = 1;
      })
      .finally(() => (socket.destroy(), server.close()));
  }),
);
let worker;
let launched;
server.listen(0, '127.0.0.1', () => {
  const uri = `http://127.0.0.1:${server.address().port}/`;
  const args = [...(process.env.HORUS_NODE_ARGS?.split(' ') ?? []), WORKER, '--functions-uri', uri, '--functions-worker-id', 'w', '--functions-request-id', 'r'];
  launched = process.hrtime.bigint();
  worker = spawn(NODE, args, { cwd: directory, stdio: 'inherit' });
});
