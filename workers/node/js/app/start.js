'use strict';
// Starting an app: package.json -> entry files -> appStart hooks (spec worker-protocol.md §11.1).

const fs = require('node:fs');
const path = require('node:path');
const { SystemError, appStack, asError } = require('../errors.js');
const { runHooks, appHookContext } = require('./hooks.js');
const { glob } = require('./glob.js');
const { loadScript, messageWithPlace, displayPath } = require('./script.js');

/**
 * Loads the app in `directory`. An entry file that fails is remembered in `app.startError` rather than thrown: the worker
 * is well, and the host asks for functions next and is then told what is wrong.
 */
async function startApp(worker, directory) {
  const { app } = worker;
  app.directory = directory;
  app.packageJson = readPackageJson(worker, directory);
  const pattern = app.packageJson.main;
  if (typeof pattern === 'string' && pattern !== '') {
    try {
      await loadEntryFiles(worker, directory, pattern);
    } catch (thrown) {
      reportStartError(worker, asError(thrown), pattern);
    }
  }
  const context = appHookContext(app);
  context.functionAppDirectory = directory;
  await runHooks(worker, 'appStart', context);
}

function readPackageJson(worker, directory) {
  const file = path.join(directory, 'package.json');
  try {
    const content = JSON.parse(fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
    return typeof content === 'object' && content !== null ? content : {};
  } catch (error) {
    const reason = error.code === 'ENOENT' ? 'file does not exist' : error.message;
    worker.logger.system('warning', `Worker failed to load package.json in "${directory}": ${reason}`);
    return {};
  }
}

async function loadEntryFiles(worker, directory, pattern) {
  const { app } = worker;
  const files = glob(directory, pattern);
  if (files.length === 0) {
    if (hasFunctionJson(directory)) {
      // `npm init` writes "main": "index.js" whether or not such a file will ever exist; functions described by
      // function.json files do without it.
      worker.logger.system('warning', noEntryFile(directory, pattern));
      return;
    }
    throw new SystemError(noEntryFile(directory, pattern));
  }
  for (const file of files) {
    if (worker.logger.isDebug) worker.logger.system('debug', `Loading entry point file "${displayPath(file, directory)}"`);
    app.entryFile = file;
    try {
      await loadWithRetry(file, app.packageJson);
    } catch (thrown) {
      const error = asError(thrown);
      error.entryFile = displayPath(file, directory);
      throw error;
    } finally {
      app.entryFile = undefined;
    }
  }
}

/** Network shares that are still being mounted fail with `lstat ... home` for a moment. */
async function loadWithRetry(file, packageJson) {
  for (let attempt = 1, wait = 500; ; attempt++, wait *= 2) {
    try {
      return await loadScript(file, packageJson);
    } catch (error) {
      if (attempt > 9 || !/lstat.*home/i.test(error?.message ?? '')) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

function hasFunctionJson(directory) {
  const folders = fs.readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.some((folder) => fs.existsSync(path.join(directory, folder.name, 'function.json')));
}

function noEntryFile(directory, pattern) {
  const typescript = fs.existsSync(path.join(directory, 'tsconfig.json'));
  const hint = typescript
    ? 'This looks like a TypeScript app that has not been compiled: run `npm run build`.'
    : 'Create the file, or correct "main".';
  return `Found zero files matching "${pattern}", the "main" of ${path.join(directory, 'package.json')}. ${hint}`;
}

/** Tells people in full, once; the host answers every later question with `app.startError`. */
function reportStartError(worker, error, pattern) {
  const { app, logger } = worker;
  const what = error.entryFile ?? pattern;
  const reason = error.entryFile ? messageWithPlace(error, app.directory) : error.message;
  const report = new SystemError(`Worker was unable to load entry point "${what}": ${reason}`);
  if (error.entryFile && typeof error.stack === 'string') report.stack = `${report.message}\n${appStack(error.stack)}`;
  else report.stack = report.message;
  app.startError = report;
  logger.system('error', report.stack);
}

module.exports = { startApp };
