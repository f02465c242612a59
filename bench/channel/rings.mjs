// Rings: bytes copied into shared memory and out of it, whoever sleeps woken by postMessage. One of our own, with a slot
// for each message, and ringbuf.js, with one byte after the other.

import { setImmediate as turn } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { RingBuffer } from 'ringbuf.js';
import { IN_FLIGHT, touch, use } from './message.mjs';

const RING_BYTES_MAX = 64 * 1024 * 1024;

const [HEAD, TAIL, READER_SLEEPS, WRITER_SLEEPS] = [0, 16, 32, 48];
const WORDS_BYTES = 256;

const slotsFor = (length) => Math.min(IN_FLIGHT, Math.max(2, Math.floor(RING_BYTES_MAX / length)));

/** Slots of one length in shared memory. */
class Slots {
  #bytes;
  #length;

  constructor(memory, length) {
    this.#bytes = new Uint8Array(memory);
    this.#length = length;
  }

  static memoryFor(length) {
    return new SharedArrayBuffer(slotsFor(length) * length);
  }

  /** There is room for it. */
  put(buffer, number) {
    this.#bytes.set(buffer, this.#at(number));
  }

  take(buffer, number) {
    const at = this.#at(number);
    buffer.set(this.#bytes.subarray(at, at + this.#length));
  }

  #at(number) {
    return (number % slotsFor(this.#length)) * this.#length;
  }
}

/** The same by ringbuf.js. */
class Ringbuf {
  #ring;

  constructor(memory) {
    this.#ring = new RingBuffer(memory, Uint8Array);
  }

  static memoryFor(length) {
    return RingBuffer.getStorageForCapacity(slotsFor(length) * length, Uint8Array);
  }

  put(buffer) {
    if (this.#ring.push(buffer) !== buffer.length) throw new Error('ringbuf.js has no room');
  }

  take(buffer) {
    if (this.#ring.pop(buffer) !== buffer.length) throw new Error('ringbuf.js has no message');
  }
}

/** What a side has of a ring: counts of messages, and who sleeps. */
class RingEnd {
  constructor(Store, { words, memory, port, length }) {
    this.words = new Int32Array(words);
    this.store = new Store(memory, length);
    this.slots = slotsFor(length);
    this.length = length;
    this.port = port;
    port.on('message', () => this.wake?.());
  }

  ring(flag) {
    if (Atomics.load(this.words, flag) !== 0 && Atomics.exchange(this.words, flag, 0) !== 0)
      this.port.postMessage(0);
  }

  async sleep(flag, isSo) {
    Atomics.store(this.words, flag, 1);
    if (isSo()) await new Promise((resolve) => (this.wake = resolve));
  }

  get depth() {
    return (Atomics.load(this.words, HEAD) - Atomics.load(this.words, TAIL)) | 0;
  }

  write(buffer) {
    if (this.depth === this.slots) return false;
    this.store.put(buffer, Atomics.load(this.words, HEAD));
    Atomics.add(this.words, HEAD, 1);
    this.ring(READER_SLEEPS);
    return true;
  }

  read() {
    if (this.depth === 0) return undefined;
    const buffer = Buffer.allocUnsafe(this.length);
    this.store.take(buffer, Atomics.load(this.words, TAIL));
    Atomics.add(this.words, TAIL, 1);
    this.ring(WRITER_SLEEPS);
    return buffer;
  }
}

const ringOn = (Store) => ({
  prepare(length) {
    const { port1, port2 } = new MessageChannel();
    const shared = {
      words: new SharedArrayBuffer(WORDS_BYTES),
      memory: Store.memoryFor(length),
      length,
    };
    return {
      ours: { ...shared, port: port1 },
      theirs: { ...shared, port: port2 },
      transfer: [port2],
    };
  },
  async send(ours, length, isOver) {
    const it = new RingEnd(Store, ours);
    const buffer = Buffer.alloc(length);
    let sent = 0;
    for (; !isOver(() => sent - it.depth); sent++) {
      touch(buffer, sent);
      while (!it.write(buffer)) await it.sleep(WRITER_SLEEPS, () => it.depth === it.slots);
      if (sent % IN_FLIGHT === 0) await turn();
    }
    ours.port.close();
  },
  async receive(theirs) {
    const it = new RingEnd(Store, theirs);
    let isClosed = false;
    theirs.port.once('close', () => {
      isClosed = true;
      it.wake?.();
    });
    for (let read = 1; !isClosed; read++) {
      const buffer = it.read();
      if (buffer !== undefined) use(buffer);
      else await it.sleep(READER_SLEEPS, () => it.depth === 0);
      if (read % IN_FLIGHT === 0) await turn();
    }
  },
});

export const ring = ringOn(Slots);
export const ringbuf = ringOn(Ringbuf);
