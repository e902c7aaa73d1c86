'use strict';
// The one gRPC call of the worker: `FunctionRpc/EventStream` over plain HTTP/2 with prior knowledge.

const net = require('node:net');
const h2 = require('./http2.js');
const { Deframer } = require('./deframer.js');
const { Writer } = require('./writer.js');
const { decode, encoder } = require('./codec.js');

const STREAM = 1;
const PATH = '/AzureFunctionsRpcMessages.FunctionRpc/EventStream';
const READ_BUFFER = 256 * 1024;
const BATCH = 64 * 1024;
/** Frames the host may send us. Larger frames mean fewer pieces of a large body. */
const MAX_FRAME = 1024 * 1024;
/** Received bytes after which the host gets its window back; the window itself is as large as the protocol allows. */
const REPLENISH = 8 * 1024 * 1024;
/** Unsent bytes in the socket above which we stop feeding it until it has drained. */
const SOCKET_BACKLOG = 4 * 1024 * 1024;

/**
 * Sends and receives `StreamingMessage`s.
 *
 * Everything sent within one turn of the event loop leaves in one socket write, in the order of the calls. The host's
 * flow-control windows and frame size are honoured; what does not fit waits in `queue`.
 */
class EventStream {
  /**
   * @param {{host: string, port: number}} address
   * @param {{onMessage(message), onMalformed(error), onClose(error?)}} handler `onClose` is called exactly once.
   */
  constructor(address, handler) {
    this.handler = handler;
    this.writer = new Writer(h2.HEAD, BATCH);
    this.encode = encoder('StreamingMessage');
    this.deframer = new Deframer((buf, start, end, borrowed) => this.#receive(buf, start, end, borrowed));
    this.parser = new h2.FrameParser(this, MAX_FRAME);
    this.queue = [];
    this.queued = 0;
    this.connectionWindow = 65535;
    this.streamWindow = 65535;
    this.initialWindow = 65535;
    this.maxFrame = 16384;
    this.unacknowledged = 0;
    this.flushPlanned = false;
    this.closed = false;
    this.flushTask = () => this.flush();
    this.socket = net.connect({
      ...address,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BUFFER),
        callback: (length, buf) => this.#read(length, buf),
      },
    });
    this.socket.on('end', () => this.#close());
    this.socket.on('close', () => this.#close());
    this.socket.on('error', (error) => this.#close(error));
    this.socket.on('drain', () => this.#pump());
    this.#open(`${address.host}:${address.port}`);
  }

  #open(authority) {
    this.socket.write(
      Buffer.concat([
        h2.PREFACE,
        h2.settings({ enablePush: 0, initialWindowSize: h2.MAX_WINDOW, maxFrameSize: MAX_FRAME }),
        h2.windowUpdate(0, h2.MAX_WINDOW - 65535),
        h2.requestHeaders(STREAM, [
          [':method', 'POST'],
          [':scheme', 'http'],
          [':path', PATH],
          [':authority', authority],
          ['te', 'trailers'],
          ['content-type', 'application/grpc'],
          ['user-agent', 'horus-node-worker'],
        ]),
      ]),
    );
  }

  /** Queues one message for the end of this turn. Throws, with nothing sent, when it cannot be encoded. */
  send(message) {
    this.writer.message(this.encode, message);
    if (!this.flushPlanned) {
      this.flushPlanned = true;
      setImmediate(this.flushTask);
    }
  }

  /** Hands everything sent so far to the socket. */
  flush() {
    this.flushPlanned = false;
    const writer = this.writer;
    const length = writer.length;
    if (length === 0 || this.closed) return;
    const fits = length <= this.maxFrame && length <= this.connectionWindow && length <= this.streamWindow;
    const isClear = this.queued === 0 && this.socket.writableLength < SOCKET_BACKLOG;
    if (fits && isClear && writer.externalBytes === 0) {
      this.connectionWindow -= length;
      this.streamWindow -= length;
      h2.putHead(writer.buf, 0, length, h2.TYPE.data, 0, STREAM);
      this.socket.write(writer.buf.subarray(0, writer.pos));
      // Written through in one go, so nobody holds the buffer any more; otherwise it is the socket's until sent.
      if (this.socket.writableLength === 0) writer.clear();
      else writer.renew();
      return;
    }
    for (const chunk of writer.takeChunks()) this.queue.push(chunk);
    this.queued += length;
    this.#pump();
  }

  /** Sends as much of the queue as windows and socket take. */
  #pump() {
    if (this.queued === 0 || this.closed) return;
    this.socket.cork();
    while (this.queued > 0 && this.socket.writableLength < SOCKET_BACKLOG) {
      const size = Math.min(this.queued, this.maxFrame, this.connectionWindow, this.streamWindow);
      if (size <= 0) break;
      this.connectionWindow -= size;
      this.streamWindow -= size;
      this.queued -= size;
      const head = Buffer.allocUnsafe(h2.HEAD);
      h2.putHead(head, 0, size, h2.TYPE.data, 0, STREAM);
      this.socket.write(head);
      this.#writeFromQueue(size);
    }
    this.socket.uncork();
  }

  #writeFromQueue(size) {
    let used = 0;
    while (size > 0) {
      const chunk = this.queue[used];
      if (chunk.length <= size) {
        this.socket.write(chunk);
        size -= chunk.length;
        used++;
      } else {
        this.socket.write(chunk.subarray(0, size));
        this.queue[used] = chunk.subarray(size);
        size = 0;
      }
    }
    if (used > 0) this.queue.splice(0, used);
  }

  /** Sends what is pending and closes our half; `done` runs when it has left or the socket is gone. */
  end(done) {
    this.flush();
    if (this.closed || this.socket.destroyed) return done();
    this.socket.once('close', done);
    if (this.queued === 0) this.socket.write(h2.frame(h2.TYPE.data, h2.FLAG.endStream, STREAM, Buffer.alloc(0)));
    this.socket.end(done);
  }

  #read(length, buf) {
    try {
      this.parser.push(buf, length);
    } catch (error) {
      this.#close(error);
      this.socket.destroy();
      return false;
    }
    return true;
  }

  #receive(buf, start, end, borrowed) {
    let message;
    try {
      message = decode('StreamingMessage', buf, start, end, borrowed);
    } catch (error) {
      this.handler.onMalformed(error);
      return;
    }
    this.handler.onMessage(message);
  }

  onData(buf, start, end) {
    if (this.parser.streamId === STREAM) this.deframer.push(buf, start, end);
  }

  onDataEnd(length, flags) {
    this.unacknowledged += length;
    if (this.unacknowledged >= REPLENISH) {
      const increment = this.unacknowledged;
      this.unacknowledged = 0;
      this.socket.write(Buffer.concat([h2.windowUpdate(0, increment), h2.windowUpdate(STREAM, increment)]));
    }
    if (flags & h2.FLAG.endStream) this.#close();
  }

  onFrame(type, flags, streamId, payload) {
    switch (type) {
      case h2.TYPE.settings:
        if (flags & h2.FLAG.ack) return;
        h2.eachSetting(payload, (id, value) => this.#setting(id, value));
        this.socket.write(h2.frame(h2.TYPE.settings, h2.FLAG.ack, 0, Buffer.alloc(0)));
        this.#pump();
        return;
      case h2.TYPE.windowUpdate: {
        const increment = payload.readUInt32BE(0) & 0x7fffffff;
        if (streamId === 0) this.connectionWindow += increment;
        else this.streamWindow += increment;
        this.#pump();
        return;
      }
      case h2.TYPE.ping:
        if (!(flags & h2.FLAG.ack)) this.socket.write(h2.frame(h2.TYPE.ping, h2.FLAG.ack, 0, payload));
        return;
      case h2.TYPE.headers:
        // Response headers and trailers: nothing in them is needed, only whether the host is done.
        if (flags & h2.FLAG.endStream) this.#close();
        return;
      case h2.TYPE.rstStream: {
        const code = payload.readUInt32BE(0);
        this.#close(isLeaving(code) ? undefined : new Error(`the host reset the event stream (HTTP/2 code ${code})`));
        return;
      }
      case h2.TYPE.goAway: {
        const code = payload.readUInt32BE(4);
        // An orderly GOAWAY lets the stream run on; the host ends it when it is done with us.
        if (code === 0) return;
        if (isLeaving(code)) return this.#close();
        const debug = payload.toString('utf8', 8);
        this.#close(new Error(`the host refused the connection (HTTP/2 code ${code}) ${debug}`.trim()));
        return;
      }
      default:
      // Unknown and irrelevant frames are ignored (RFC 9113 §4.1).
    }
  }

  #setting(id, value) {
    if (id === h2.SETTING.initialWindowSize) {
      this.streamWindow += value - this.initialWindow;
      this.initialWindow = value;
    } else if (id === h2.SETTING.maxFrameSize) {
      this.maxFrame = value;
    }
  }

  #close(error) {
    if (this.closed) return;
    this.flush();
    this.closed = true;
    this.handler.onClose(error);
  }
}

/** NO_ERROR and CANCEL are how a host that stops ends a call. */
function isLeaving(code) {
  return code === 0 || code === 8;
}

module.exports = { EventStream };
