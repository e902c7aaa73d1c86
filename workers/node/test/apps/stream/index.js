const { app } = require('@azure/functions');
const { Readable } = require('node:stream');

app.setup({ enableHttpStream: true, capabilities: { Extra: 1 } });
app.http('copy', {
  methods: ['POST'],
  handler: async (request) => {
    let bytes = 0;
    for await (const chunk of request.body) bytes += chunk.length;
    return { headers: { 'x-param': request.params.id }, body: Readable.from(['got ', String(bytes)]) };
  },
});
