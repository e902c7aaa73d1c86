const { app } = require('@azure/functions');
const core = require('@azure/functions-core');

app.hook.appStart((context) => {
  context.hookData.started = true;
  console.log('appStart ran');
});
app.hook.appTerminate((context) => console.log(`appTerminate ran, started: ${context.hookData.started}`));
app.hook.preInvocation((context) => {
  context.hookData.trail = ['pre'];
  const { functionHandler } = context;
  if (context.invocationContext.functionName === 'replaced') {
    context.inputs = [{ query: new Map([['n', 'from hook']]) }];
    context.functionHandler = async (...args) => {
      context.hookData.trail.push('handler');
      const result = await functionHandler(...args);
      return { body: `wrapped ${result.body}` };
    };
  }
});
app.hook.postInvocation((context) => {
  context.hookData.trail.push('post');
  if (context.error) {
    context.result = { body: `${context.error.message}; ${context.hookData.trail}` };
    context.error = null;
  }
  context.invocationContext.log('logged in post hook');
});
app.hook.log((context) => {
  if (context.category === 'user') context.message = context.message.replace('secret', '***');
  if (context.message.includes('louder')) context.level = 'critical';
});

app.http('replaced', {
  handler: (request, context) => {
    context.log('a secret', 'louder');
    return { body: request.query.get('n') };
  },
});
app.http('rescued', {
  handler: () => {
    throw new Error('thrown');
  },
});
app.http('core', {
  handler: () => {
    const late = [];
    try {
      app.http('late', { handler: () => {} });
    } catch (error) {
      late.push(error.message);
    }
    try {
      core.registerHook('bogus', () => {});
    } catch (error) {
      late.push(`${error.name} ${error.isAzureFunctionsSystemError}`);
    }
    core.log('warning', 'system', 'core log');
    return { jsonBody: { late, hostVersion: core.hostVersion, version: core.version, model: core.getProgrammingModel().name } };
  },
});
