/**
 * Blocks in spans between two threads: at the beginning, across the borders of slabs, and at the end.
 */
import { describe, expect } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { resultOf } from '../unit/support/child';

const test = onlyNative('Buffers go to other threads with the addon only');

/** Has `views`, all blocks of one span of `size` bytes each, which `isAcross` a border of slabs or not. */
const SPAN = `
  const { Worker } = require('node:worker_threads');
  const { once } = require('node:events');
  const { Arena, adopt, release } = require('hakmem-arena');
  const SLAB = 65_536;
  const arena = new Arena();
  const first = arena.allocUnsafe(size);
  const views = [first];
  while (views.length < Math.floor(first.buffer.byteLength / arena.usableSize(first))) views.push(arena.allocUnsafe(size));
  views.forEach((view, i) => view.fill(i + 1));
  const isAcross = ({ byteOffset }) => byteOffset % SLAB + size > SLAB;
  const isAll = (view, byte) => view.every((it) => it === byte);`;

/** Adopts what it is told to, answers with the first bytes of what is as it should be, and writes to all of it. */
const WORKER = `
  const { parentPort } = require('node:worker_threads');
  const { adopt, release } = require('hakmem-arena');
  parentPort.on('message', (tickets) => {
    const got = tickets.map((ticket) => adopt(ticket));
    const answer = got.map((view) => [view.length, view.byteOffset, view.buffer.byteLength, view.every((it) => it === view[0]) ? view[0] : -1]);
    got.forEach((view, i) => view.fill(200 + i % 2));
    got.forEach((view) => release(view));
    parentPort.postMessage(answer);
  });`;

describe.each([[16_401], [20_000], [40_000], [58_000]])('blocks of %i bytes', (size) => {
  test('reach another thread with their bytes and no others, and come back', async () => {
    const report = await resultOf<Record<string, unknown>>(`
      const size = ${size};${SPAN}
      (async () => {
        const worker = new Worker(${JSON.stringify(WORKER)}, { eval: true });
        const sent = views.filter((view, i) => i === 0 || i === views.length - 1 || isAcross(view));
        const places = sent.map((view) => view.byteOffset);
        const numbers = sent.map((view) => view[0]);
        const rest = views.filter((view) => !sent.includes(view));
        const buffer = first.buffer;
        worker.postMessage(sent.map((view) => arena.share(view)));
        const [answer] = await once(worker, 'message');
        const written = places.every((at, i) => isAll(Buffer.from(buffer, at, size), 200 + i % 2));
        const stayed = rest.every((view) => isAll(view, views.indexOf(view) + 1));
        await worker.terminate();
        for (const view of rest) arena.free(view);
        arena.trim();
        const { lending, bytes } = arena.stats();
        console.log(JSON.stringify({
          across: places.some((byteOffset) => isAcross({ byteOffset })), last: Math.max(...places) + size > buffer.byteLength - size || buffer.byteLength === 0,
          right: answer.every(([length, at, whole, byte], i) => length === size && at === 0 && whole === size && byte === numbers[i]),
          written, stayed, away: lending.away, used: bytes.used, ok: arena.verify().ok }));
      })();`);
    expect(report).toEqual({
      across: true,
      last: true,
      right: true,
      written: true,
      stayed: true,
      away: 0,
      used: 0,
      ok: true,
    });
  });

  test('stay whole through the end of their arena, while others take its memory', async () => {
    const report = await resultOf<Record<string, unknown>>(`
      const size = ${size};${SPAN}
      const adopted = views.filter((view, i) => i === 0 || i === views.length - 1 || isAcross(view)).map((view) => {
        const byte = view[0];
        return [adopt(arena.share(view)), byte];
      });
      arena.reset();
      for (let i = 0; i < 100; i++) arena.alloc(size, 99);
      const afterReset = adopted.every(([view, byte]) => isAll(view, byte));
      arena.destroy();
      const other = new Arena();
      for (let i = 0; i < 100; i++) other.alloc(size, 98);
      const afterEnd = adopted.every(([view, byte]) => view.length === size && isAll(view, byte));
      for (const [view] of adopted) release(view);
      console.log(JSON.stringify({ afterReset, afterEnd, gone: adopted.every(([view]) => view.length === 0), ok: other.verify().ok }));`);
    expect(report).toEqual({ afterReset: true, afterEnd: true, gone: true, ok: true });
  });
});
