import { app } from '@azure/functions';

app.http('two', { handler: () => ({ body: 'two' }) });
