// An independent client of queues and documents: one JSON command per line in, one JSON answer per line out.
//
// Connection strings come from the environment: STORAGE and COSMOS.

const readline = require('node:readline');
const { QueueServiceClient } = require('@azure/storage-queue');
const { CosmosClient } = require('@azure/cosmos');

const queues = QueueServiceClient.fromConnectionString(process.env.STORAGE);
const cosmos = process.env.COSMOS && new CosmosClient(process.env.COSMOS);

const commands = {
    // Texts travel in base64, as the platform's default wants them.
    async put({ queue, text }) {
        const client = queues.getQueueClient(queue);
        await client.createIfNotExists();
        await client.sendMessage(Buffer.from(text).toString('base64'));
    },
    // Many at once.
    async putAll({ queue, texts }) {
        const client = queues.getQueueClient(queue);
        await client.createIfNotExists();
        await Promise.all(texts.map((text) => client.sendMessage(Buffer.from(text).toString('base64'))));
    },
    async putBase64({ queue, text }) {
        const client = queues.getQueueClient(queue);
        await client.createIfNotExists();
        await client.sendMessage(text);
    },
    // Receives one message and deletes it; its text as it is, or null.
    async take({ queue }) {
        const client = queues.getQueueClient(queue);
        const [message] = (await client.receiveMessages()).receivedMessageItems;
        if (!message) return null;
        await client.deleteMessage(message.messageId, message.popReceipt);
        return message.messageText;
    },
    // Messages of the queue, visible or not; null when there is no such queue.
    async length({ queue }) {
        const client = queues.getQueueClient(queue);
        return (await client.exists()) ? (await client.getProperties()).approximateMessagesCount : null;
    },
    async peek({ queue }) {
        const client = queues.getQueueClient(queue);
        if (!(await client.exists())) return [];
        const { peekedMessageItems } = await client.peekMessages({ numberOfMessages: 32 });
        return peekedMessageItems.map((item) => Buffer.from(item.messageText, 'base64').toString());
    },
    // Ends the time in which a received message is nobody else's.
    async release({ queue, id, receipt, text }) {
        await queues.getQueueClient(queue).updateMessage(id, receipt, Buffer.from(text).toString('base64'), 0);
    },
    // The document, or null.
    async document({ database, container, id }) {
        const { resource } = await cosmos.database(database).container(container).item(id, id).read();
        return resource ?? null;
    },
};

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
    const { command, ...parameters } = JSON.parse(line);
    let answer;
    try {
        answer = { value: (await commands[command](parameters)) ?? null };
    } catch (error) {
        answer = error.code === 404 || error.statusCode === 404 ? { value: null } : { error: `${error.message ?? error}` };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
});
