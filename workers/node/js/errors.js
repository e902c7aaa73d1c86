'use strict';
// Errors the worker raises itself carry `isAzureFunctionsSystemError`: app libraries test for it, and such an error is
// also reported as a system log.

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
  if (thrown === undefined || thrown === null) return new Error('Unknown error');
  if (typeof thrown === 'string') return new Error(thrown);
  try {
    return new Error(typeof thrown === 'object' ? JSON.stringify(thrown) : String(thrown));
  } catch {
    return new Error('Unknown error (the thrown value has no text form)');
  }
}

/** The error as the wire's RpcException. */
function toRpcException(error) {
  return { message: String(error.message), stackTrace: typeof error.stack === 'string' ? error.stack : '' };
}

/** A failed StatusResult (spec worker-protocol.md §14). */
function failure(error) {
  return { status: 'failure', exception: toRpcException(error) };
}

module.exports = { SystemError, SystemRangeError, ReadOnlyError, asError, failure };
