/**
 * Late writes: an operation of the system that is under way when its arena is destroyed.
 */
import { expect, test } from '@jest/globals';
import { resultOf } from '../unit/support/child';

test.each([60_000, 1_000_000, 100_000_000])(
  'crypto.randomFill into %i bytes of a destroyed arena ends no process, whatever is set',
  async (size) => {
    const errors = await resultOf<(string | null)[]>(
      `
      const { randomFill } = require('node:crypto');
      const { Arena } = require('hakmem-arena');
      const errors = [];
      for (let i = 0; i < 3; i++) {
        const arena = new Arena();
        randomFill(arena.allocUnsafe(${size}), (error) => {
          errors.push(error?.message ?? null);
          if (errors.length === 3) console.log(JSON.stringify(errors));
        });
        arena.destroy();
        const last = new Arena(); // expires what the cache may let go of
        last.alloc(100);
        last.destroy();
      }`,
      { env: { HAKMEM_SUPERSLAB_TTL_SEC: '0', HAKMEM_SUPERSLAB_MAX_CACHED: '0' } },
    );
    expect(errors).toEqual([null, null, null]);
  },
);

test('what a worker writes late reaches no arena of another thread', async () => {
  const dirty = await resultOf<boolean>(
    `
    const { Worker } = require('node:worker_threads');
    const { Arena } = require('hakmem-arena');
    const source = \`
      const { parentPort } = require('node:worker_threads');
      const { randomFill } = require('node:crypto');
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      const view = arena.allocUnsafe(60_000_000);
      randomFill(view, () => parentPort.postMessage('filled'));
      arena.destroy();
      parentPort.postMessage('destroyed');\`;
    let views;
    new Worker(source, { eval: true }).on('message', (what) => {
      if (what === 'destroyed') {
        const arena = new Arena();
        views = [arena.alloc(60_000_000), arena.alloc(60_000_000)];
      } else {
        console.log(JSON.stringify(views.some((view) => view.some((byte) => byte !== 0))));
      }
    });`,
  );
  expect(dirty).toBe(false);
});
