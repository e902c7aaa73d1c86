const { app } = require('@azure/functions');

app.get('good', { authLevel: 'anonymous', handler: () => ({ body: 'good' }) });
