// What it costs to get a Buffer to another thread: one thread sends as fast as it can to another, each in its event
// loop, with 256 messages under way. `npm run bench -- --channel`; with --sweep, a channel that copies everything against
// one that hands everything over, by length: where the default of `threshold` comes from; --quick to see it run.
//
// Both sides touch the first and the last byte only. Rivals take turns, and begin anew for each measurement.
//
//   channel      Channel, with its default threshold             copy       postMessage of a Buffer that is used again
//   ring         bytes copied into a ring in shared memory, and   transfer   postMessage of an ArrayBuffer made for it
//                out of it; postMessage wakes who sleeps

import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { MessageChannel, Worker, isMainThread, workerData } from 'node:worker_threads';
import { Arena, Channel } from 'hakmem-arena';

const IN_FLIGHT = 256;
const RING_BYTES_MAX = 64 * 1024 * 1024;
const ACK_EVERY = 64;

// --- A ring in shared memory ------------------------------------------------------------------------

const [HEAD, TAIL, READER_SLEEPS, WRITER_SLEEPS] = [0, 16, 32, 48];
const HEADER_BYTES = 256;

class Ring {
  constructor({ memory, port, length }) {
    this.words = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.bytes = new Uint8Array(memory, HEADER_BYTES);
    this.slots = this.bytes.length / length;
    this.length = length;
    this.port = port;
    port.on('message', () => this.wake?.());
  }

  static memoryFor(length) {
    const slots = Math.min(IN_FLIGHT, Math.max(2, Math.floor(RING_BYTES_MAX / length)));
    return new SharedArrayBuffer(HEADER_BYTES + slots * length);
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
    const head = Atomics.load(this.words, HEAD);
    this.bytes.set(buffer, (head % this.slots) * this.length);
    Atomics.store(this.words, HEAD, head + 1);
    this.ring(READER_SLEEPS);
    return true;
  }

  read() {
    if (this.depth === 0) return undefined;
    const tail = Atomics.load(this.words, TAIL);
    const at = (tail % this.slots) * this.length;
    const buffer = Buffer.allocUnsafe(this.length);
    buffer.set(this.bytes.subarray(at, at + this.length));
    Atomics.store(this.words, TAIL, tail + 1);
    this.ring(WRITER_SLEEPS);
    return buffer;
  }
}

// --- Those who play -----------------------------------------------------------------------------------

const use = (buffer) => buffer[0] + buffer[buffer.length - 1];

function touch(buffer, value) {
  buffer[0] = buffer[buffer.length - 1] = value;
  return buffer;
}

/** A channel; `threshold` says what is copied. */
const channelWith = (options) => ({
  prepare() {
    const [ours, theirs] = new Channel({ capacity: IN_FLIGHT, ...options }).ends;
    return { ours, theirs, transfer: [theirs.port] };
  },
  async send(ours, _worker, length, isOver) {
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
  async send(port, _worker, length, isOver) {
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

const ring = {
  prepare(length) {
    const { port1, port2 } = new MessageChannel();
    const memory = Ring.memoryFor(length);
    return {
      ours: { memory, port: port1, length },
      theirs: { memory, port: port2, length },
      transfer: [port2],
    };
  },
  async send(ours, _worker, length, isOver) {
    const it = new Ring(ours);
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
    const it = new Ring(theirs);
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
};

const RIVALS = {
  channel: channelWith({}),
  copy: postingBy((port, buffer) => port.postMessage(buffer)),
  transfer: postingBy((port, buffer) => {
    const bytes = new ArrayBuffer(buffer.length);
    touch(new Uint8Array(bytes), buffer[0]);
    port.postMessage(bytes, [bytes]);
  }),
  ring,
  'all copied': channelWith({ threshold: 65_536 }),
  'all handed over': channelWith({ threshold: 0 }),
};

// --- Measuring ----------------------------------------------------------------------------------------

/** Messages per second, and microseconds of CPU of both threads for each, after a warm-up. */
async function measure(name, length, { warmUpMs, ms }) {
  const { prepare, send } = RIVALS[name];
  const { ours, theirs, transfer } = prepare(length);
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { name, theirs },
    transferList: transfer,
  });
  const exit = once(worker, 'exit');
  await once(worker, 'online');
  const began = performance.now();
  let first;
  let last;
  await send(ours, worker, length, (received) => {
    const now = performance.now();
    if (now - began < warmUpMs) return false;
    first ??= { now, count: received(), cpu: process.cpuUsage() };
    if (now - first.now < ms) return false;
    last = { now, count: received(), cpu: process.cpuUsage(first.cpu) };
    return true;
  });
  await Promise.race([exit, worker.terminate()]);
  const count = last.count - first.count;
  const perSecond = (count / (last.now - first.now)) * 1000;
  return { perSecond, cpuUs: (last.cpu.user + last.cpu.system) / count };
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Medians by rival. The order changes, so that a drift of the machine does not count for one side. */
async function compare(names, length, { runs, ...times }) {
  const all = new Map(names.map((name) => [name, []]));
  for (let run = 0; run < runs; run++) {
    const order = run % 2 === 0 ? names : [...names].reverse();
    for (const name of order) all.get(name).push(await measure(name, length, times));
  }
  return names.map((name) => ({
    name,
    perSecond: median(all.get(name).map(({ perSecond }) => perSecond)),
    cpuUs: median(all.get(name).map(({ cpuUs }) => cpuUs)),
  }));
}

function print(length, results) {
  const [{ perSecond: ours }] = results;
  for (const { name, perSecond, cpuUs } of results) {
    const rate = `${(perSecond / 1000).toFixed(1)} k/s`.padStart(14);
    const cpu = `${cpuUs.toFixed(2)} us`.padStart(12);
    console.log(
      `${String(length).padStart(9)} B  ${name.padEnd(16)}${rate}${cpu}   ${(ours / perSecond).toFixed(2)}x`,
    );
  }
}

async function main() {
  const isQuick = process.argv.includes('--quick');
  const isSweep = process.argv.includes('--sweep');
  const settings = isQuick
    ? { runs: 1, warmUpMs: 20, ms: 50 }
    : { runs: 10, warmUpMs: 300, ms: 1000 };
  const lengths = isSweep
    ? [256, 512, 1024, 2048, 3072, 4096, 6144, 8192, 16_384, 32_768, 65_536]
    : [256, 4096, 65_536, 1024 * 1024];
  const names = isSweep
    ? ['all copied', 'all handed over']
    : ['channel', 'copy', 'transfer', 'ring'];
  console.log(
    `Node ${process.version}, ${IN_FLIGHT} under way, medians of ${settings.runs}; x: the first over this`,
  );
  console.log('    bytes  rival              messages  CPU of both');
  for (const length of isQuick ? lengths.slice(0, 3) : lengths) {
    print(length, await compare(names, length, settings));
  }
}

if (isMainThread) await main();
else await RIVALS[workerData.name].receive(workerData.theirs);
