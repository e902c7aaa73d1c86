const { app, input, output } = require('@azure/functions');

const connection = 'AzureWebJobsStorage';
const upload = output.storageBlob({ path: 'inbox/{name}', connection });
const download = input.storageBlob({ path: 'outbox/{name}', connection, dataType: 'binary' });
const copied = output.storageBlob({ path: 'outbox/{name}.copy', connection });
const extra = input.storageBlob({ path: 'extras/{a}.txt', connection });
const missing = input.storageBlob({ path: 'extras/none-{b}.txt', connection });

app.http('upload', {
    methods: ['POST'],
    authLevel: 'anonymous',
    route: 'upload/{name}',
    extraOutputs: [upload],
    handler: async (request, context) => {
        context.extraOutputs.set(upload, Buffer.from(await request.arrayBuffer()));
        return { status: 201 };
    },
});

app.http('download', {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'download/{name}',
    extraInputs: [download],
    handler: async (_request, context) => {
        const file = context.extraInputs.get(download);
        return file ? { body: file, headers: { 'content-type': 'application/octet-stream' } } : { status: 404 };
    },
});

app.storageBlob('copy', {
    path: 'inbox/{name}.bin',
    connection,
    dataType: 'binary',
    return: copied,
    handler: (file, context) => {
        const path = context.triggerMetadata.blobTrigger;
        context.log(`copied ${path} ${Buffer.isBuffer(file)} ${file.length}`);
        return file;
    },
});

app.storageBlob('fails', {
    path: 'bad/{name}',
    connection,
    handler: () => {
        throw new Error('never works');
    },
});

app.storageBlob('notes', {
    path: 'notes/{a}-{b}.txt',
    connection,
    dataType: 'string',
    extraInputs: [extra, missing],
    handler: (file, context) => {
        const { a, b, uri, properties, metadata } = context.triggerMetadata;
        const inputs = [context.extraInputs.get(extra), context.extraInputs.get(missing) ?? null];
        const noted = [file, ...inputs, a, b, properties.contentLength, typeof metadata];
        context.log(`noted ${JSON.stringify(noted)} ${uri}`);
    },
});
