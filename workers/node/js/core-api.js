'use strict';
// The module `@azure/functions-core`: it exists only at run time and is what the app's `@azure/functions` library talks to
// (spec worker-protocol.md §11.2).

const Module = require('node:module');
const { enums } = require('./wire/schema.js');
const { SystemError, SystemRangeError } = require('./errors.js');
const { describeFunction } = require('./app/describe.js');
const { CORE_VERSION } = require('./version.js');

const ID = '@azure/functions-core';

/** Runs a callback once, when disposed. */
class Disposable {
  #callback;

  static from(...disposables) {
    return new Disposable(() => {
      for (const disposable of disposables) disposable?.dispose?.();
    });
  }

  constructor(callback) {
    this.#callback = callback;
  }

  dispose() {
    const callback = this.#callback;
    this.#callback = undefined;
    return callback?.();
  }
}

function createCoreApi(worker) {
  return {
    version: CORE_VERSION,

    get hostVersion() {
      if (worker.hostVersion === undefined) throw new SystemError('Cannot access hostVersion before worker init');
      return worker.hostVersion;
    },

    registerFunction(metadata, callback) {
      const { app } = worker;
      if (app.isLocked) throw new SystemError('A function can only be registered during app startup.');
      const registered = describeFunction(metadata, callback, app.entryFile);
      const id = registered.metadata.functionId;
      if (app.functions.has(id)) throw new SystemError(`A function with id "${id}" has already been registered.`);
      app.functions.set(id, registered);
      app.usesWorkerIndexing = true;
      return new Disposable(() => {
        if (app.isLocked) throw new SystemError('A function can only be disposed during app startup.');
        app.functions.delete(id);
      });
    },

    registerHook(name, callback) {
      const hooks = Object.hasOwn(worker.app.hooks, name) ? worker.app.hooks[name] : undefined;
      if (!hooks) throw new SystemRangeError(`Unrecognized hook "${name}"`);
      hooks.push(callback);
      return new Disposable(() => {
        const index = hooks.indexOf(callback);
        if (index >= 0) hooks.splice(index, 1);
      });
    },

    setProgrammingModel(model) {
      if (worker.logger.isDebug) {
        worker.logger.system('debug', `Setting Node.js programming model to "${model.name}" version "${model.version}"`);
      }
      worker.app.programmingModel = model;
    },

    getProgrammingModel() {
      return worker.app.programmingModel;
    },

    log(level, category, message) {
      if (!enums.Level.includes(level)) throw new SystemRangeError(`Unrecognized log level "${level}"`);
      if (!enums.LogCategory.includes(category)) throw new SystemRangeError(`Unrecognized log category "${category}"`);
      worker.logger.write({ level, logCategory: category, message: String(message) });
    },

    Disposable,
  };
}

/** Makes `require('@azure/functions-core')` answer with `api`; every other id is left to Node. */
function injectCoreApi(api) {
  const load = Module._load;
  Module._load = function (id, ...rest) {
    return id === ID ? api : Reflect.apply(load, this, [id, ...rest]);
  };
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (id, ...rest) {
    return id === ID ? ID : Reflect.apply(resolve, this, [id, ...rest]);
  };
}

module.exports = { createCoreApi, injectCoreApi };
