'use strict';
// `context.req.parseFormBody()`: multipart/form-data (RFC 7578) and URL-encoded forms.

const { SystemError } = require('../errors.js');

/** The parts of a form in order, each {value, fileName?, contentType?} under a name. */
class Form {
  #parts;

  constructor(parts) {
    this.#parts = parts;
  }

  get(name) {
    return this.#parts.find(([key]) => key === name)?.[1] ?? null;
  }

  getAll(name) {
    return this.#parts.filter(([key]) => key === name).map(([, part]) => part);
  }

  has(name) {
    return this.#parts.some(([key]) => key === name);
  }

  get length() {
    return this.#parts.length;
  }

  [Symbol.iterator]() {
    return this.#parts[Symbol.iterator]();
  }
}

/** `form-data; name="a"; filename=b` -> ['form-data', {name: 'a', filename: 'b'}] with lower-case keys. */
function parseHeader(text) {
  const parameters = {};
  for (const [, key, quoted, plain] of text.matchAll(/;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/g)) {
    parameters[key.toLowerCase()] = quoted === undefined ? plain : quoted.replace(/\\"/g, '"');
  }
  return [text.split(';', 1)[0].trim(), parameters];
}

function parseForm(body, contentType) {
  const [mediaType, parameters] = parseHeader(contentType);
  switch (mediaType.toLowerCase()) {
    case 'multipart/form-data':
      if (!parameters.boundary) throw new SystemError('content-type "multipart/form-data" has no boundary.');
      return new Form(parseMultipart(body, parameters.boundary));
    case 'application/x-www-form-urlencoded':
      return new Form([...new URLSearchParams(body.toString())].map(([key, value]) => [key, { value: Buffer.from(value) }]));
    default:
      throw new SystemError(
        `Media type "${mediaType}" is not a form: expected "multipart/form-data" or "application/x-www-form-urlencoded".`,
      );
  }
}

function parseMultipart(body, boundary) {
  const delimiter = Buffer.from(`--${boundary}`);
  const parts = [];
  let at = body.indexOf(delimiter);
  if (at !== 0 && (at < 0 || body[at - 1] !== 0x0a)) throw new SystemError(`Expected form data to start with boundary "${boundary}".`);
  for (;;) {
    at += delimiter.length;
    if (body[at] === 0x2d && body[at + 1] === 0x2d) return parts;
    const start = body.indexOf('\n', at) + 1;
    const next = nextDelimiter(body, delimiter, start);
    if (start === 0 || next < 0) return parts;
    parts.push(parsePart(body.subarray(start, next)));
    at = next + (body[next] === 0x0d ? 2 : 1);
  }
}

/** Where the line break before the next delimiter begins, or -1. */
function nextDelimiter(body, delimiter, from) {
  for (let at = body.indexOf(delimiter, from); at > 0; at = body.indexOf(delimiter, at + 1)) {
    if (body[at - 1] !== 0x0a) continue;
    return body[at - 2] === 0x0d ? at - 2 : at - 1;
  }
  return -1;
}

function parsePart(part) {
  let name;
  const result = { value: Buffer.alloc(0) };
  let at = 0;
  for (;;) {
    const end = part.indexOf('\n', at);
    const line = part.toString('utf8', at, end < 0 ? part.length : end).trimEnd();
    at = end < 0 ? part.length : end + 1;
    if (line === '') break;
    const colon = line.indexOf(':');
    const field = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (field === 'content-type') result.contentType = value;
    if (field !== 'content-disposition') continue;
    const [, parameters] = parseHeader(value);
    name = parameters.name;
    if (parameters.filename !== undefined) result.fileName = parameters.filename;
  }
  if (name === undefined) throw new SystemError('Expected every part of the form to have header "content-disposition" with parameter "name".');
  result.value = part.subarray(at);
  return [name, result];
}

module.exports = { parseForm };
