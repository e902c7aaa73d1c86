'use strict';
// One invocation: arguments -> preInvocation hooks -> the function -> postInvocation hooks -> response
// (spec worker-protocol.md §11.2).

const { SystemError } = require('../errors.js');
const { invocationHookContext, runHooks } = require('../app/hooks.js');

/** What a programming model is given to work with: request, function metadata, state, and a way to log. */
class CoreInvocationContext {
  #worker;
  #registration;
  /** Set once there are hooks, for `log` hooks to see. */
  #hookView;

  constructor(worker, registration, request) {
    this.invocationId = request.invocationId;
    this.request = request;
    this.metadata = registration.metadata;
    this.state = undefined;
    this.#worker = worker;
    this.#registration = registration;
  }

  log(level, logCategory, message) {
    const { invocationId } = this;
    this.#worker.logger.write(
      { invocationId, category: this.#registration.logCategory, level, logCategory, message },
      this.#hookView,
    );
  }

  /** Where the hooks' own log lines belong. */
  get logOrigin() {
    return { invocationId: this.invocationId, category: this.#registration.logCategory };
  }

  showToLogHooks(view) {
    this.#hookView = view;
  }
}

/** Runs one request to its InvocationResponse. Rejects with whatever the function or a hook threw. */
async function invoke(worker, request) {
  const { app } = worker;
  const registration = app.functions.get(request.functionId);
  if (registration === undefined) {
    throw new SystemError(`Function code for '${request.functionId}' is not loaded and cannot be invoked.`);
  }
  const core = new CoreInvocationContext(worker, registration, request);
  if (worker.logger.isDebug) {
    core.log('debug', 'system', `Worker ${worker.id} received FunctionInvocationRequest with invocationId ${core.invocationId}`);
  }
  let model = app.programmingModel.getInvocationModel(core);
  if (typeof model.then === 'function') model = await model;
  const { hooks } = app;
  const isHooked = hooks.preInvocation.length > 0 || hooks.postInvocation.length > 0 || hooks.log.length > 0;
  const response = await (isHooked ? callWithHooks : call)(worker, registration, core, model);
  response.result = { status: 'success' };
  return response;
}

async function call(worker, registration, core, model) {
  const { context, inputs } = await model.getArguments();
  core.state = 'invocation';
  let result;
  try {
    result = await model.invokeFunction(context, inputs, registration.callback);
  } finally {
    core.state = undefined;
  }
  return model.getResponse(context, result);
}

async function callWithHooks(worker, registration, core, model) {
  const { app } = worker;
  const hookData = {};
  const { context, inputs } = await model.getArguments();
  core.showToLogHooks({ hookData, invocationContext: context });

  const before = invocationHookContext(app, hookData, context, { inputs, functionCallback: registration.callback });
  await inState(core, 'preInvocationHooks', () => runHooks(worker, 'preInvocation', before, core.logOrigin));

  const after = invocationHookContext(app, hookData, context, { inputs: before.inputs, result: null, error: null });
  try {
    after.result = await inState(core, 'invocation', () =>
      model.invokeFunction(context, before.inputs, before.functionCallback),
    );
  } catch (error) {
    after.error = error;
  }
  await inState(core, 'postInvocationHooks', () => runHooks(worker, 'postInvocation', after, core.logOrigin));

  if (after.error !== null && after.error !== undefined) throw after.error;
  return model.getResponse(context, after.result);
}

async function inState(core, state, run) {
  core.state = state;
  try {
    return await run();
  } finally {
    core.state = undefined;
  }
}

module.exports = { invoke };
