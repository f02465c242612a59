// Rivals: ways of getting a Buffer to another thread. Each is `prepare`, `send` and `receive` for two threads of ours; or
// `play`, for packages that start the other thread themselves.
//
//   channel      Channel, with its default threshold             copy       postMessage of a Buffer that is used again
//   ring         bytes copied into a ring in shared memory, and   transfer   postMessage of an ArrayBuffer made for it
//   ringbuf.js   out of it; postMessage wakes who sleeps          piscina    a task for each, in a pool of one thread
//   thread-stream: text without bounds, of which it copies as much at once as there is

import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { Arena, Channel } from 'hakmem-arena';
import { Piscina } from 'piscina';
import ThreadStream from 'thread-stream';
import { IN_FLIGHT, touch, use } from './message.mjs';
import { ring, ringbuf } from './rings.mjs';

const ACK_EVERY = 64;

/** A channel; `threshold` says what is copied. */
const channelWith = (options) => ({
  prepare() {
    const [ours, theirs] = new Channel({ capacity: IN_FLIGHT, ...options }).ends;
    return { ours, theirs, transfer: [theirs.port] };
  },
  async send(ours, length, isOver) {
    const arena = new Arena();
    const end = Channel.open(ours, arena);
    for (let i = 0; !isOver(() => end.stats().sent - end.stats().depth); i++) {
      const view = touch(arena.allocUnsafe(length), i);
      while (!end.send(view)) await end.ready();
      if (i % IN_FLIGHT === 0) await turn();
    }
    end.close();
  },
  async receive(theirs) {
    await Channel.open(theirs, new Arena()).receive((buffer) => void use(buffer));
  },
});

/** Messages of Node, of which so many are under way as were not acknowledged. */
const postingBy = (post) => ({
  prepare() {
    const { port1, port2 } = new MessageChannel();
    return { ours: port1, theirs: port2, transfer: [port2] };
  },
  async send(port, length, isOver) {
    let acked = 0;
    let wake;
    port.on('message', () => {
      acked += ACK_EVERY;
      wake?.();
    });
    const buffer = Buffer.alloc(length);
    for (let i = 0; !isOver(() => acked); i++) {
      while (i - acked >= IN_FLIGHT) await new Promise((resolve) => (wake = resolve));
      post(port, touch(buffer, i));
    }
    port.close();
  },
  async receive(port) {
    let received = 0;
    port.on('message', (bytes) => {
      use(new Uint8Array(bytes.buffer ?? bytes));
      if (++received % ACK_EVERY === 0) port.postMessage(0);
    });
    await once(port, 'close');
  },
});

const STREAM_BYTES_MAX = 64 * 1024 * 1024;

const threadStream = {
  async play(length, isOver) {
    const received = new Float64Array(new SharedArrayBuffer(8));
    const stream = new ThreadStream({
      filename: new URL('stream-worker.mjs', import.meta.url).href,
      workerData: { received },
      bufferSize: Math.min(IN_FLIGHT * length, STREAM_BYTES_MAX),
    });
    const exit = once(stream, 'close');
    await once(stream, 'ready');
    const buffer = Buffer.alloc(length);
    for (let i = 0; !isOver(() => Math.floor(received[0] / length)); i++) {
      if (!stream.write(touch(buffer, i))) await once(stream, 'drain');
      if (i % IN_FLIGHT === 0) await turn();
    }
    stream.end();
    await exit;
  },
};

const piscina = {
  async play(length, isOver) {
    const pool = new Piscina({
      filename: new URL('pool-worker.mjs', import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
    });
    const buffer = Buffer.alloc(length);
    let done = 0;
    let wake;
    const count = () => {
      done++;
      wake?.();
    };
    const tasks = [];
    for (let i = 0; !isOver(() => done); i++) {
      while (i - done >= IN_FLIGHT) await new Promise((resolve) => (wake = resolve));
      tasks[i % IN_FLIGHT] = pool.run(touch(buffer, i)).then(count);
    }
    await Promise.all(tasks);
    await pool.close();
  },
};

export const RIVALS = {
  channel: channelWith({}),
  copy: postingBy((port, buffer) => port.postMessage(buffer)),
  transfer: postingBy((port, buffer) => {
    const bytes = new ArrayBuffer(buffer.length);
    touch(new Uint8Array(bytes), buffer[0]);
    port.postMessage(bytes, [bytes]);
  }),
  ring,
  'ringbuf.js': ringbuf,
  'thread-stream': threadStream,
  piscina,
};

/** For `--sweep`. */
export const SWEEP = {
  'all copied': channelWith({ threshold: 65_536 }),
  'all handed over': channelWith({ threshold: 0 }),
};
