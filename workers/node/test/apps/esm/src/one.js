import { app } from '@azure/functions';

const answer = await Promise.resolve('esm');
app.http('one', { handler: () => ({ body: answer }) });
