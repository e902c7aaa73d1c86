'use strict';

const { SystemError } = require('../errors.js');
const { parseForm } = require('./form.js');

function fromNullable(nullable, plain) {
  const result = {};
  for (const key in plain) result[key] = plain[key];
  for (const key in nullable) result[key] = nullable[key].value ?? '';
  return result;
}

/** Text of a body, by its byte order mark, UTF-8 without one. */
function decodeText(buffer) {
  const [a, b, c, d] = buffer;
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return decodeUtf32(buffer, 'readUInt32BE');
  if (a === 0xff && b === 0xfe && c === 0 && d === 0) return decodeUtf32(buffer, 'readUInt32LE');
  if (a === 0xff && b === 0xfe) return buffer.toString('utf16le', 2);
  if (a === 0xfe && b === 0xff) return Buffer.from(buffer.subarray(2, buffer.length & ~1)).swap16().toString('utf16le');
  return buffer.toString('utf8', a === 0xef && b === 0xbb && c === 0xbf ? 3 : 0);
}

function decodeUtf32(buffer, read) {
  let text = '';
  for (let at = 4; at + 4 <= buffer.length; at += 4) {
    const point = buffer[read](at);
    text += point <= 0x10ffff ? String.fromCodePoint(point) : '\uFFFD';
  }
  return text;
}

/** `context.req` of a v3 HTTP function. */
class Request {
  #user;

  constructor(http) {
    this.method = http.method;
    this.url = http.url;
    this.originalUrl = http.url;
    this.headers = fromNullable(http.nullableHeaders, http.headers);
    this.query = fromNullable(http.nullableQuery, http.query);
    this.params = fromNullable(http.nullableParams, http.params);
    if (http.body?.bytes) this.#setBody(http.body.bytes);
    else if (http.body?.string) this.#setBody(Buffer.from(http.body.string));
  }

  /** `bufferBody` is what was sent; `rawBody` its text; `body` the parsed text, or the bytes of binary media types. */
  #setBody(bytes) {
    this.bufferBody = Buffer.from(bytes);
    const contentType = this.get('content-type')?.toLowerCase();
    if (contentType === 'application/octet-stream' || contentType?.startsWith('multipart/')) {
      this.body = Buffer.from(bytes);
      this.rawBody = this.bufferBody.toString();
      return;
    }
    this.rawBody = decodeText(this.bufferBody);
    try {
      this.body = JSON.parse(this.rawBody);
    } catch {
      this.body = this.rawBody;
    }
  }

  get user() {
    if (this.#user === undefined) this.#user = userFrom(this.headers);
    return this.#user;
  }

  get(field) {
    return this.headers?.[field.toLowerCase()];
  }

  parseFormBody() {
    const contentType = this.get('content-type');
    if (!contentType) throw new SystemError('"content-type" header must be defined.');
    return parseForm(this.bufferBody ?? Buffer.alloc(0), contentType);
  }
}

/** The logged-in user, from the headers that App Service authentication and Static Web Apps add. */
function userFrom(headers) {
  const encoded = headers['x-ms-client-principal'];
  if (!encoded) return null;
  const claimsPrincipalData = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
  if (claimsPrincipalData.identityProvider) {
    return {
      type: 'StaticWebApps',
      id: claimsPrincipalData.userId,
      username: claimsPrincipalData.userDetails,
      identityProvider: claimsPrincipalData.identityProvider,
      claimsPrincipalData,
    };
  }
  return {
    type: 'AppService',
    id: headers['x-ms-client-principal-id'],
    username: headers['x-ms-client-principal-name'],
    identityProvider: headers['x-ms-client-principal-idp'],
    claimsPrincipalData,
  };
}

module.exports = { Request };
