'use strict';

const { enums } = require('./wire/schema.js');
const { ReadOnlyError } = require('./errors.js');

/** What a `log` hook sees. Level and message can be replaced; for user logs the replacement is what is sent. */
class LogHookContext {
  #category;
  #hookData;
  #appHookData;
  #invocationContext;

  constructor(log, appHookData, invocation) {
    this.level = log.level;
    this.message = log.message;
    this.#category = log.logCategory;
    this.#hookData = invocation?.hookData ?? {};
    this.#appHookData = appHookData;
    this.#invocationContext = invocation?.invocationContext;
  }
  get category() {
    return this.#category;
  }
  set category(_) {
    throw new ReadOnlyError('category');
  }
  get hookData() {
    return this.#hookData;
  }
  set hookData(_) {
    throw new ReadOnlyError('hookData');
  }
  get appHookData() {
    return this.#appHookData;
  }
  set appHookData(_) {
    throw new ReadOnlyError('appHookData');
  }
  get invocationContext() {
    return this.#invocationContext;
  }
  set invocationContext(_) {
    throw new ReadOnlyError('invocationContext');
  }
}

/** Sends RpcLog messages (spec worker-protocol.md §13). */
class Logger {
  constructor(worker) {
    this.worker = worker;
    /**
     * Lowest level of system logs that is sent. The host shows every one of them at Information or above, so chatter
     * stays home unless the host asks for it by naming `Worker` or `System` in `log_categories`.
     */
    this.systemThreshold = enums.Level.indexOf('information');
  }

  configure(logCategories) {
    const level = logCategories.Worker ?? logCategories.System;
    if (level !== undefined) this.systemThreshold = enums.Level.indexOf(level);
  }

  /** A log line of the worker itself. */
  system(level, message) {
    this.write({ level, message, logCategory: 'system' });
  }

  get isDebug() {
    return this.systemThreshold <= enums.Level.indexOf('debug');
  }

  /** @param invocation {hookData, invocationContext} of the invocation that logs, for `log` hooks. */
  write(log, invocation) {
    if (enums.Level.indexOf(log.level) < this.systemThreshold && log.logCategory === 'system') return;
    const { app, stream } = this.worker;
    if (app.hooks.log.length > 0) this.#runHooks(app, log, invocation);
    stream.send({ rpcLog: log });
  }

  #runHooks(app, log, invocation) {
    try {
      const context = new LogHookContext(log, app.appHookData, invocation);
      for (const callback of app.hooks.log) callback(context);
      if (log.logCategory !== 'user' || !enums.Level.includes(context.level)) return;
      log.message = String(context.message);
      log.level = context.level;
    } catch {
      // A failing hook must not lose the line it was shown.
    }
  }
}

module.exports = { Logger };
