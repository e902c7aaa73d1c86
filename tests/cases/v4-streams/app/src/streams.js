const { app } = require('@azure/functions');
const { Readable } = require('node:stream');

app.setup({ enableHttpStream: true });

const http = (name, options) => app.http(name, { methods: ['GET', 'POST'], authLevel: 'anonymous', ...options });

http('echo', { handler: (request) => ({ body: request.body, headers: { 'content-type': 'text/plain' } }) });
http('count', {
    handler: async (request) => {
        let bytes = 0;
        for await (const piece of request.body ?? []) bytes += piece.length;
        return { jsonBody: { bytes } };
    },
});
http('lines', {
    handler: () => ({
        body: Readable.from(
            (async function* () {
                for (const n of [1, 2, 3]) {
                    await new Promise((resolve) => setTimeout(resolve, 20));
                    yield `line ${n}\n`;
                }
            })(),
        ),
        headers: { 'content-type': 'text/event-stream' },
    }),
});
http('route', {
    route: 'route/{id}/{rest?}',
    handler: (request) => ({ jsonBody: { params: request.params, query: [...request.query], url: request.url } }),
});
http('moved', { handler: () => ({ status: 302, headers: { location: 'https://elsewhere.example/' } }) });
http('cookie', { handler: () => ({ cookies: [{ name: 'a', value: '1' }], body: 'ok' }) });
http('fails', {
    handler: () => {
        throw new Error('no stream today');
    },
});
