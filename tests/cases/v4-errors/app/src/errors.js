const { app } = require('@azure/functions');

const http = (name, handler) => app.get(name, { authLevel: 'anonymous', handler });

http('throws', () => {
    throw new TypeError('thrown in a handler');
});
http('rejects', async () => Promise.reject(new Error('rejected in a handler')));
http('rejectsText', async () => Promise.reject('only text'));
http('wrong', () => 'text is no response');
http('unserialisable', () => ({ jsonBody: { big: 10n } }));
http('circular', () => {
    const body = {};
    body.self = body;
    return { jsonBody: body };
});
http('status', () => ({ status: 'many', body: 'x' }));
http('fine', () => ({ body: 'still here' }));
