'use strict';

const path = require('node:path');
const { enums } = require('../wire/schema.js');
const { SystemError, SystemRangeError } = require('../errors.js');

function checkEnum(kind, value, where) {
  if (value !== undefined && value !== null && !enums[kind].includes(value)) {
    throw new SystemRangeError(`${where}: "${value}" is not one of ${enums[kind].map((known) => `"${known}"`).join(', ')}`);
  }
}

/**
 * The function an app registers, with the metadata to answer an indexing request (spec worker-protocol.md §10).
 * `rawBindings` is what the host reads; `bindings` stays as registered, because the app library reads it back on every
 * invocation.
 */
function describeFunction(metadata, callback, entryFile) {
  const functionId = metadata.functionId || metadata.name;
  if (!functionId) throw new SystemError('A function must be registered with a name.');
  const name = metadata.name || functionId;
  const rawBindings = [];
  for (const [bindingName, binding] of Object.entries(metadata.bindings ?? {})) {
    const where = `function '${name}': binding '${bindingName}'`;
    checkEnum('Direction', binding.direction, `${where}: direction`);
    checkEnum('DataType', binding.dataType, `${where}: dataType`);
    rawBindings.push(JSON.stringify({ ...binding, name: bindingName }));
  }
  checkEnum('RetryStrategy', metadata.retryOptions?.retryStrategy, `function '${name}': retry strategy`);
  return registration(
    {
      ...metadata,
      name,
      functionId,
      rawBindings,
      directory: entryFile ? path.dirname(entryFile) : undefined,
      scriptFile: entryFile ? path.basename(entryFile) : 'unknown',
    },
    callback,
  );
}

/** A callable function with everything an invocation needs computed once. */
function registration(metadata, callback) {
  return { metadata, callback, name: metadata.name, logCategory: `${metadata.name}.Invocation` };
}

module.exports = { describeFunction, registration };
