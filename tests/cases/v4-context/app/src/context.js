const { app } = require('@azure/functions');

app.get('context', {
    route: 'context/{id}',
    authLevel: 'anonymous',
    handler: (request, context) => ({
        jsonBody: {
            functionName: context.functionName,
            id: /^[0-9a-f-]{36}$/.test(context.invocationId),
            retryContext: context.retryContext ?? null,
            traceParent: context.traceContext.traceParent.slice(0, 36),
            traceState: context.traceContext.traceState,
            options: context.options.trigger.type,
            user: request.user,
            header: request.headers.get('x-thing'),
        },
    }),
});
app.get('logs', {
    authLevel: 'anonymous',
    handler: (request, context) => {
        context.log('a log with', { an: 'object' }, 7);
        context.info('some information');
        context.warn('a warning');
        context.error('an error of its own');
        context.debug('hidden: debug');
        context.trace('hidden: trace');
        console.log('said aloud');
        console.error('error: said in anger');
        return { body: 'ok' };
    },
});
