'use strict';
// HTTP/2 frames (RFC 9113), as far as one client stream needs them.

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const HEAD = 9;

const TYPE = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
};
const FLAG = { ack: 1, endStream: 1, endHeaders: 4, padded: 8 };
const SETTING = { enablePush: 2, initialWindowSize: 4, maxFrameSize: 5 };
const MAX_WINDOW = 0x7fffffff;

/** Writes a frame header into the first nine bytes at `at`. */
function putHead(buf, at, length, type, flags, streamId) {
  buf[at] = length >>> 16;
  buf[at + 1] = length >>> 8;
  buf[at + 2] = length;
  buf[at + 3] = type;
  buf[at + 4] = flags;
  buf.writeUInt32BE(streamId, at + 5);
}

function frame(type, flags, streamId, payload) {
  const buf = Buffer.allocUnsafe(HEAD + payload.length);
  putHead(buf, 0, payload.length, type, flags, streamId);
  buf.set(payload, HEAD);
  return buf;
}

function settings(values) {
  const payload = Buffer.alloc(Object.keys(values).length * 6);
  let at = 0;
  for (const [name, value] of Object.entries(values)) {
    payload.writeUInt16BE(SETTING[name], at);
    payload.writeUInt32BE(value, at + 2);
    at += 6;
  }
  return frame(TYPE.settings, 0, 0, payload);
}

function windowUpdate(streamId, increment) {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(increment);
  return frame(TYPE.windowUpdate, 0, streamId, payload);
}

/** Request headers as HPACK literals without indexing (RFC 7541 §6.2.2): they are sent once, compressing them is idle. */
function requestHeaders(streamId, fields) {
  const parts = [];
  for (const [name, value] of fields) {
    if (name.length > 126 || value.length > 126) throw new RangeError(`header ${name} is too long`);
    parts.push(Buffer.from([0, name.length]), Buffer.from(name, 'latin1'));
    parts.push(Buffer.from([value.length]), Buffer.from(value, 'latin1'));
  }
  return frame(TYPE.headers, FLAG.endHeaders, streamId, Buffer.concat(parts));
}

/** Calls `onSetting(id, value)` for each entry of a SETTINGS payload. */
function eachSetting(payload, onSetting) {
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    onSetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  }
}

/**
 * Cuts incoming bytes into frames. DATA payloads are passed on piece by piece as they arrive, all other payloads whole.
 */
class FrameParser {
  /** @param handler {onData(buf, start, end), onDataEnd(length, flags), onFrame(type, flags, streamId, payload)} */
  constructor(handler, maxFrameSize) {
    this.handler = handler;
    this.maxFrameSize = maxFrameSize;
    this.head = Buffer.alloc(HEAD);
    this.headBytes = 0;
    this.remaining = 0;
    this.partial = null;
  }

  push(buf, length) {
    let pos = 0;
    while (pos < length || (this.headBytes === HEAD && this.remaining === 0)) {
      if (this.headBytes < HEAD) {
        const take = Math.min(HEAD - this.headBytes, length - pos);
        buf.copy(this.head, this.headBytes, pos, pos + take);
        this.headBytes += take;
        pos += take;
        if (this.headBytes < HEAD) return;
        this.#begin();
        continue;
      }
      const end = Math.min(length, pos + this.remaining);
      this.remaining -= end - pos;
      if (this.type === TYPE.data) this.#data(buf, pos, end);
      else this.#other(buf, pos, end);
      pos = end;
      if (this.remaining === 0) this.headBytes = 0;
    }
  }

  #begin() {
    const head = this.head;
    this.length = this.remaining = (head[0] << 16) | (head[1] << 8) | head[2];
    this.type = head[3];
    this.flags = head[4];
    this.streamId = head.readUInt32BE(5) & 0x7fffffff;
    this.padding = this.type === TYPE.data && this.flags & FLAG.padded ? -1 : 0;
    if (this.length > this.maxFrameSize) throw new RangeError(`HTTP/2 frame of ${this.length} bytes is larger than agreed`);
  }

  #data(buf, start, end) {
    if (this.padding === -1 && start < end) {
      this.padding = buf[start++];
      if (this.padding > this.length - 1) throw new RangeError('HTTP/2 padding is longer than its frame');
    }
    // The padding is the tail of the frame: what lies in it is not handed on.
    const cut = Math.max(start, end - Math.max(0, this.padding - this.remaining));
    if (start < cut) this.handler.onData(buf, start, cut);
    if (this.remaining === 0) this.handler.onDataEnd(this.length, this.flags);
  }

  #other(buf, start, end) {
    const piece = buf.subarray(start, end);
    if (this.remaining > 0) {
      // The socket's buffer is reused, so a piece that has to wait is copied.
      this.partial = Buffer.concat(this.partial ? [this.partial, piece] : [piece]);
      return;
    }
    const payload = this.partial ? Buffer.concat([this.partial, piece]) : piece;
    this.partial = null;
    this.handler.onFrame(this.type, this.flags, this.streamId, payload);
  }
}

module.exports = {
  PREFACE,
  HEAD,
  TYPE,
  FLAG,
  SETTING,
  MAX_WINDOW,
  putHead,
  frame,
  settings,
  windowUpdate,
  requestHeaders,
  eachSetting,
  FrameParser,
};
