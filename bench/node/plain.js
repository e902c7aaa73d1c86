'use strict';
// The reference without any framework: node plain.js PORT

const http = require('node:http');

http
  .createServer((request, response) => {
    response.setHeader('content-type', 'text/plain');
    response.end('hello');
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
