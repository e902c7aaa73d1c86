// The parity functions in the Node v3 model: function.json files beside this one name the bindings and these exports.
// What a function sees is told in JSON with sorted keys; values that differ from run to run are told by their type.

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

// A function that returns a promise and calls `done`, as the response's own methods do, is complained about in the log.
const json = (value) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });

module.exports.echo = async (context, req) => {
    const form = () => {
        const { fields, files } = req.parseFormBody();
        return [...fields, ...files].map(([name, part]) => [name, part.fileName, part.contentType, part.value.toString()]);
    };
    context.res = json({
        method: req.method,
        url: req.url,
        originalUrl: req.originalUrl,
        headers: sorted(req.headers),
        accept: req.get('ACCEPT'),
        query: sorted(req.query),
        params: sorted(req.params),
        user: describe(req.user),
        body: req.query.read === 'form' ? form() : describe(req.body),
        raw: describe(req.rawBody),
        buffer: describe(req.bufferBody),
        bindings: Object.keys(context.bindings).sort(),
        same: req === context.req && req === context.bindings.req,
    });
};

const answers = {
    text: (context) => (context.res = { body: 'text' }),
    json: (context) => (context.res = { body: { b: 1, a: [null, true, 'ü'] } }),
    bytes: (context) => (context.res = { body: Buffer.from([0, 255, 128, 10]), headers: { 'content-type': 'application/octet-stream' } }),
    array: (context) => (context.res = { body: new Uint8Array([1, 2, 3]) }),
    nothing: () => {},
    null: (context) => (context.res = null),
    empty: (context) => (context.res = {}),
    emptyText: (context) => (context.res = { body: '' }),
    number: (context) => (context.res = { body: 5 }),
    created: (context) => (context.res = { status: 201, headers: { location: '/there' }, body: { id: 7 } }),
    noContent: (context) => context.res.sendStatus(204),
    teapot: (context) => context.res.status(418).send('short and stout'),
    redirect: (context) => (context.res = { status: 302, headers: { Location: 'https://example.com/?a=1&b=2' } }),
    unavailable: (context) => (context.res = { statusCode: 503, body: 'later', headers: { 'Retry-After': '5' } }),
    headers: (context) => (context.res = { headers: { 'X-One': '1', 'x-two': 'a, b', 'X-Empty': '', 'Cache-Control': 'no-store', 'X-Number': 5 }, body: 'h' }),
    html: (context) => context.res.set('Content-Type', 'text/html; charset=utf-8').send('<p>ü</p>'),
    cookies: (context) =>
        (context.res = {
            body: 'c',
            cookies: [
                { name: 'plain', value: 'v' },
                { name: 'full', value: 'a b', domain: 'example.com', path: '/x', secure: true, httpOnly: true, sameSite: 'Strict', maxAge: 60 },
                { name: 'old', value: '', expires: new Date('2031-05-06T07:08:09Z'), sameSite: 'None' },
            ],
        }),
    unicode: (context) => (context.res = { body: 'Grüße, 世界 🚀' }),
    large: (context) => (context.res = { body: 'x'.repeat(200000) }),
    string: (context) => (context.res = 'a text alone'),
    returned: () => ({ res: { status: 203, body: 'by its name' } }),
    raw: (context) => (context.res = { isRaw: true, body: { a: 1 }, headers: { 'content-type': 'application/json' } }),
    type: (context) => context.res.type('application/json').send('{"a": 1}'),
    end: (context) => context.res.end('the end'),
    unset: (context) => {
        context.res.setHeader('x-gone', '1');
        context.res.removeHeader('X-Gone');
        context.res.send(context.res.get('x-gone') ?? 'gone');
    },
};

module.exports.answer = async (context, req) => {
    const answer = answers[req.params.kind] ?? (() => (context.res = { status: 404, body: 'no such kind' }));
    const result = answer(context);
    return req.params.kind === 'returned' ? result : undefined;
};

class ShopError extends Error {}
const failures = {
    error: () => new Error('an error with a text'),
    own: () => Object.assign(new ShopError('of an own class'), { code: 'SHOP' }),
    text: () => 'only a text',
    type: () => new TypeError('of another type'),
};

module.exports.fail = async (context, req) => {
    throw failures[req.params.kind]();
};

module.exports.levels = module.exports.levelsAll = (context) => {
    context.log.verbose('level trace');
    context.log.info('level info');
    context.log('level log', { a: 1 }, [2], null, 'text %s', 'x');
    context.log.warn('level warn');
    context.log.error('level error');
    context.res = { body: 'logged' };
    context.done();
};

module.exports.context = async (context) => {
    context.res = json({
        name: context.executionContext.functionName,
        same: context.invocationId === context.executionContext.invocationId,
        id: describe(context.invocationId),
        folder: require('node:path').basename(context.executionContext.functionDirectory),
        parent: context.traceContext.traceparent?.slice(0, 36),
        state: context.traceContext.tracestate,
        attributes: Object.keys(context.traceContext.attributes ?? {}).sort(),
        retry: describe(context.executionContext.retryContext),
        data: Object.keys(context.bindingData).sort(),
        definitions: context.bindingDefinitions.map(({ name, type, direction }) => [name, type, direction]).sort(),
        keys: Object.keys(context).sort(),
    });
};

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

module.exports.send = async (context, req) => {
    const value = values[req.params.kind];
    if (value) context.bindings.sent = value();
    context.res = { status: value ? 200 : 404, body: req.params.kind };
};

module.exports.sendAndFail = async (context) => {
    context.bindings.sent = 'never';
    throw new Error('after the output was set');
};

module.exports.queued = async (context, message) => {
    const known = ['dequeueCount', 'expirationTime', 'id', 'insertionTime', 'nextVisibleTime', 'popReceipt'];
    const { queueTrigger, ...metadata } = context.bindingData;
    return {
        message: describe(message),
        dequeueCount: describe(metadata.dequeueCount),
        metadata: types(Object.fromEntries(known.map((name) => [name, metadata[name]]))),
        trigger: describe(queueTrigger),
        more: Object.keys(metadata).filter((name) => !known.includes(name)).sort(),
    };
};

module.exports.queuedBytes = async (context, message) => ({ message: describe(message) });

const tries = {};
module.exports.retried = async (context, message) => {
    const { retryCount, maxRetryCount, exception } = context.executionContext.retryContext;
    const text = [exception?.message, exception?.source].map((part) => String(part).split('\n')[0]);
    (tries[message] ??= []).push([retryCount, maxRetryCount, ...text]);
    if (retryCount < 2) throw new Error(`try ${retryCount} fails`);
    return { retries: tries[message] };
};

module.exports.poisoned = async (context, message) => {
    throw new Error(`${message} is refused`);
};

module.exports.ticked = async (context, timer) => ({
    timer: Object.keys(timer).sort(),
    late: timer.isPastDue ?? timer.IsPastDue,
    schedule: sorted(timer.schedule ?? timer.Schedule),
    status: types(timer.scheduleStatus ?? timer.ScheduleStatus ?? {}),
    metadata: Object.keys(context.bindingData).sort(),
});

const contents = {
    bytes: (req) => req.bufferBody,
    object: (req) => JSON.parse(req.rawBody),
    none: () => undefined,
};

module.exports.store = async (context, req) => {
    const content = contents[req.query.kind] ?? ((req) => req.rawBody);
    const value = content(req);
    if (value !== undefined) context.bindings.blob = value;
    context.res = { status: 201 };
};

module.exports.fetch = module.exports.fetchBytes = async (context) => {
    context.res = json(describe(context.bindings.blob));
};

module.exports.landed = async (context, blob) => {
    // The content is there once more under the binding's name.
    const { blob: _, ...metadata } = context.bindingData;
    return { blob: describe(blob), name: metadata.name, trigger: metadata.blobTrigger, metadata: types(metadata) };
};
