'use strict';
// A host on the public gRPC library: what it and our own transport agree on is the protocol, not our reading of it.

const { spawn } = require('node:child_process');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const PROTO = path.join(__dirname, '../../../../worker-protocol/proto');
const WORKER = process.env.HORUS_WORKER_JS ?? path.join(__dirname, '../../js/main.js');
const NODE = process.env.HORUS_NODE ?? process.execPath;
const UNLIMITED = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
/** Long enough for a busy machine; nothing waits this long unless it has failed. */
const PATIENCE = 30_000;

const contract = grpc.loadPackageDefinition(
  loader.loadSync('FunctionRpc.proto', { includeDirs: [PROTO], longs: String, enums: String, oneofs: true }),
).AzureFunctionsRpcMessages;

const app = (name) => path.join(__dirname, '../apps', name);

/** One host with one worker process. */
class Host {
  received = [];
  waiting = [];
  stdout = '';
  stderr = '';

  /** Starts the server and a worker for `directory`; resolves when the worker has introduced itself. */
  static async start(directory, options = {}) {
    const host = new Host();
    host.directory = directory;
    host.server = new grpc.Server(UNLIMITED);
    host.server.addService(contract.FunctionRpc.service, {
      EventStream: (call) => {
        host.call = call;
        call.on('data', (message) => host.#arrived(message));
        call.on('error', () => {});
        call.on('end', () => call.end());
      },
    });
    const port = await new Promise((resolve, reject) => {
      host.server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    host.launch(port, options);
    host.startStream = (await host.next('startStream')).startStream;
    return host;
  }

  launch(port, { env = {}, args = [] }) {
    const limit = '2147483647';
    const old = ['--host', '127.0.0.1', '--port', port, '--workerId', 'w1', '--requestId', 'r1', '--grpcMaxMessageLength', limit];
    const current = ['uri', `http://127.0.0.1:${port}/`, 'worker-id', 'w1', 'request-id', 'r1', 'grpc-max-message-length', limit];
    const spelled = current.map((word, index) => (index % 2 === 0 ? `--functions-${word}` : word));
    this.worker = spawn(NODE, [...args, WORKER, ...old.map(String), ...spelled], {
      cwd: this.directory,
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    });
    this.worker.stdout.on('data', (text) => (this.stdout += text));
    this.worker.stderr.on('data', (text) => (this.stderr += text));
    this.exited = new Promise((resolve) => this.worker.on('close', (code, signal) => resolve(code ?? signal)));
    this.exited.then((code) => {
      for (const waiter of this.waiting.splice(0)) {
        waiter.reject(new Error(`the worker exited with ${code}\n${this.stderr}`));
      }
    });
  }

  #arrived(message) {
    this.received.push(message);
    for (const waiter of [...this.waiting]) {
      if (!waiter.matches(message)) continue;
      this.waiting.splice(this.waiting.indexOf(waiter), 1);
      waiter.resolve(message);
    }
  }

  /** The next message of this kind, from those that arrive after the call or have arrived unclaimed. */
  next(content, matches = () => true) {
    const isIt = (message) => message.content === content && !message.claimed && matches(message[content]);
    const claim = (message) => Object.assign(message, { claimed: true });
    const present = this.received.find(isIt);
    if (present) return Promise.resolve(claim(present));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${content} came; stderr: ${this.stderr}`)), PATIENCE);
      const settle = (then) => (value) => (clearTimeout(timer), then(value));
      this.waiting.push({ matches: isIt, resolve: settle((m) => resolve(claim(m))), reject: settle(reject) });
    });
  }

  send(message) {
    this.call.write(message);
  }

  async init(request = {}) {
    const functionAppDirectory = this.directory;
    this.send({ workerInitRequest: { hostVersion: '4.1037.0', workerDirectory: '/w', functionAppDirectory, ...request } });
    return (await this.next('workerInitResponse')).workerInitResponse;
  }

  async metadata() {
    this.send({ functionsMetadataRequest: { functionAppDirectory: this.directory } });
    return (await this.next('functionMetadataResponse')).functionMetadataResponse;
  }

  async load(functionId, metadata = {}) {
    this.send({ functionLoadRequest: { functionId, metadata } });
    return (await this.next('functionLoadResponse', (m) => m.functionId === functionId)).functionLoadResponse;
  }

  /** init, metadata, load of every function; resolves to the metadata by name. */
  async ready() {
    this.initResponse = await this.init();
    const { functionMetadataResults: functions = [], result } = await this.metadata();
    if (result.status !== 'Success') throw new Error(result.exception.message);
    for (const metadata of functions) {
      const { result } = await this.load(metadata.functionId, metadata);
      if (result.status !== 'Success') throw new Error(result.exception.message);
    }
    return Object.fromEntries(functions.map((metadata) => [metadata.name, metadata]));
  }

  #invocations = 0;

  /** Sends an invocation; resolves to its InvocationResponse. */
  async invoke(functionId, inputs, rest = {}) {
    const invocationId = rest.invocationId ?? `i${++this.#invocations}`;
    const inputData = Object.entries(inputs).map(([name, data]) => ({ name, data }));
    this.send({ requestId: `q-${invocationId}`, invocationRequest: { invocationId, functionId, inputData, ...rest } });
    return (await this.next('invocationResponse', (m) => m.invocationId === invocationId)).invocationResponse;
  }

  /** Log lines so far as [category, level, message]. */
  logs(invocationId) {
    const lines = this.received.filter((m) => m.content === 'rpcLog').map((m) => m.rpcLog);
    const wanted = invocationId === undefined ? lines : lines.filter((log) => log.invocationId === invocationId);
    return wanted.map((log) => [log.logCategory ?? 'User', log.level ?? 'Trace', log.message]);
  }

  async stop() {
    this.worker.kill('SIGKILL');
    await this.exited;
    this.server.forceShutdown();
  }
}

/** An HTTP input as the host sends it to a worker with our capabilities. */
function http({ method = 'GET', url = 'http://localhost:7071/api/x', headers = {}, query = {}, params = {}, body } = {}) {
  const nullable = (map) => Object.fromEntries(Object.entries(map).map(([key, value]) => [key, { value }]));
  const nullableHeaders = nullable(headers);
  const rpc = { method, url, nullableHeaders, nullableQuery: nullable(query), nullableParams: nullable(params) };
  if (body !== undefined) rpc.body = { bytes: Buffer.from(body) };
  return { http: rpc };
}

/** Runs `body` with a host for the named app and stops it whatever happens. */
async function withHost(directory, body, options) {
  const host = await Host.start(path.isAbsolute(directory) ? directory : app(directory), options);
  try {
    return await body(host);
  } finally {
    await host.stop();
  }
}

module.exports = { Host, withHost, http, app };
