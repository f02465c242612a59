/**
 * A pool of workers by piscina: Buffers go there and back by tickets.
 */
import { expect } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { resultOf } from '../unit/support/child';

const test = onlyNative('Buffers go to other threads with the addon only');

const WORKER = `
  const { createHash } = require('node:crypto');
  const { Arena } = require('hakmem-arena');
  const arena = new Arena({ name: 'worker' });
  module.exports = (ticket) => arena.scope((scope) => {
    const frame = scope.adopt(ticket);
    if (frame[0] === 254) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    if (frame[0] === 255) throw new Error('on purpose');
    const digest = arena.from(createHash('sha256').update(frame).digest());
    return arena.share(digest);
  });`;

const MAIN = `
  const { createHash } = require('node:crypto');
  const { writeFileSync, mkdtempSync, rmSync } = require('node:fs');
  const { join } = require('node:path');
  const { Piscina } = require('piscina');
  const { Arena, adopt, release } = require('hakmem-arena');
  const arena = new Arena({ name: 'frames' });
  const folder = mkdtempSync(join(process.cwd(), '.build', 'piscina-'));
  const filename = join(folder, 'worker.cjs');
  writeFileSync(filename, ${JSON.stringify(WORKER)});
  const digestOf = (bytes) => createHash('sha256').update(bytes).digest('hex');
  const pool = new Piscina({ filename, minThreads: 2, maxThreads: 2 });
  const run = async (frame, options) => {
    const ticket = arena.share(frame);
    try {
      const digest = adopt(await pool.run(ticket, options));
      const hex = digest.toString('hex');
      release(digest);
      return hex;
    } finally {
      const unread = arena.recall(ticket); // a task that never began
      if (unread !== undefined) arena.free(unread);
    }
  };`;

test('every frame arrives, every digest comes back, and nothing is left', async () => {
  const result = await resultOf<object>(`${MAIN}
    (async () => {
      const jobs = Array.from({ length: 200 }, async (_, i) => {
        const frame = arena.alloc(1000 * (i + 1), i % 200);
        const expected = digestOf(frame);
        return (await run(frame)) === expected;
      });
      const right = (await Promise.all(jobs)).filter(Boolean).length;
      const failed = await run(arena.alloc(5000, 255)).catch((error) => error.message);
      // Both workers are busy: what waits is aborted before it begins.
      const busy = [1, 2].map(() => run(arena.alloc(5000, 254)));
      const aborted = Array.from({ length: 20 }, () => {
        const controller = new AbortController();
        const done = run(arena.alloc(5000), { signal: controller.signal });
        controller.abort();
        return done.catch((error) => error.name);
      });
      const names = new Set(await Promise.all(aborted));
      await Promise.all(busy);
      await pool.close();
      rmSync(folder, { recursive: true });
      await new Promise((resolve) => setImmediate(resolve));
      arena.trim();
      console.log(JSON.stringify({ right, failed, names: [...names],
        away: arena.stats().lending.away, live: arena.stats().bytes.live, ok: arena.verify().ok }));
      process.exit();
    })();`);
  expect(result).toEqual({
    ...{ right: 200, failed: 'on purpose', names: ['AbortError'] },
    ...{ away: 0, live: 0, ok: true },
  });
});
