'use strict';
// Values between the wire's TypedData and v3 functions (spec worker-protocol.md §9.3).

/** What JSON text can begin with. Plain words, by far the most of the rest, then cost no exception. */
const JSON_START = /^[\s{["\-0-9tfn]/;

function parsed(text) {
  if (!JSON_START.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What a v3 function sees of a TypedData; undefined when it is unset. */
function fromTypedData(data) {
  if (!data) return undefined;
  if (data.string !== null) return parsed(data.string);
  if (data.json !== null) return parsed(data.json);
  if (data.bytes !== null) return data.bytes;
  if (data.stream !== null) return data.stream;
  if (data.collectionString !== null) return data.collectionString.string;
  if (data.collectionBytes !== null) return data.collectionBytes.bytes;
  if (data.collectionDouble !== null) return data.collectionDouble.double;
  if (data.collectionSint64 !== null) return data.collectionSint64.sint64.map(String);
  return data.int ?? data.double ?? undefined;
}

function toTypedData(value) {
  if (typeof value === 'string') return { string: value };
  if (Buffer.isBuffer(value)) return { bytes: value };
  if (ArrayBuffer.isView(value)) return { bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) };
  if (typeof value === 'number') return Number.isInteger(value) ? { int: value } : { double: value };
  return { json: JSON.stringify(value) };
}

/** The object with the first letter of every key lowered, nested objects included, arrays left alone. */
function camelCased(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || Buffer.isBuffer(value)) return value;
  const result = {};
  for (const key of Object.keys(value)) result[key.charAt(0).toLowerCase() + key.slice(1)] = camelCased(value[key]);
  return result;
}

module.exports = { fromTypedData, toTypedData, camelCased };
