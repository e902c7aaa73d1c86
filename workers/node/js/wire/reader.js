'use strict';

/** Strings shorter than this are cheaper to build byte by byte than through a native call. */
const SHORT = 16;

/** A cursor over one protobuf message. Throws RangeError when the bytes end early or make no sense. */
class Reader {
  /**
   * @param {boolean} borrowed whether `buf` is reused after decoding: bytes fields are then copied out, otherwise they
   *   are views of `buf`.
   */
  reset(buf, pos, end, borrowed) {
    this.buf = buf;
    this.pos = pos;
    this.end = end;
    this.borrowed = borrowed;
    return this;
  }

  varint() {
    const buf = this.buf;
    let pos = this.pos;
    let b = buf[pos++];
    let value = b & 0x7f;
    if (b >= 0x80) {
      b = buf[pos++];
      value |= (b & 0x7f) << 7;
      if (b >= 0x80) {
        b = buf[pos++];
        value |= (b & 0x7f) << 14;
        if (b >= 0x80) {
          b = buf[pos++];
          value |= (b & 0x7f) << 21;
          if (b >= 0x80) {
            b = buf[pos++];
            value = (value | ((b & 0x0f) << 28)) >>> 0;
            // A negative int32 is written as ten bytes; the high half carries no information for a 32-bit value.
            for (let n = 0; b >= 0x80; n++) {
              if (n === 5) throw new RangeError('varint longer than 10 bytes');
              b = buf[pos++];
            }
          }
        }
      }
    }
    if (b === undefined || pos > this.end) throw new RangeError('message ends inside a varint');
    this.pos = pos;
    return value;
  }

  /** Reads a length and returns the position after the field it announces. */
  limit(outer) {
    const length = this.varint();
    const end = this.pos + length;
    if (end > outer) throw new RangeError(`field of ${length} bytes exceeds its message`);
    return end;
  }

  int32() {
    return this.varint() | 0;
  }

  bool() {
    return this.varint() !== 0;
  }

  /** 64 bits as BigInt, unsigned. */
  #wide() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.pos >= this.end) break;
      const b = this.buf[this.pos++];
      value |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError('message ends inside a varint');
  }

  /** A number while that is exact, otherwise a BigInt: nothing is rounded silently. */
  int64() {
    return narrow(BigInt.asIntN(64, this.#wide()));
  }

  sint64() {
    const b = this.buf[this.pos];
    if (b < 0x80 && this.pos < this.end) {
      this.pos++;
      return (b >>> 1) ^ -(b & 1);
    }
    const raw = this.#wide();
    return narrow((raw >> 1n) ^ -(raw & 1n));
  }

  double() {
    const at = this.pos;
    if (at + 8 > this.end) throw new RangeError('message ends inside a double');
    this.pos = at + 8;
    return this.buf.readDoubleLE(at);
  }

  string() {
    const end = this.limit(this.end);
    const buf = this.buf;
    let pos = this.pos;
    this.pos = end;
    if (end - pos < SHORT) {
      let text = '';
      const start = pos;
      while (pos < end) {
        const b = buf[pos++];
        if (b >= 0x80) return buf.toString('utf8', start, end);
        text += String.fromCharCode(b);
      }
      return text;
    }
    return buf.utf8Slice(pos, end);
  }

  bytes() {
    const end = this.limit(this.end);
    const view = this.buf.subarray(this.pos, end);
    this.pos = end;
    return this.borrowed ? Buffer.from(view) : view;
  }

  skip(wireType) {
    switch (wireType) {
      case 0:
        this.#wide();
        return;
      case 1:
        this.pos += 8;
        break;
      case 2:
        this.pos = this.limit(this.end);
        return;
      case 5:
        this.pos += 4;
        break;
      default:
        throw new RangeError(`wire type ${wireType} is not in use`);
    }
    if (this.pos > this.end) throw new RangeError('message ends inside a field');
  }
}

function narrow(value) {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}

module.exports = { Reader };
