const { app, output } = require('@azure/functions');

const queue = output.storageQueue({ queueName: 'orders', connection: 'AzureWebJobsStorage' });

// POST /api/orders {"item": "tea", "quantity": 2}
app.http('submitOrder', {
    methods: ['POST'],
    authLevel: 'anonymous',
    route: 'orders',
    extraOutputs: [queue],
    handler: async (request, context) => {
        const order = await request.json().catch(() => undefined);
        if (!order?.item) {
            return { status: 400, jsonBody: { error: 'An order needs an "item".' } };
        }
        const id = order.id ?? context.invocationId;
        context.extraOutputs.set(queue, { id, item: order.item, quantity: order.quantity ?? 1 });
        context.log(`Order ${id} accepted.`);
        return { status: 202, jsonBody: { id } };
    },
});
