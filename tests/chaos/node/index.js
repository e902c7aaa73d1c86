// Functions that keep a journal of what they began and what they finished, one line each: WHAT ID PID. A line is
// written by one system call, so it outlives a killed process.
const fs = require('node:fs');
const { app } = require('@azure/functions');

const journal = fs.openSync(process.env.JOURNAL, 'a');
const note = (what, id) => fs.writeSync(journal, `${what} ${id} ${process.pid}\n`);
const work = () => new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 25));

app.http('work', {
    methods: ['GET'],
    authLevel: 'anonymous',
    handler: async (request) => {
        const id = request.query.get('id');
        note('begin', id);
        await work();
        note('end', id);
        return { body: id };
    },
});

app.http('leave', {
    methods: ['GET'],
    authLevel: 'anonymous',
    handler: (request) => {
        note('leave', request.query.get('id'));
        process.exit(Number(request.query.get('code')));
    },
});

app.storageQueue('take', {
    queueName: 'chaos',
    connection: 'AzureWebJobsStorage',
    handler: async (message) => {
        note('take', message);
        await work();
        if (message.startsWith('bad')) {
            note('fail', message);
            throw new Error(`${message} is meant to fail`);
        }
        note('done', message);
    },
});
