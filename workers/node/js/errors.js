'use strict';
// Errors the worker raises itself carry `isAzureFunctionsSystemError`: app libraries test for it, and such an error is
// also reported as a system log.

const path = require('node:path');

class SystemError extends Error {
  isAzureFunctionsSystemError = true;
}

class SystemRangeError extends RangeError {
  isAzureFunctionsSystemError = true;
}

class ReadOnlyError extends TypeError {
  isAzureFunctionsSystemError = true;
  constructor(property) {
    super(`Cannot assign to read only property '${property}'`);
  }
}

/** Whatever was thrown, as an Error. */
function asError(thrown) {
  if (thrown instanceof Error) return thrown;
  // Errors of another realm (vm contexts, test runners) are errors too.
  if (typeof thrown === 'object' && thrown !== null && typeof thrown.message === 'string' && 'stack' in thrown) return thrown;
  const error = new Error(textOf(thrown));
  // Nobody recorded where it was thrown, and where we noticed is of no use.
  error.stack = `Error: ${error.message}`;
  return error;
}

function textOf(thrown) {
  if (thrown === undefined || thrown === null) return 'Unknown error';
  if (typeof thrown !== 'object') return String(thrown);
  try {
    return JSON.stringify(thrown);
  } catch {
    return 'Unknown error (the thrown value has no text form)';
  }
}

/** Where the worker's own code is; nobody who debugs an app wants to see it. */
const OWN = path.dirname(__filename) + path.sep;

/** The part of a stack that belongs to the app: up to the first frame of the worker, less Node's own before it. */
function appStack(stack) {
  const lines = stack.split('\n');
  let end = lines.findIndex((line) => line.includes(OWN) && /^\s+at /.test(line));
  if (end === -1) return stack;
  while (end > 0 && /^\s+at .*\(?node:/.test(lines[end - 1])) end--;
  return lines.slice(0, end).join('\n');
}

/** The error as the wire's RpcException. */
function toRpcException(error) {
  return { message: String(error.message), stackTrace: typeof error.stack === 'string' ? appStack(error.stack) : '' };
}

/** A failed StatusResult (spec worker-protocol.md §14). */
function failure(error) {
  return { status: 'failure', exception: toRpcException(error) };
}

module.exports = { SystemError, SystemRangeError, ReadOnlyError, appStack, asError, failure };
