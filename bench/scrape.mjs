// What scraping costs the hot path: a worker allocates and frees flat out while this thread scrapes ten
// times a second, or does not, by turns of a second. `npm run bench -- --scrape`; `--scrape --quick` to see it run.

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { collectHeapStats } from 'hakmem-arena/prometheus';
import { Registry } from 'prom-client';

const TURNS = process.argv.includes('--quick') ? 1 : 20;

const source = `
  const { workerData } = require('node:worker_threads');
  const { Arena } = require('hakmem-arena');
  const arena = new Arena({ name: 'hot' });
  const lengths = [64, 128, 188, 256, 512, 1316, 1500, 4096];
  const slots = new Array(400);
  const operations = new Float64Array(workerData);
  let random = 1;
  for (;;) {
    for (let i = 0; i < 1000; i++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      const slot = (random >>> 8) % slots.length;
      if (slots[slot] !== undefined) {
        arena.free(slots[slot]);
        slots[slot] = undefined;
      } else {
        slots[slot] = arena.allocUnsafe(lengths[(random >>> 20) & 7]);
      }
    }
    operations[0] += 1000;
  }`;

const shared = new SharedArrayBuffer(8);
const operations = new Float64Array(shared);
new Worker(source, { eval: true, workerData: shared });
const register = new Registry();
collectHeapStats(register);

/** Million operations per second over one turn. */
async function turn(scrapes) {
  const [before, began] = [operations[0], performance.now()];
  for (let i = 0; i < 10; i++) {
    if (scrapes) await register.metrics();
    await sleep(100);
  }
  return (operations[0] - before) / (performance.now() - began) / 1000;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

await sleep(2000);
const quiet = [];
const scraped = [];
for (let i = 0; i < TURNS; i++) {
  // The order changes, so that a drift of the machine does not count for one side.
  const order = i % 2 === 0 ? [false, true] : [true, false];
  for (const scrapes of order) (scrapes ? scraped : quiet).push(await turn(scrapes));
}
const [without, with10] = [median(quiet), median(scraped)];
console.log(`million operations per second, median of ${TURNS} seconds each`);
console.log(`  not scraped                 ${without.toFixed(2)}`);
console.log(`  scraped ten times a second  ${with10.toFixed(2)}`);
console.log(`  change                      ${((with10 / without - 1) * 100).toFixed(2)} %`);
process.exit();
