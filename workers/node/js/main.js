'use strict';

const Module = require('node:module');
const process = require('node:process');
const { parseLaunchArguments } = require('./arguments.js');
const { createCoreApi, injectCoreApi } = require('./core-api.js');
const { asError } = require('./errors.js');
const { Worker } = require('./worker.js');
const { EventStream } = require('./wire/stream.js');

function main() {
  const { host, port, workerId, requestId } = parseLaunchArguments(process.argv.slice(2));
  const worker = new Worker(workerId);
  let isServed = false;
  const stream = new EventStream(
    { host, port },
    {
      onMessage(message) {
        isServed = true;
        worker.onMessage(message);
      },
      onMalformed: (error) => worker.onMalformed(error),
      onClose: (error) => leave(error, isServed),
    },
  );
  worker.stream = stream;
  stream.send({ requestId, startStream: { workerId } });
  stream.flush();

  // Everything else happens while the host answers.
  Module.enableCompileCache?.();
  injectCoreApi(createCoreApi(worker));
  // Ctrl+C reaches the whole process group, but when the worker stops is for the host to say: it drains first.
  process.on('SIGINT', () => {});
  process.on('uncaughtException', (thrown, origin) => die(worker, thrown, origin));
}

/** The host is gone, or wants us gone: that is no failure unless it never spoke to us. */
function leave(error, isServed) {
  if (error) console.error(`Worker lost the host: error: ${error.message}`);
  else if (!isServed) console.error('Worker error: the host closed the event stream without a word. Does it know our worker id?');
  const isClean = error ? error.code === 'ECONNRESET' || error.code === 'EPIPE' : isServed;
  process.exit(isClean ? 0 : 1);
}

/** An exception nobody caught leaves the app in an unknown state: say so everywhere, and let the host start a new worker. */
function die(worker, thrown, origin) {
  const error = asError(thrown);
  const what = origin === 'unhandledRejection' ? 'unhandled promise rejection' : 'uncaught exception';
  const text = `Worker ${worker.id} error: ${what}: ${error.stack ?? error.message}`;
  console.error(text);
  try {
    worker.logger.system('error', text);
    worker.stream.flush();
  } finally {
    process.exit(1);
  }
}

main();
