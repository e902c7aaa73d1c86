'use strict';

/** `context.res` of a v3 HTTP function: plain properties and a chainable API; `send` and its kin also call `done`. */
class Response {
  statusCode;
  headers = {};
  cookies = [];
  body;
  enableContentNegotiation;

  constructor(done) {
    // Not meant for users, but some middleware reaches for it.
    Object.defineProperty(this, '_done', { value: done, writable: true, configurable: true });
  }

  setHeader(field, value) {
    this.headers[field.toLowerCase()] = value;
    return this;
  }

  getHeader(field) {
    return this.headers[field.toLowerCase()];
  }

  removeHeader(field) {
    delete this.headers[field.toLowerCase()];
    return this;
  }

  status(code) {
    this.statusCode = code;
    return this;
  }

  type(contentType) {
    return this.set('content-type', contentType);
  }

  end(body) {
    if (body !== undefined) this.body = body;
    if (Buffer.isBuffer(this.body) && !this.get('content-type')) this.type('application/octet-stream');
    this._done();
    return this;
  }

  sendStatus(code) {
    return this.status(code).end();
  }

  json(body) {
    this.type('application/json').send(body);
  }

  // Own properties, so that copying or detaching them works.
  send = this.end;
  header = this.setHeader;
  set = this.setHeader;
  get = this.getHeader;
}

module.exports = { Response };
