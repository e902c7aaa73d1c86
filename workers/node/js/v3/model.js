'use strict';
// The v3 programming model: functions described by function.json and called as `(context, ...inputs)`
// (spec worker-protocol.md §11.3). It serves every app that registers nothing.

const { format } = require('node:util');
const { createArguments } = require('./context.js');
const { outputsOf } = require('./outputs.js');

class InvocationModel {
  #core;
  #bindings;
  #isDone = false;
  #isPromise = false;
  #finish;
  #fail;

  constructor(core) {
    this.#core = core;
    this.#bindings = core.metadata.bindings;
  }

  getArguments() {
    return createArguments(this.#core, {
      log: (level, ...args) => this.#userLog(level, args),
      done: (error, result) => this.#done(error, result),
    });
  }

  async invokeFunction(context, inputs, callback) {
    const called = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.#context = context;
    try {
      const returned = callback(context, ...inputs);
      this.#isPromise = typeof returned?.then === 'function';
      if (!this.#isPromise) return await called;
      const settled = Promise.resolve(returned).then((result) => {
        this.#note();
        return result;
      });
      return await Promise.race([settled, called]);
    } finally {
      this.#isDone = true;
    }
  }

  getResponse(context, result) {
    const response = outputsOf(this.#bindings, context, result);
    response.invocationId = this.#core.invocationId;
    return response;
  }

  #context;

  /** `context.done`: the first call settles the function, whether or not it also returned a promise. */
  #done(error, result) {
    this.#note();
    if (error !== null && error !== undefined) this.#fail?.(error);
    else this.#finish?.(result);
  }

  /** Marks completion and says so when it is the second one. */
  #note() {
    if (this.#isDone && !(this.#isPromise && this.#context?.suppressAsyncDoneError)) {
      this.#core.log(
        'error',
        'system',
        this.#isPromise
          ? "Error: a function must either return a promise or call 'done', not both. Learn more: https://go.microsoft.com/fwlink/?linkid=2097909"
          : "Error: 'done' was called more than once.",
      );
    }
    this.#isDone = true;
  }

  #userLog(level, args) {
    if (this.#isDone && this.#core.state !== 'postInvocationHooks') {
      this.#core.log(
        'warning',
        'system',
        "Warning: 'log' was called on the context object after the function had completed. Await all asynchronous calls, and call 'done' last. " +
          `Function name: ${this.#core.metadata.name}. Invocation Id: ${this.#core.invocationId}. ` +
          'Learn more: https://go.microsoft.com/fwlink/?linkid=2097909',
      );
    }
    this.#core.log(level, 'user', format(...args));
  }
}

/** The model in use until an app's library sets its own. Name and version are those it is compatible with. */
const legacyModel = {
  name: '@azure/functions',
  version: '3.5.0',
  getInvocationModel: (core) => new InvocationModel(core),
};

module.exports = { legacyModel };
