"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.greet = greet;
const functions_1 = require("@azure/functions");
async function greet(request, context) {
    context.log(`greeting from ${context.functionName}`);
    const greeting = { text: `Hello, ${(await request.text()) || 'world'}!` };
    return { jsonBody: greeting };
}
functions_1.app.http('greet', { methods: ['GET', 'POST'], authLevel: 'anonymous', handler: greet });
//# sourceMappingURL=greet.js.map
