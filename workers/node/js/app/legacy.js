'use strict';
// Functions described by function.json: the host names a script, we find the function it exports.

const path = require('node:path');
const { SystemError, asError } = require('../errors.js');
const { registration } = require('./describe.js');
const { loadScript, messageWithPlace } = require('./script.js');

/** Loads the script of one function; resolves to a registration. */
async function loadFunction(app, request) {
  const metadata = plainMetadata(request);
  const file = path.resolve(metadata.directory || app.directory || '.', metadata.scriptFile);
  let exported;
  try {
    exported = await loadScript(file, app.packageJson);
  } catch (thrown) {
    const error = asError(thrown);
    const reason = messageWithPlace(error, app.directory ?? '.');
    const report = new SystemError(`Worker was unable to load function ${metadata.name}: ${reason}`);
    report.stack = `${report.message}\n${error.stack}`;
    throw report;
  }
  const [callback, thisArg] = entryPointOf(exported, metadata.entryPoint, metadata.name);
  return registration(metadata, callback.bind(thisArg));
}

/** The wire's metadata with its defaults as own properties, as the programming model lists and copies them. */
function plainMetadata({ functionId, metadata }) {
  const { name, directory, scriptFile, entryPoint, properties } = metadata;
  const bindings = {};
  for (const [bindingName, { type, direction, dataType, properties: details }] of Object.entries(metadata.bindings)) {
    bindings[bindingName] = { type, direction, dataType, properties: details };
  }
  return { functionId, name, directory, scriptFile, entryPoint, properties, bindings };
}

/**
 * The function a module means: itself, else the export named by `entryPoint`, else its only export, else `run` or `index`
 * (spec worker-protocol.md §11.3). Returned with the object it is to be called on.
 */
function entryPointOf(exported, entryPoint, name) {
  let callback = exported;
  let thisArg;
  if (exported !== null && typeof exported === 'object') {
    const keys = Object.keys(exported);
    thisArg = exported;
    if (entryPoint) callback = exported[entryPoint];
    else if (keys.length === 1) callback = exported[keys[0]];
    else callback = exported.run || exported.index;
  }
  if (!callback) {
    throw new SystemError(
      `function '${name}': unable to determine function entry point${entryPoint ? `: ${entryPoint}` : ''}. ` +
        "If multiple functions are exported, name the one to run with 'entryPoint' in function.json, or call it 'run' or 'index'.",
    );
  }
  if (typeof callback !== 'function') {
    throw new SystemError(`function '${name}': the resolved entry point is not a function. Check what the script exports.`);
  }
  return [callback, thisArg];
}

module.exports = { loadFunction };
