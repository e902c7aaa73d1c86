'use strict';

/** `--name value` and `--name=value` pairs; anything else is ignored, as hosts may pass more than we know. */
function parsePairs(args) {
  const values = new Map();
  for (let i = 0; i < args.length; i++) {
    if (!args[i].startsWith('--')) continue;
    const equals = args[i].indexOf('=');
    if (equals > 0) values.set(args[i].slice(2, equals), args[i].slice(equals + 1));
    else if (i + 1 < args.length) values.set(args[i].slice(2), args[++i]);
  }
  return values;
}

/**
 * Where the host listens and who we are, from either spelling of the launch arguments (spec worker-protocol.md §2.1).
 * Throws when something is missing.
 */
function parseLaunchArguments(args) {
  const values = parsePairs(args);
  let host = values.get('host');
  let port = Number(values.get('port'));
  const uri = values.get('functions-uri');
  if (uri) {
    const url = new URL(uri);
    host = url.hostname.replace(/^\[|\]$/g, '');
    port = Number(url.port);
  }
  const workerId = values.get('functions-worker-id') ?? values.get('workerId');
  const requestId = values.get('functions-request-id') ?? values.get('requestId') ?? '';
  if (!host || !port || !workerId) {
    throw new Error(
      'connection info is missing: expected --functions-uri <uri> --functions-worker-id <id> (or --host, --port and --workerId). ' +
        'This file is started by the Functions host.',
    );
  }
  return { host, port, workerId, requestId };
}

module.exports = { parseLaunchArguments };
