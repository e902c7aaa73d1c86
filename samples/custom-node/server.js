// A custom handler: the host calls every function as POST /{function} with its values as JSON, and this server answers
// with outputs. No library is needed.
const { createServer } = require('node:http');
const { randomUUID } = require('node:crypto');

// A text arrives as JSON inside a JSON string, so a queue message of JSON is parsed twice.
const fromQueue = (value) => JSON.parse(JSON.parse(value));

const functions = {
    submit({ req }) {
        const { item, quantity = 1 } = JSON.parse(req.Body ?? '{}');
        if (!item) {
            return { Outputs: { res: { statusCode: 400, body: { error: 'An order needs an "item".' } } } };
        }
        const order = { id: randomUUID(), item, quantity };
        const headers = { 'content-type': 'application/json' };
        return {
            Outputs: { res: { statusCode: 202, headers, body: { id: order.id } }, order },
            Logs: [`Order ${order.id} accepted.`],
        };
    },

    pack(data, metadata) {
        const order = fromQueue(data.order);
        const attempt = metadata.DequeueCount;
        return {
            ReturnValue: { ...order, packed: new Date().toISOString() },
            Logs: [`Order ${order.id} packed: ${order.quantity} x ${order.item} (try ${attempt}).`],
        };
    },

    ship(data) {
        return { Logs: [`Order ${fromQueue(data.parcel).id} is on its way.`] };
    },
};

const server = createServer(async (request, response) => {
    const run = functions[request.url.slice(1)];
    if (!run) {
        // The host asks for "/" until anything answers.
        response.writeHead(404).end();
        return;
    }
    try {
        let text = '';
        for await (const part of request.setEncoding('utf8')) {
            text += part;
        }
        const { Data, Metadata } = JSON.parse(text);
        const reply = JSON.stringify(await run(Data, Metadata));
        response.writeHead(200, { 'content-type': 'application/json' }).end(reply);
    } catch (error) {
        // Any status but 2xx fails the invocation; what is printed here is in the host's log.
        console.error(error);
        response.writeHead(500).end();
    }
});

server.listen(Number(process.env.FUNCTIONS_CUSTOMHANDLER_PORT), '127.0.0.1');
