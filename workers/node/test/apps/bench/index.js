const { app } = require('@azure/functions');

app.http('hello', { handler: (request) => ({ body: `Hello, ${request.query.get('name')}!` }) });
app.http('json', { handler: (request) => ({ jsonBody: { hello: request.query.get('name') } }) });
app.http('empty', { handler: () => ({ status: 204 }) });
