import { app, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';

interface Greeting {
    readonly text: string;
}

export async function greet(request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> {
    context.log(`greeting from ${context.functionName}`);
    const greeting: Greeting = { text: `Hello, ${(await request.text()) || 'world'}!` };
    return { jsonBody: greeting };
}

app.http('greet', { methods: ['GET', 'POST'], authLevel: 'anonymous', handler: greet });
