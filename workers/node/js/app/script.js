'use strict';

const path = require('node:path');
const { pathToFileURL, fileURLToPath } = require('node:url');
const { createRequire } = require('node:module');

const requireFile = createRequire(__filename);

/** Whether Node treats the file as an ES module, judged as the platform does: by suffix, then by the app's package.json. */
function isEsModule(file, packageJson) {
  if (file.endsWith('.mjs') || file.endsWith('.mts')) return true;
  if (file.endsWith('.cjs') || file.endsWith('.cts')) return false;
  return packageJson.type === 'module';
}

/** Deep enough to see the user's frame behind those of Node's own module loader. */
const LOADING_STACK = 40;

/** Loads one script of the app and returns its exports. Only ES modules make it wait. */
function loadScript(file, packageJson) {
  if (isEsModule(file, packageJson)) return import(pathToFileURL(file).href);
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = LOADING_STACK;
  try {
    return requireFile(file);
  } finally {
    // Unless the script has a wish of its own.
    if (Error.stackTraceLimit === LOADING_STACK) Error.stackTraceLimit = limit;
  }
}

/** Where the worker itself lives: its frames are not the user's. */
const OWN = path.dirname(path.resolve(process.argv[1])) + path.sep;

/**
 * Where in the user's code an error arose, as `file:line[:column]`, or undefined.
 * Syntax errors name the place in the first line of their stack, all others in the first frame that is not Node's own.
 */
function placeOf(error) {
  const stack = typeof error.stack === 'string' ? error.stack : '';
  const syntax = /^((?:file:\/\/)?\/[^\n]*?|[A-Za-z]:\\[^\n]*?):(\d+)\n/.exec(stack);
  if (syntax) return place(syntax[1], syntax[2]);
  for (const line of stack.split('\n')) {
    const frame = /^\s+at (?:.*\()?((?:file:\/\/\/|\/|[A-Za-z]:\\).*?):(\d+):(\d+)\)?$/.exec(line);
    if (frame && !frame[1].startsWith(OWN)) return place(frame[1], frame[2], frame[3]);
  }
  return undefined;
}

function place(file, ...position) {
  return [file.startsWith('file://') ? fileURLToPath(file) : file, ...position].join(':');
}

/** The error's message with the place it names, relative to the app, at the end of its first line. */
function messageWithPlace(error, appDirectory) {
  const place = placeOf(error);
  if (!place) return error.message;
  const [first, ...rest] = error.message.split('\n');
  return [`${first} (at ${displayPath(place, appDirectory)})`, ...rest].join('\n');
}

/** `file` as a person names it: relative to the app when it lies inside. */
function displayPath(file, appDirectory) {
  const relative = path.relative(appDirectory, file);
  return relative && !relative.startsWith('..') && !path.isAbsolute(relative) ? relative : file;
}

module.exports = { loadScript, messageWithPlace, displayPath };
