'use strict';

const { Request } = require('./request.js');
const { Response } = require('./response.js');
const { fromTypedData, camelCased } = require('./values.js');

/** Binding definitions never change, and asking for them is rare: made once per function. */
const definitions = new WeakMap();

function definitionsOf(bindings) {
  let list = definitions.get(bindings);
  if (!list) {
    list = Object.entries(bindings).map(([name, { type, direction }]) => ({ name, type: type ?? '', direction }));
    definitions.set(bindings, list);
  }
  return list.map((definition) => ({ ...definition }));
}

/** `context.log(...)` with its levels. */
function loggerOf(log) {
  const logger = (...args) => log('information', ...args);
  logger.error = (...args) => log('error', ...args);
  logger.warn = (...args) => log('warning', ...args);
  logger.info = (...args) => log('information', ...args);
  logger.verbose = (...args) => log('trace', ...args);
  return logger;
}

class Context {
  constructor(core, { log, done }) {
    const { request, metadata } = core;
    const { traceContext } = request;
    this.invocationId = request.invocationId;
    this.traceContext = traceContext
      ? { traceparent: traceContext.traceParent, tracestate: traceContext.traceState, attributes: traceContext.attributes }
      : {};
    this.executionContext = {
      invocationId: request.invocationId,
      functionName: metadata.name,
      functionDirectory: metadata.directory,
      retryContext: request.retryContext,
    };
    this.bindings = {};
    this.log = loggerOf(log);
    this.bindingData = { invocationId: request.invocationId };
    for (const [key, value] of Object.entries(request.triggerMetadata)) {
      this.bindingData[key.charAt(0).toLowerCase() + key.slice(1)] = camelCased(fromTypedData(value));
    }
    this.bindingDefinitions = definitionsOf(metadata.bindings);
    this.done = done;
  }
}

/** The context of an invocation and the arguments that follow it, in the order of the bindings. */
function createArguments(core, callbacks) {
  const context = new Context(core, callbacks);
  const { request, metadata } = core;
  const inputs = [];
  for (const { name, data } of request.inputData) {
    if (!data || !name) continue;
    let input;
    if (data.http) {
      input = context.req = new Request(data.http);
    } else {
      input = fromTypedData(data);
      if (metadata.bindings[name]?.type?.toLowerCase() === 'timertrigger') input = camelCased(input);
    }
    context.bindings[name] = input;
    inputs.push(input);
  }
  if (context.req) addHttp(context, metadata.name);
  return { context, inputs };
}

let crypto;

/** What HTTP functions get in addition; `bindingData` repeats the request, as old functions expect. */
function addHttp(context, methodName) {
  // Loaded when first used: starting must not wait for it.
  crypto ??= require('node:crypto');
  context.res = new Response(context.done);
  const { bindingData, req } = context;
  bindingData.sys = { methodName, utcNow: new Date().toISOString(), randGuid: crypto.randomUUID() };
  bindingData.query ??= { ...req.query };
  bindingData.headers ??= { ...req.headers };
}

module.exports = { createArguments };
