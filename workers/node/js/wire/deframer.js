'use strict';

const PREFIX = 5;

/**
 * Cuts the byte stream of one gRPC call into messages.
 *
 * A message that lies whole in what just arrived is handed on in place (`borrowed`: its bytes are reused afterwards);
 * one that spans several arrivals is gathered in a buffer of its own.
 */
class Deframer {
  /** @param onMessage (buf, start, end, borrowed) */
  constructor(onMessage) {
    this.onMessage = onMessage;
    this.prefix = Buffer.alloc(PREFIX);
    this.prefixBytes = 0;
    this.whole = null;
    this.filled = 0;
  }

  push(buf, pos, end) {
    while (pos < end) {
      if (this.whole !== null) {
        const take = Math.min(this.whole.length - this.filled, end - pos);
        buf.copy(this.whole, this.filled, pos, pos + take);
        this.filled += take;
        pos += take;
        if (this.filled < this.whole.length) return;
        const whole = this.whole;
        this.whole = null;
        this.onMessage(whole, 0, whole.length, false);
        continue;
      }
      if (this.prefixBytes === 0 && end - pos >= PREFIX) {
        this.#check(buf[pos]);
        const length = buf.readUInt32BE(pos + 1);
        pos += PREFIX;
        if (length <= end - pos) {
          this.onMessage(buf, pos, pos + length, true);
          pos += length;
        } else {
          this.#gather(length);
        }
        continue;
      }
      this.prefix[this.prefixBytes++] = buf[pos++];
      if (this.prefixBytes < PREFIX) continue;
      this.prefixBytes = 0;
      this.#check(this.prefix[0]);
      const length = this.prefix.readUInt32BE(1);
      if (length === 0) this.onMessage(this.prefix, 0, 0, true);
      else this.#gather(length);
    }
  }

  #gather(length) {
    this.whole = Buffer.allocUnsafeSlow(length);
    this.filled = 0;
  }

  #check(flags) {
    if (flags !== 0) throw new RangeError(`gRPC message with flags ${flags}: compression was not offered`);
  }
}

module.exports = { Deframer };
