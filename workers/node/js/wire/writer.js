'use strict';

/** Byte fields from this size on are sent from where they lie instead of being copied into the batch. */
const EXTERNAL = 16 * 1024;

const MAX_INT64 = 0x7fffffffffffffffn;

/**
 * Collects the messages of one event-loop turn back to back in one buffer.
 *
 * `head` bytes at the front stay free for the frame header of the transport. Large byte fields are kept by reference in
 * `external` as {at, data}: they belong in front of the byte at `at`.
 */
class Writer {
  constructor(head, capacity) {
    this.head = head;
    this.capacity = capacity;
    this.renew();
  }

  /** Starts an empty batch in a fresh buffer, because the old one now belongs to someone else. */
  renew() {
    this.buf = Buffer.allocUnsafeSlow(this.capacity);
    this.clear();
  }

  /** Starts an empty batch in the same buffer. */
  clear() {
    this.pos = this.head;
    this.external = [];
    this.externalBytes = 0;
    this.marks = [];
  }

  /** Bytes waiting, external ones included. */
  get length() {
    return this.pos - this.head + this.externalBytes;
  }

  ensure(extra) {
    const needed = this.pos + extra;
    if (needed <= this.buf.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buf.length * 2));
    this.buf.copy(grown, 0, 0, this.pos);
    this.buf = grown;
  }

  /** Appends one gRPC message; when `encode` throws, the batch is as it was before. */
  message(encode, value) {
    const start = this.pos;
    const externals = this.external.length;
    const externalBytes = this.externalBytes;
    try {
      this.ensure(5);
      this.pos += 5;
      encode(this, value);
      const length = this.pos - start - 5 + this.externalBytes - externalBytes;
      if (length > 0x7fffffff) throw new RangeError(`a message of ${length} bytes exceeds the limit of 2147483647`);
      this.buf[start] = 0;
      this.buf.writeUInt32BE(length, start + 1);
    } catch (error) {
      this.pos = start;
      this.external.length = externals;
      this.externalBytes = externalBytes;
      this.marks.length = 0;
      throw error;
    }
  }

  varint(value) {
    this.ensure(10);
    const buf = this.buf;
    let pos = this.pos;
    while (value >= 0x80) {
      buf[pos++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    buf[pos++] = value;
    this.pos = pos;
  }

  #wide(value) {
    this.ensure(10);
    while (value >= 0x80n) {
      this.buf[this.pos++] = Number(value & 0x7fn) | 0x80;
      value >>= 7n;
    }
    this.buf[this.pos++] = Number(value);
  }

  int32(value) {
    if (value < 0) this.#wide(BigInt.asUintN(64, BigInt(value | 0)));
    else this.varint(value >>> 0);
  }

  int64(value) {
    if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) this.varint(Math.trunc(value));
    else this.#wide(BigInt.asUintN(64, clamped(value)));
  }

  sint64(value) {
    if (typeof value === 'number' && value >= -0x40000000 && value < 0x40000000) {
      this.varint(((value << 1) ^ (value >> 31)) >>> 0);
    } else {
      const wide = clamped(value);
      this.#wide(BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n)));
    }
  }

  bool(value) {
    this.ensure(1);
    this.buf[this.pos++] = value ? 1 : 0;
  }

  double(value) {
    this.ensure(8);
    this.pos = this.buf.writeDoubleLE(value, this.pos);
  }

  string(value) {
    const text = typeof value === 'string' ? value : String(value);
    const length = text.length;
    if (length >= EXTERNAL) return this.bytes(Buffer.from(text));
    this.ensure(length * 3 + 10);
    const buf = this.buf;
    // One byte of UTF-8 per unit is by far the usual case: guess the size of the length from it, move if wrong.
    const prefix = length < 0x80 ? 1 : length < 0x4000 ? 2 : 3;
    const start = this.pos + prefix;
    let size = 0;
    if (length < 32) {
      while (size < length) {
        const c = text.charCodeAt(size);
        if (c >= 0x80) break;
        buf[start + size++] = c;
      }
      if (size < length) size = buf.utf8Write(text, start);
    } else {
      size = buf.utf8Write(text, start);
    }
    const actual = size < 0x80 ? 1 : size < 0x4000 ? 2 : 3;
    if (actual !== prefix) buf.copyWithin(this.pos + actual, start, start + size);
    this.varint(size);
    this.pos += size;
  }

  bytes(value) {
    const length = value.length;
    this.varint(length);
    if (length < EXTERNAL) {
      this.ensure(length);
      this.buf.set(value, this.pos);
      this.pos += length;
    } else {
      this.external.push({ at: this.pos, data: value });
      this.externalBytes += length;
    }
  }

  /** Opens a nested message; pass the result to `close`. One byte is reserved for its length. */
  open() {
    this.ensure(1);
    this.marks.push(this.externalBytes);
    return this.pos++;
  }

  close(at) {
    const length = this.pos - at - 1 + this.externalBytes - this.marks.pop();
    if (length < 0x80) {
      this.buf[at] = length;
      return;
    }
    const shift = length < 0x4000 ? 1 : length < 0x200000 ? 2 : length < 0x10000000 ? 3 : 4;
    this.ensure(10);
    this.buf.copyWithin(at + 1 + shift, at + 1, this.pos);
    for (let i = this.external.length - 1; i >= 0 && this.external[i].at > at; i--) this.external[i].at += shift;
    const end = this.pos + shift;
    this.pos = at;
    this.varint(length);
    this.pos = end;
  }

  /** The batch as a list of chunks in order, without the reserved head. Takes the buffer away. */
  takeChunks() {
    const chunks = [];
    let from = this.head;
    for (const { at, data } of this.external) {
      if (at > from) chunks.push(this.buf.subarray(from, at));
      chunks.push(data);
      from = at;
    }
    if (this.pos > from) chunks.push(this.buf.subarray(from, this.pos));
    this.renew();
    return chunks;
  }
}

function clamped(value) {
  if (typeof value !== 'bigint') {
    if (!Number.isFinite(value)) throw new RangeError(`${value} is not an integer`);
    value = BigInt(Math.trunc(value));
  }
  if (value > MAX_INT64) return MAX_INT64;
  return value < -MAX_INT64 - 1n ? -MAX_INT64 - 1n : value;
}

module.exports = { Writer };
