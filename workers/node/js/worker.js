'use strict';

const process = require('node:process');
const { AppState } = require('./app/state.js');
const { appHookContext, runHooks } = require('./app/hooks.js');
const { startApp } = require('./app/start.js');
const { loadFunction } = require('./app/legacy.js');
const { SystemError, asError, failure } = require('./errors.js');
const { invoke } = require('./invoke/invocation.js');
const { Logger } = require('./log.js');
const { legacyModel } = require('./v3/model.js');
const { CORE_VERSION } = require('./version.js');

/** Capabilities as the reference worker has them, and batch loading (spec worker-protocol.md §6). */
const CAPABILITIES = {
  RawHttpBodyBytes: 'true',
  RpcHttpTriggerMetadataRemoved: 'true',
  RpcHttpBodyOnly: 'true',
  IgnoreEmptyValuedRpcHttpHeaders: 'true',
  UseNullableValueDictionaryForHttp: 'true',
  WorkerStatus: 'true',
  TypedDataCollection: 'true',
  HandlesWorkerTerminateMessage: 'true',
  SupportsLoadResponseCollection: 'true',
};

const SUCCESS = { status: 'success' };

/** Answers what the host asks (spec worker-protocol.md §5). The stream is attached right after construction. */
class Worker {
  constructor(id) {
    this.id = id;
    this.stream = undefined;
    this.hostVersion = undefined;
    this.app = new AppState(legacyModel);
    this.logger = new Logger(this);
  }

  onMessage(message) {
    switch (message.content) {
      case 'invocationRequest':
        return void this.#invoke(message);
      case 'workerStatusRequest':
        return this.stream.send({ requestId: message.requestId, workerStatusResponse: {} });
      case 'functionLoadRequest':
        return void this.#answer(message, 'functionLoadResponse', this.#load);
      case 'functionLoadRequestCollection':
        return void this.#answer(message, 'functionLoadResponseCollection', this.#loadAll);
      case 'workerInitRequest':
        return void this.#answer(message, 'workerInitResponse', this.#initialize);
      case 'functionsMetadataRequest':
        return void this.#answer(message, 'functionMetadataResponse', this.#describe);
      case 'functionEnvironmentReloadRequest':
        return void this.#answer(message, 'functionEnvironmentReloadResponse', this.#reload);
      case 'workerWarmupRequest':
        return this.stream.send({ requestId: message.requestId, workerWarmupResponse: { result: SUCCESS } });
      case 'workerTerminate':
        return void this.#terminate();
      default:
      // Messages of features we did not announce are ignored (spec worker-protocol.md §5.5).
    }
  }

  onMalformed(error) {
    this.logger.system('error', `Worker ${this.id} received a message it cannot read: ${error.message}`);
  }

  async #invoke(message) {
    const { invocationId } = message.invocationRequest;
    let response;
    try {
      response = await invoke(this, message.invocationRequest);
      response.invocationId = invocationId;
      this.stream.send({ requestId: message.requestId, invocationResponse: response });
    } catch (thrown) {
      // Either the function failed, or what it returned has no form on the wire.
      const result = failure(this.#noted(thrown));
      this.stream.send({ requestId: message.requestId, invocationResponse: { invocationId, result } });
    }
  }

  /** Sends `name` with what `handle` returns; a rejection becomes a failed result. */
  async #answer(message, name, handle) {
    const request = message[message.content];
    let response;
    try {
      response = { result: SUCCESS, ...(await handle.call(this, request)) };
    } catch (thrown) {
      response = { functionId: request.functionId, workerMetadata: this.#metadata(), result: failure(this.#noted(thrown)) };
    }
    this.stream.send({ requestId: message.requestId, [name]: response });
  }

  /** The error thrown; errors of the worker itself are logged once as well. */
  #noted(thrown) {
    const error = asError(thrown);
    if (error.isAzureFunctionsSystemError && error !== this.app.startError && !error.isLogged) {
      this.logger.system('error', error.message);
      Object.defineProperty(error, 'isLogged', { value: true });
    }
    return error;
  }

  async #initialize(request) {
    this.hostVersion = request.hostVersion;
    this.logger.configure(request.logCategories);
    const major = Number(process.versions.node.split('.')[0]);
    if (major < 18) throw new SystemError(`Node.js ${process.version} is too old: version 18 or newer is required.`);
    if (request.functionAppDirectory) await startApp(this, request.functionAppDirectory);
    return { workerMetadata: this.#metadata(), capabilities: await this.#capabilities() };
  }

  async #reload(request) {
    this.app = new AppState(legacyModel);
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, request.environmentVariables);
    // A module that registered functions with the previous app has to run again to register them with this one.
    for (const file of Object.keys(require.cache)) if (file !== __filename) delete require.cache[file];
    if (request.functionAppDirectory) {
      process.chdir(request.functionAppDirectory);
      await startApp(this, request.functionAppDirectory);
    }
    return {
      workerMetadata: this.#metadata(),
      capabilities: await this.#capabilities(),
      capabilitiesUpdateStrategy: 'replace',
    };
  }

  #metadata() {
    const model = this.app.programmingModel;
    return {
      runtimeName: 'node',
      runtimeVersion: process.versions.node,
      workerVersion: CORE_VERSION,
      workerBitness: process.arch === 'ia32' ? 'x86' : process.arch,
      customProperties: { modelName: model.name, modelVersion: model.version, worker: 'horus' },
    };
  }

  async #capabilities() {
    const capabilities = { ...CAPABILITIES };
    const model = this.app.programmingModel;
    return model.getCapabilities ? ((await model.getCapabilities(capabilities)) ?? capabilities) : capabilities;
  }

  #describe() {
    const { app } = this;
    app.isLocked = true;
    if (app.startError) throw app.startError;
    if (!app.usesWorkerIndexing) return { useDefaultMetadataIndexing: true };
    const functionMetadataResults = [...app.functions.values()].map((registered) => registered.metadata);
    // An app whose functions were all disposed again looks like one without functions.
    return { useDefaultMetadataIndexing: functionMetadataResults.length === 0, functionMetadataResults };
  }

  async #load(request) {
    const { app } = this;
    const { functionId, metadata } = request;
    app.isLocked = true;
    this.#warmUp();
    if (app.startError) throw app.startError;
    if (app.usesWorkerIndexing) {
      if (!app.functions.has(functionId)) throw new SystemError(`The app has not registered a function with id '${functionId}'.`);
    } else if (!metadata?.isProxy) {
      app.functions.set(functionId, await loadFunction(app, request));
    }
    return { functionId };
  }

  /** Loading the fetch classes takes longer than the first request should: it is done between loading and that request. */
  #warmUp() {
    const { app } = this;
    if (app.isWarm || !app.usesWorkerIndexing) return;
    app.isWarm = true;
    const bindings = [...app.functions.values()].flatMap(({ metadata }) => Object.values(metadata.bindings ?? {}));
    if (!bindings.some(({ type }) => type === 'httpTrigger')) return;
    setImmediate(() => {
      this.stream.flush();
      setImmediate(() => globalThis.Request);
    });
  }

  async #loadAll({ functionLoadRequests }) {
    const functionLoadResponses = [];
    for (const request of functionLoadRequests) {
      try {
        functionLoadResponses.push({ result: SUCCESS, ...(await this.#load(request)) });
      } catch (thrown) {
        functionLoadResponses.push({ functionId: request.functionId, result: failure(this.#noted(thrown)) });
      }
    }
    return { functionLoadResponses };
  }

  async #terminate() {
    try {
      await runHooks(this, 'appTerminate', appHookContext(this.app));
    } catch (thrown) {
      this.#noted(thrown);
      console.error(`Error in an appTerminate hook: ${asError(thrown).stack}`);
    }
    this.stream.end(() => process.exit(0));
  }
}

module.exports = { Worker };
