const { app } = require('@azure/functions');
const { Readable } = require('node:stream');

const http = (name, handler) => app.http(name, { methods: ['GET', 'POST'], authLevel: 'anonymous', handler });

http('json', async (request) => ({ jsonBody: { got: await request.json() } }));
http('text', async (request) => ({ body: `${(await request.text()).length} characters` }));
http('bytes', async (request) => ({ body: Buffer.from(await request.arrayBuffer()).reverse() }));
http('form', async (request) => ({ jsonBody: [...(await request.formData())] }));
http('none', async (request) => ({ jsonBody: { body: request.body === null, text: await request.text() } }));
http('nothing', () => undefined);
http('empty', () => ({ status: 204 }));
http('created', () => ({ status: 201, headers: { location: '/x', 'x-list': 'a, b' }, body: 'made' }));
http('image', () => ({ body: new Uint8Array([137, 80, 78, 71, 255]), headers: { 'content-type': 'image/png' } }));
http('charset', () => ({ body: 'ü', headers: { 'content-type': 'text/html; charset=utf-8' } }));
http('buffered', () => ({ body: Readable.from(['one ', 'two ', 'three']) }));
