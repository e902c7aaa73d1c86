const { app, input } = require('@azure/functions');

const document = input.cosmosDB({
    connection: 'CosmosDB',
    databaseName: 'shop',
    containerName: 'orders',
    id: '{id}',
    partitionKey: '{id}',
});

// GET /api/orders/{id}
app.http('readOrder', {
    methods: ['GET'],
    authLevel: 'anonymous',
    route: 'orders/{id}',
    extraInputs: [document],
    handler: (request, context) => {
        const order = context.extraInputs.get(document);
        return order ? { jsonBody: order } : { status: 404, jsonBody: { error: 'No such order (yet).' } };
    },
});
