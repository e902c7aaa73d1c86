const { app } = require('@azure/functions');

app.get('wrong', { authLevel: 'anonymous', handler: () => ({ body: settings.missing.text }) });
throw new RangeError('this file cannot be loaded');
