import { app } from '@azure/functions';

app.http('first', { handler: () => {} });
throw new TypeError('from an es module');
