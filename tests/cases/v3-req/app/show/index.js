module.exports = async function (context, req) {
    context.res = {
        body: {
            method: req.method,
            url: req.url,
            originalUrl: req.originalUrl,
            params: req.params,
            query: req.query,
            body: req.body,
            rawBody: req.rawBody,
            buffer: Buffer.isBuffer(req.bufferBody) ? req.bufferBody.length : null,
            header: req.get('X-Thing'),
            same: context.req === req && context.bindings.req === req,
            id: context.bindingData.id ?? null,
            q: context.bindingData.q ?? null,
            invocationId: context.invocationId === context.bindingData.invocationId,
            name: context.executionContext.functionName,
            directory: context.executionContext.functionDirectory,
        },
    };
};
