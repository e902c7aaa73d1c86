'use strict';

const { ReadOnlyError } = require('../errors.js');

/** Defines `values` on `context` so that they can be read and changed, but not replaced. */
function readOnly(context, values) {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(context, name, {
      enumerable: true,
      get: () => value,
      set() {
        throw new ReadOnlyError(name);
      },
    });
  }
  return context;
}

/** Context of the appStart and appTerminate hooks. */
function appHookContext(app) {
  return readOnly({}, { hookData: app.appOnlyHookData, appHookData: app.appHookData });
}

/** Context of one stage of invocation hooks; `rest` holds what hooks may replace. */
function invocationHookContext(app, hookData, invocationContext, rest) {
  return Object.assign(readOnly({}, { hookData, appHookData: app.appHookData, invocationContext }), rest);
}

/** Runs the hooks in the order they were registered, one after the other; the first that throws ends it. */
async function runHooks(worker, name, context, log) {
  const callbacks = worker.app.hooks[name];
  if (callbacks.length === 0) return;
  const { logger } = worker;
  if (logger.isDebug) {
    logger.write({ ...log, level: 'debug', logCategory: 'system', message: `Executing ${callbacks.length} "${name}" hooks` });
  }
  for (const callback of [...callbacks]) await callback(context);
  if (logger.isDebug) logger.write({ ...log, level: 'debug', logCategory: 'system', message: `Executed "${name}" hooks` });
}

module.exports = { appHookContext, invocationHookContext, runHooks };
