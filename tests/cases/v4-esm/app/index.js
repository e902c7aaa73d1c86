import { app } from '@azure/functions';
import { readFile } from 'node:fs/promises';

const greeting = (await readFile(new URL('./greeting.txt', import.meta.url), 'utf8')).trim();

app.get('hello', {
    authLevel: 'anonymous',
    handler: async (request) => ({ body: `${greeting}, ${request.query.get('name') ?? 'world'}!` }),
});
