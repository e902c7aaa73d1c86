const { app } = require('@azure/functions');

app.hook.appStart((context) => {
    console.log('the app starts');
    context.hookData.started = 'started';
});
app.hook.preInvocation((context) => {
    context.hookData.name = context.invocationContext.functionName;
    if (context.invocationContext.functionName === 'replaced') {
        context.functionHandler = () => ({ body: 'from the hook' });
    }
});
app.hook.postInvocation((context) => {
    if (context.error) {
        context.error = null;
        context.result = { status: 418, body: `saved ${context.hookData.name}` };
    } else if (context.result) {
        context.result.headers = { 'x-hook': context.hookData.name };
    }
});

const http = (name, handler) => app.get(name, { authLevel: 'anonymous', handler });
http('plain', () => ({ body: 'plain' }));
http('replaced', () => ({ body: 'never seen' }));
http('fails', () => {
    throw new Error('never told');
});
