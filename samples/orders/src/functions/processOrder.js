const { app, output } = require('@azure/functions');

const documents = output.cosmosDB({
    connection: 'CosmosDB',
    databaseName: 'shop',
    containerName: 'orders',
    createIfNotExists: true,
    partitionKey: '/id',
});

app.storageQueue('processOrder', {
    queueName: 'orders',
    connection: 'AzureWebJobsStorage',
    return: documents,
    handler: (order, context) => {
        context.log(`Order ${order.id} processed: ${order.quantity} x ${order.item}.`);
        return { ...order, status: 'processed', attempts: Number(context.triggerMetadata.dequeueCount) };
    },
});
