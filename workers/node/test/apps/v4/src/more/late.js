const { app } = require('@azure/functions');

app.http('slow', {
  handler: async (request, context) => {
    const wait = Number(request.query.get('ms'));
    await new Promise((resolve) => setTimeout(resolve, wait));
    context.log(`waited ${wait}`);
    return { body: String(wait) };
  },
});

app.http('logsLate', {
  handler: (request, context) => {
    setTimeout(() => context.log('too late'), 10);
    return { body: 'done' };
  },
});
