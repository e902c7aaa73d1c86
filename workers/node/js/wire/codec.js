'use strict';
// Turns the field tables into one decode and one encode function per message, generated on first use: the worker starts
// without compiling what it does not need, and a hot message runs as straight-line code.

const { enums, messages } = require('./schema.js');
const { Reader } = require('./reader.js');

const EMPTY_MAP = Object.freeze({});
const EMPTY_LIST = Object.freeze([]);
const WIRE_TYPE = { bool: 0, int32: 0, int64: 0, sint64: 0, enum: 0, double: 1, string: 2, bytes: 2, message: 2 };
const ZERO = { string: '', bool: false, double: 0, int32: 0, int64: 0, sint64: 0, bytes: Buffer.alloc(0), message: null };

const enumNumbers = {};
for (const [name, values] of Object.entries(enums)) {
  enumNumbers[name] = Object.fromEntries(values.map((value, index) => [value, index]));
}

/** `'3 []ParameterBinding'` -> what the generators need to know. */
function parseField(name, text) {
  const [number, spelled] = text.split(' ');
  let type = spelled;
  const take = (prefix) => type.startsWith(prefix) && ((type = type.slice(prefix.length)), true);
  const oneof = take('?');
  const repeated = take('[]');
  const map = take('map:');
  const isEnum = take('enum:');
  const kind = isEnum ? 'enum' : type in messages ? 'message' : type;
  return { name, number: Number(number), type, kind, oneof, repeated, map, wire: map ? 2 : WIRE_TYPE[kind] };
}

const tables = {};
function fieldsOf(message) {
  return (tables[message] ??= Object.entries(messages[message]).map(([name, text]) => parseField(name, text)));
}

function zeroOf(field) {
  if (field.map) return EMPTY_MAP;
  if (field.repeated) return EMPTY_LIST;
  if (field.oneof) return null;
  return field.kind === 'enum' ? enums[field.type][0] : ZERO[field.kind];
}

/** A class whose prototype holds the zero values, so that an absent field reads as proto3 says and stays un-owned. */
function classFor(message, fields) {
  const type = { [message]: class {} }[message];
  for (const field of fields) type.prototype[field.name] = zeroOf(field);
  return type;
}

const decoders = {};
const encoders = {};

function decoder(message) {
  return (decoders[message] ??= compileDecoder(message));
}

function encoder(message) {
  return (encoders[message] ??= compileEncoder(message));
}

/** Expression that reads one value of the field's type. */
function readValue(field, linked) {
  if (field.kind === 'enum') return `(enums.${field.type}[r.varint()] ?? ${JSON.stringify(enums[field.type][0])})`;
  if (field.kind !== 'message') return `r.${field.kind}()`;
  linked.add(field.type);
  return `decode${field.type}(r, r.limit(end))`;
}

function compileDecoder(message) {
  const fields = fieldsOf(message);
  const linked = new Set();
  const cases = fields.map((f) => {
    const value = readValue(f, linked);
    const tag = f.number * 8 + f.wire;
    if (f.map) {
      const zero = f.kind === 'message' ? `decode${f.type}(r, r.pos)` : JSON.stringify(zeroOf({ ...f, map: false }));
      return `case ${tag}: { const end = r.limit(limit); let k = '', v; while (r.pos < end) { const t = r.varint();
        if (t === 10) k = r.string(); else if (t === ${16 + WIRE_TYPE[f.kind]}) v = ${value}; else r.skip(t & 7); }
        let o = m.${f.name}; if (o === EMPTY_MAP) o = m.${f.name} = {};
        put(o, k, v === undefined ? ${zero} : v); break; }`;
    }
    if (f.repeated) {
      const push = `let o = m.${f.name}; if (o === EMPTY_LIST) o = m.${f.name} = [];`;
      let code = `case ${tag}: { const end = limit; ${push} o.push(${value}); break; }`;
      if (f.wire !== 2) {
        code += `case ${f.number * 8 + 2}: { const end = r.limit(limit); ${push} while (r.pos < end) o.push(${value}); break; }`;
      }
      return code;
    }
    const remember = message === 'StreamingMessage' && f.oneof ? ` m.content = '${f.name}';` : '';
    return `case ${tag}: { const end = limit; m.${f.name} = ${value};${remember} break; }`;
  });
  const scope = {
    enums,
    EMPTY_MAP,
    EMPTY_LIST,
    Message: classFor(message, fields),
    put,
  };
  const code = `return function decode${message}(r, limit) { const m = new Message();
    while (r.pos < limit) { const tag = r.varint(); switch (tag) { ${cases.join('\n')} default: r.skip(tag & 7); } }
    if (r.pos !== limit) throw new RangeError('a field of ${message} exceeds its message'); return m; }`;
  return link(code, scope, linked, 'decode', decoder);
}

/** Statement that writes `v` as a value of the field's type. */
function writeValue(field, linked, value) {
  if (field.kind === 'enum') return `w.varint(typeof ${value} === 'number' ? ${value} : numbers.${field.type}[${value}] ?? 0);`;
  if (field.kind !== 'message') return `w.${field.kind}(${value});`;
  linked.add(field.type);
  return `{ const at = w.open(); encode${field.type}(w, ${value}); w.close(at); }`;
}

function compileEncoder(message) {
  const linked = new Set();
  const statements = fieldsOf(message).map((f) => {
    const tag = `w.varint(${f.number * 8 + f.wire});`;
    if (f.map) {
      return `if ((v = m.${f.name}) != null) for (const k in v) { const e = v[k]; if (e == null) continue; ${tag}
        const entry = w.open(); w.varint(10); w.string(k); w.varint(${16 + WIRE_TYPE[f.kind]});
        ${writeValue(f, linked, 'e')} w.close(entry); }`;
    }
    if (f.repeated && f.wire !== 2) {
      return `if ((v = m.${f.name}) != null && v.length > 0) { w.varint(${f.number * 8 + 2}); const list = w.open();
        for (const e of v) ${writeValue(f, linked, 'e')} w.close(list); }`;
    }
    if (f.repeated) return `if ((v = m.${f.name}) != null) for (const e of v) { ${tag} ${writeValue(f, linked, 'e')} }`;
    return `if ((v = m.${f.name}) != null) { ${tag} ${writeValue(f, linked, 'v')} }`;
  });
  const code = `return function encode${message}(w, m) { let v; ${statements.join('\n')} }`;
  return link(code, { numbers: enumNumbers }, linked, 'encode', encoder);
}

/** Makes generated code see its neighbours; they are compiled when first called. */
function link(code, scope, linked, prefix, find) {
  for (const message of linked) {
    let target;
    scope[prefix + message] = (cursor, argument) => (target ??= find(message))(cursor, argument);
  }
  return new Function(...Object.keys(scope), `'use strict';${code}`)(...Object.values(scope));
}

/** Stores a map entry as an own property, even under the one key that plain assignment would misread. */
function put(map, key, value) {
  if (key !== '__proto__') map[key] = value;
  else Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}

const reader = new Reader();

/** Decodes `buf[start..end)`. Throws RangeError for malformed bytes. See Reader for `borrowed`. */
function decode(message, buf, start, end, borrowed) {
  return decoder(message)(reader.reset(buf, start, end, borrowed), end);
}

module.exports = { decode, encoder, decoder };
