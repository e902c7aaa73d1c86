const { app, input, output } = require('@azure/functions');

app.http('hello', {
  route: 'hello/{name?}',
  handler: async (request, context) => {
    context.log('one', { two: 2 });
    context.warn('three');
    return { body: `Hello, ${request.query.get('name') ?? request.params.name ?? 'nobody'}!`, headers: { 'x-one': '1' } };
  },
});

app.post('echo', {
  handler: async (request) => ({ body: Buffer.from(await request.arrayBuffer()), headers: request.headers }),
});

app.http('json', { handler: async (request) => ({ status: 201, jsonBody: await request.json() }) });

app.http('cookies', {
  handler: () => ({
    cookies: [
      { name: 'a', value: '1', maxAge: 10, sameSite: 'None', secure: true, httpOnly: false },
      { name: 'b', value: '2', expires: new Date(86400000), domain: 'd', path: '/' },
    ],
  }),
});

app.http('fails', {
  handler: () => {
    throw new Error('no luck');
  },
});

app.http('unserialisable', { handler: () => ({ jsonBody: { big: 1n } }) });
app.http('nothing', { handler: () => {} });

const blob = input.storageBlob({ path: 'in/{id}', connection: 'C' });
const queue = output.storageQueue({ queueName: 'out', connection: 'C' });
app.storageQueue('work', {
  queueName: 'in',
  connection: 'C',
  extraInputs: [blob],
  extraOutputs: [queue],
  retry: { strategy: 'fixedDelay', maxRetryCount: 3, delayInterval: { seconds: 2 } },
  handler: (message, context) => {
    context.extraOutputs.set(queue, { message, blob: context.extraInputs.get(blob) });
    return {
      metadata: context.triggerMetadata,
      retry: context.retryContext,
      trace: context.traceContext,
      bytes: Buffer.isBuffer(message),
    };
  },
});

app.timer('tick', { schedule: '0 * * * * *', handler: (timer) => timer });
