const { app } = require('@azure/functions');

app.http('first', { handler: ( => {} });
