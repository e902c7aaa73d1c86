'use strict';

const { SystemError } = require('../errors.js');
const { toTypedData } = require('./values.js');
const { toRpcCookie } = require('./cookies.js');

const RETURN = '$return';

/** Output bindings of a function as [name, isHttp], and what else its response depends on; made once per function. */
const plans = new WeakMap();

function planOf(bindings) {
  let plan = plans.get(bindings);
  if (!plan) {
    const entries = Object.entries(bindings);
    const typeOf = (binding) => binding.type?.toLowerCase();
    const outputs = entries.filter(([, b]) => b.direction !== 'in').map(([name, b]) => ({ name, isHttp: typeOf(b) === 'http' }));
    plan = {
      outputs,
      http: outputs.findLast?.((output) => output.isHttp)?.name ?? outputs.filter((o) => o.isHttp).pop()?.name,
      returned: outputs.find((output) => output.name === RETURN),
      hasHttpTrigger: entries.some(([, b]) => typeOf(b) === 'httptrigger'),
      isActivity: entries.some(([, b]) => typeOf(b) === 'activitytrigger'),
    };
    plans.set(bindings, plan);
  }
  return plan;
}

/**
 * The response of a v3 function. A returned value goes to `$return` if there is such a binding, else its members go to the
 * bindings they are named after; `context.bindings` (and `context.res`) supply what the returned value did not.
 */
function outputsOf(bindings, context, result) {
  const plan = planOf(bindings);
  const response = { outputData: [] };
  const values = context.bindings ?? {};
  if (plan.http && context.res && values[plan.http] === undefined) values[plan.http] = context.res;
  // Falsy results count as none, except that an activity's caller must get exactly what the activity returned.
  const hasResult = plan.isActivity ? result !== null && result !== undefined : Boolean(result);
  const members = hasResult && !plan.returned && typeof result === 'object' ? result : {};
  if (hasResult && plan.returned) response.returnValue = convert(plan.returned, result);
  for (const output of plan.outputs) {
    const value = members[output.name];
    if (value !== undefined) response.outputData.push({ name: output.name, data: convert(output, value) });
  }
  if (hasResult && !plan.returned && response.outputData.length === 0 && !plan.hasHttpTrigger) {
    response.returnValue = toTypedData(result);
  }
  for (const output of plan.outputs) {
    const value = values[output.name];
    if (value === undefined || members[output.name] !== undefined) continue;
    if (output === plan.returned && response.returnValue !== undefined) continue;
    response.outputData.push({ name: output.name, data: convert(output, value) });
  }
  return response;
}

function convert(output, value) {
  return output.isHttp ? toRpcHttp(value) : toTypedData(value);
}

function toRpcHttp(value) {
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new SystemError(
      "The HTTP response must be an 'object' that can include properties such as 'body', 'status', and 'headers'. " +
        'Learn more: https://go.microsoft.com/fwlink/?linkid=2112563',
    );
  }
  const message = value ?? {};
  let status = message.statusCode;
  if (!status && typeof message.status !== 'function') status = message.status;
  const headers = {};
  for (const key in message.headers) {
    const header = message.headers[key];
    if (header !== null && header !== undefined) headers[key] = header.toString();
  }
  return {
    http: {
      statusCode: status ? status.toString() : undefined,
      headers,
      cookies: (message.cookies ?? []).map(toRpcCookie),
      // An empty value, not none: hosts take a response without a body field for the body itself (spec host.md §3.7).
      body: message.body === undefined ? {} : toTypedData(message.body),
      enableContentNegotiation: message.enableContentNegotiation,
    },
  };
}

module.exports = { outputsOf };
