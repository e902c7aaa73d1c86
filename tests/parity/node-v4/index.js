// The parity functions in the Node v4 model. What a function sees is told in JSON with sorted keys; values that differ
// from run to run are told by their type.
const { app, input, output, trigger } = require('@azure/functions');

const connection = 'AzureWebJobsStorage';

function describe(value) {
    if (value === null || value === undefined) return String(value);
    if (value instanceof Uint8Array) return { type: value.constructor.name, hex: Buffer.from(value).toString('hex') };
    if (value instanceof Date) return { type: 'Date' };
    if (Array.isArray(value)) return value.map(describe);
    if (typeof value === 'object') return { type: value.constructor?.name ?? 'no class', value: sorted(value) };
    return { type: typeof value, value };
}

function sorted(value) {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

const types = (object) =>
    Object.fromEntries(Object.keys(object).sort().map((key) => [key, object[key]?.constructor?.name ?? String(object[key])]));

async function read(request, how) {
    switch (how) {
        case 'json':
            return describe(await request.json());
        case 'bytes':
            return describe(Buffer.from(await request.arrayBuffer()));
        case 'form': {
            const form = await request.formData();
            const parts = [];
            for (const [name, part] of form) {
                parts.push(typeof part === 'string' ? [name, part] : [name, part.name, part.type, await part.text()]);
            }
            return parts;
        }
        case 'none':
            return { used: request.bodyUsed, body: request.body === null ? 'null' : 'stream' };
        default:
            return describe(await request.text());
    }
}

app.http('echo', {
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'],
    authLevel: 'anonymous',
    route: 'echo/{first?}/{second:int?}',
    handler: async (request) => ({
        jsonBody: {
            method: request.method,
            url: request.url,
            headers: sorted(Object.fromEntries(request.headers)),
            query: [...request.query],
            params: sorted(request.params),
            user: describe(request.user),
            body: await read(request, request.query.get('read')),
        },
    }),
});

const answers = {
    text: () => ({ body: 'text' }),
    json: () => ({ jsonBody: { b: 1, a: [null, true, 'ü'] } }),
    bytes: () => ({ body: Buffer.from([0, 255, 128, 10]), headers: { 'content-type': 'application/octet-stream' } }),
    array: () => ({ body: new Uint8Array([1, 2, 3]) }),
    nothing: () => undefined,
    null: () => null,
    empty: () => ({}),
    emptyText: () => ({ body: '' }),
    number: () => ({ jsonBody: 5 }),
    created: () => ({ status: 201, headers: { location: '/there' }, jsonBody: { id: 7 } }),
    noContent: () => ({ status: 204 }),
    teapot: () => ({ status: 418, body: 'short and stout' }),
    redirect: () => ({ status: 302, headers: { Location: 'https://example.com/?a=1&b=2' } }),
    unavailable: () => ({ status: 503, body: 'later', headers: { 'Retry-After': '5' } }),
    headers: () => ({ headers: { 'X-One': '1', 'x-two': 'a, b', 'X-Empty': '', 'Cache-Control': 'no-store' }, body: 'h' }),
    html: () => ({ body: '<p>ü</p>', headers: { 'Content-Type': 'text/html; charset=utf-8' } }),
    cookies: () => ({
        body: 'c',
        cookies: [
            { name: 'plain', value: 'v' },
            { name: 'full', value: 'a b', domain: 'example.com', path: '/x', secure: true, httpOnly: true, sameSite: 'Strict', maxAge: 60 },
            { name: 'old', value: '', expires: new Date('2031-05-06T07:08:09Z'), sameSite: 'None' },
        ],
    }),
    unicode: () => ({ body: 'Grüße, 世界 🚀' }),
    large: () => ({ body: 'x'.repeat(200000) }),
    string: () => 'a text alone',
    class: () => new (require('@azure/functions').HttpResponse)({ status: 203, body: 'an object', headers: { 'x-a': 'b' } }),
    stream: () => ({
        body: new ReadableStream({
            start(controller) {
                for (const part of ['one ', 'two ', 'three']) controller.enqueue(new TextEncoder().encode(part));
                controller.close();
            },
        }),
    }),
};

app.http('answer', {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'answer/{kind}',
    handler: async (request) => (answers[request.params.kind] ?? (() => ({ status: 404, body: 'no such kind' })))(),
});

class ShopError extends Error {}
const failures = {
    error: () => new Error('an error with a text'),
    own: () => Object.assign(new ShopError('of an own class'), { code: 'SHOP' }),
    text: () => 'only a text',
    type: () => new TypeError('of another type'),
};

app.http('fail', {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'fail/{kind}',
    handler: async (request) => {
        throw failures[request.params.kind]();
    },
});

function log(context) {
    context.trace('level trace');
    context.debug('level debug');
    context.info('level info');
    context.log('level log', { a: 1 }, [2], null, 'text %s', 'x');
    context.warn('level warn');
    context.error('level error');
}

for (const name of ['levels', 'levelsAll']) {
    app.http(name, {
        methods: ['GET'],
        authLevel: 'anonymous',
        handler: (request, context) => {
            log(context);
            return { body: 'logged' };
        },
    });
}

app.http('context', {
    methods: ['GET'],
    authLevel: 'anonymous',
    handler: (request, context) => ({
        jsonBody: {
            name: context.functionName,
            id: describe(context.invocationId),
            parent: context.traceContext?.traceParent?.slice(0, 36),
            state: context.traceContext?.traceState,
            attributes: Object.keys(context.traceContext?.attributes ?? {}).sort(),
            retry: describe(context.retryContext),
            inputs: context.options.extraInputs.length,
            outputs: context.options.extraOutputs.length,
            trigger: context.options.trigger.type,
        },
    }),
});

const sent = output.storageQueue({ queueName: 'parity-sent', connection });
const values = {
    text: () => 'a text',
    object: () => ({ b: 1, a: 'x' }),
    array: () => ['one', { two: 2 }, 3],
    bytes: () => Buffer.from([1, 2, 3]),
    number: () => 5,
    flag: () => true,
    emptyText: () => '',
    emptyArray: () => [],
    null: () => null,
};

app.http('send', {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'send/{kind}',
    extraOutputs: [sent],
    handler: (request, context) => {
        const value = values[request.params.kind];
        if (value) context.extraOutputs.set(sent, value());
        return { status: value ? 200 : 404, body: request.params.kind };
    },
});

// The output is written only when the function succeeds.
app.http('sendAndFail', {
    methods: ['GET'],
    authLevel: 'anonymous',
    extraOutputs: [sent],
    handler: (request, context) => {
        context.extraOutputs.set(sent, 'never');
        throw new Error('after the output was set');
    },
});

const seen = output.storageQueue({ queueName: 'parity-seen', connection });
app.storageQueue('queued', {
    queueName: 'parity-in',
    connection,
    return: seen,
    handler: (message, context) => {
        const known = ['dequeueCount', 'expirationTime', 'id', 'insertionTime', 'nextVisibleTime', 'popReceipt'];
        const { queueTrigger, ...metadata } = context.triggerMetadata;
        return {
            message: describe(message),
            dequeueCount: describe(metadata.dequeueCount),
            metadata: types(Object.fromEntries(known.map((name) => [name, metadata[name]]))),
            trigger: describe(queueTrigger),
            more: Object.keys(metadata).filter((name) => !known.includes(name)).sort(),
        };
    },
});

app.generic('queuedBytes', {
    trigger: trigger.generic({ type: 'queueTrigger', queueName: 'parity-in-bytes', connection, dataType: 'binary' }),
    return: seen,
    handler: (message) => ({ message: describe(message) }),
});

const tries = {};
app.storageQueue('retried', {
    queueName: 'parity-retry',
    connection,
    retry: { strategy: 'fixedDelay', maxRetryCount: 2, delayInterval: 1000 },
    return: seen,
    handler: (message, context) => {
        const { retryCount, maxRetryCount, exception } = context.retryContext;
        const text = [exception?.message, exception?.source].map((part) => String(part).split('\n')[0]);
        (tries[message] ??= []).push([retryCount, maxRetryCount, ...text]);
        if (retryCount < 2) throw new Error(`try ${retryCount} fails`);
        return { retries: tries[message] };
    },
});

app.storageQueue('poisoned', {
    queueName: 'parity-bad',
    connection,
    handler: (message) => {
        throw new Error(`${message} is refused`);
    },
});

app.timer('ticked', {
    schedule: '0 0 0 1 1 *',
    runOnStartup: true,
    return: output.storageQueue({ queueName: 'parity-ticked', connection }),
    handler: (timer, context) => ({
        timer: { isPastDue: timer.isPastDue, schedule: sorted(timer.schedule), status: types(timer.scheduleStatus ?? {}) },
        metadata: types(context.triggerMetadata ?? {}),
    }),
});

const blob = (more) => ({ path: 'parity/{name}.txt', connection, ...more });
const stored = output.storageBlob(blob());
const contents = {
    bytes: async (request) => Buffer.from(await request.arrayBuffer()),
    object: (request) => request.json(),
    none: () => undefined,
};

app.http('store', {
    methods: ['PUT'],
    authLevel: 'anonymous',
    route: 'store/{name}',
    extraOutputs: [stored],
    handler: async (request, context) => {
        const content = contents[request.query.get('kind')] ?? ((request) => request.text());
        const value = await content(request);
        if (value !== undefined) context.extraOutputs.set(stored, value);
        return { status: 201 };
    },
});

for (const [name, more] of [['fetch', {}], ['fetchBytes', { dataType: 'binary' }]]) {
    const fetched = input.generic({ type: 'blob', ...blob(more) });
    app.http(name, {
        methods: ['GET'],
        authLevel: 'anonymous',
        route: `${name}/{name}`,
        extraInputs: [fetched],
        handler: (request, context) => ({ jsonBody: describe(context.extraInputs.get(fetched)) }),
    });
}

app.storageBlob('landed', {
    path: 'parity/{name}.txt',
    connection,
    return: seen,
    handler: (blob, context) => ({
        blob: describe(blob),
        name: context.triggerMetadata.name,
        trigger: context.triggerMetadata.blobTrigger,
        metadata: types(context.triggerMetadata),
    }),
});
