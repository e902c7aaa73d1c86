const { app } = require('@azure/functions');

app.http('first', { handler: () => {} });
const settings = undefined;
app.http(settings.name, { handler: () => {} });
