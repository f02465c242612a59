// A worker with an arena of its own: compresses records and keeps the last few hundred. The main thread
// sees its arena in every statistic without asking it anything.

import { parentPort, workerData } from 'node:worker_threads';
import { deflateSync } from 'node:zlib';
import { Arena, type View } from 'hakmem-arena';

const RECORDS_PER_STEP = 20;
const STEP_MS = 20;
const KEPT = 400;

const arena = new Arena({ name: workerData as string });
const kept: View[] = [];

function archiveOne(): void {
  const record = arena.allocUnsafe(2_000 + Math.floor(Math.random() * 30_000));
  record.fill('a record, ');
  const packed = arena.from(deflateSync(record));
  arena.free(record);
  kept.push(packed);
  if (kept.length > KEPT) arena.free(kept.shift()!);
}

const timer = setInterval(() => {
  for (let i = 0; i < RECORDS_PER_STEP; i++) archiveOne();
}, STEP_MS);

// Listening keeps the worker, and with it the arena, alive after a pause.
parentPort!.on('message', () => {
  clearInterval(timer);
  parentPort!.postMessage('paused');
});
parentPort!.postMessage('ready');
