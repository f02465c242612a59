// Child: a worker writes to size classes in shared memory while the addon reads them. What was checked must
// be what is used.

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { announce, countCall, finish } from './report.mjs';

const native = createRequire(import.meta.url)('node-gyp-build')(
  new URL('../..', import.meta.url).pathname,
);
const CALLS = 3000;
const sizes = new Uint32Array(new SharedArrayBuffer(4 * 64)).map((_, i) => 16 * (i + 1));
const shared = new Uint32Array(new SharedArrayBuffer(4 * 64));
shared.set(sizes);

const source = `
  const { workerData: sizes } = require('node:worker_threads');
  for (let i = 0; ; i = (i + 1) % 64) {
    const good = sizes[i];
    for (const bad of [0, 4294967295, 65536, 1]) sizes[i] = bad;
    sizes[i] = good;
  }`;
const worker = new Worker(source, { eval: true, workerData: shared });
await new Promise((resolve) => worker.once('online', resolve));
let made = 0;
for (let i = 0; i < CALLS; i++) {
  announce('createArena with sizes that change');
  countCall();
  const arena = native.createArena('racing', undefined, shared.subarray(0, 1 + (i % 64)));
  if (typeof arena === 'number') continue;
  made++;
  for (const bin of [0, 1, 20, 63]) {
    const got = native.refill(arena.id, bin, 4);
    if (got > 0) native.flush(arena.id, bin, got);
  }
  native.destroyArena(arena.id);
}
await worker.terminate();
announce(`the end; ${made} arenas were made`);
finish();
