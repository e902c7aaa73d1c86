const { app } = require('@azure/functions');

const show = (name) => ({
    handler: (request) => ({
        jsonBody: { name, method: request.method, params: request.params, query: [...request.query], url: request.url },
    }),
    authLevel: 'anonymous',
});

app.get('plain', show('plain'));
app.http('item', { ...show('item'), methods: ['GET', 'DELETE'], route: 'items/{id:int}/{part?}' });
app.http('dated', { ...show('dated'), route: 'dated/{day:datetime}' });
app.http('file', { ...show('file'), route: 'files/{name}.{extension}' });
app.http('rest', { ...show('rest'), route: 'rest/{*path}' });
app.http('default', { ...show('default'), route: 'pages/{page=home}' });
app.http('verbs', { ...show('verbs'), methods: ['HEAD', 'OPTIONS', 'PATCH'] });
