const { app } = require('@azure/functions');

app.http('uncaught', {
  handler: async () => {
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
    await new Promise(() => {});
  },
});
app.http('unhandled', {
  handler: async () => {
    Promise.reject(new Error('nobody awaits this'));
    await new Promise(() => {});
  },
});
