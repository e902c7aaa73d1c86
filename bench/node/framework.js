'use strict';
// The function as the functions framework wants it.

const functions = require('@google-cloud/functions-framework');

functions.http('hello', (request, response) => {
  response.type('text/plain').send('hello');
});
