const { app } = require('@azure/functions');

app.get('set', {
    authLevel: 'anonymous',
    handler: () => ({
        cookies: [
            { name: 'plain', value: 'a b' },
            { name: 'full', value: '1', domain: 'example.com', path: '/p', maxAge: 3600, httpOnly: true, secure: true, sameSite: 'Strict' },
            { name: 'until', value: '2', expires: new Date(Date.UTC(2030, 0, 2, 3, 4, 5)), sameSite: 'Lax' },
            { name: 'cross', value: '3', sameSite: 'None', secure: true },
            { name: 'gone', value: '', maxAge: 0 },
        ],
        headers: { 'set-cookie': 'raw=4' },
        body: 'ok',
    }),
});
app.get('read', { authLevel: 'anonymous', handler: (request) => ({ body: request.headers.get('cookie') }) });
