// What it costs to get a Buffer to another thread: one thread sends as fast as it can to another, each in its event
// loop, with 256 messages under way. Both sides touch the first and the last byte only. Rivals take turns, and begin anew
// for each measurement.
//
//   npm run bench -- --channel [--runs N] [--json FILE] [--quick]
//   npm run bench -- --channel --sweep     a channel that copies everything against one that hands everything over, by
//                                          length: where the default of `threshold` comes from

import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { IN_FLIGHT } from './message.mjs';
import { RIVALS, SWEEP } from './rivals.mjs';

/** One that plays in two threads of ours. */
async function playInThreads(name, { prepare, send }, length, isOver) {
  const { ours, theirs, transfer } = prepare(length);
  const worker = new Worker(new URL('worker.mjs', import.meta.url), {
    workerData: { name, theirs },
    transferList: transfer,
  });
  const exit = once(worker, 'exit');
  await once(worker, 'online');
  await send(ours, length, isOver);
  await Promise.race([exit, worker.terminate()]);
}

/** A look at the clock takes as long as a part of a small message. */
const LOOK_EVERY = 32;

/** Messages per second, and microseconds of CPU of both threads for each, after a warm-up. */
async function measure(name, length, { warmUpMs, ms }) {
  const rival = RIVALS[name] ?? SWEEP[name];
  let began;
  let first;
  let last;
  let messages = 0;
  const isOver = (received) => {
    if (messages++ % LOOK_EVERY !== 0) return false;
    const now = performance.now();
    began ??= now;
    if (now - began < warmUpMs) return false;
    first ??= { now, count: received(), cpu: process.cpuUsage() };
    if (now - first.now < ms) return false;
    last ??= { now, count: received(), cpu: process.cpuUsage(first.cpu) };
    return true;
  };
  if (rival.play === undefined) await playInThreads(name, rival, length, isOver);
  else await rival.play(length, isOver);
  const count = last.count - first.count;
  const perSecond = (count / (last.now - first.now)) * 1000;
  return { perSecond, cpuUs: (last.cpu.user + last.cpu.system) / count };
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Runs by rival. The order changes, so that a drift of the machine does not count for one side. */
async function compare(names, length, { runs, ...times }) {
  const all = new Map(names.map((name) => [name, []]));
  for (let run = 0; run < runs; run++) {
    const order = run % 2 === 0 ? names : [...names].reverse();
    for (const name of order) all.get(name).push(await measure(name, length, times));
  }
  return names.map((rival) => ({ rival, length, runs: all.get(rival) }));
}

function print(results) {
  const rateOf = ({ runs }) => median(runs.map(({ perSecond }) => perSecond));
  const ours = rateOf(results[0]);
  for (const result of results) {
    const { rival, length, runs } = result;
    const rate = `${(rateOf(result) / 1000).toFixed(1)} k/s`.padStart(14);
    const cpu = `${median(runs.map(({ cpuUs }) => cpuUs)).toFixed(2)} us`.padStart(12);
    const times = (ours / rateOf(result)).toFixed(2);
    console.log(`${String(length).padStart(9)} B  ${rival.padEnd(16)}${rate}${cpu}   ${times}x`);
  }
}

/** What was measured keeps five digits in a file. */
const shortened = (_key, value) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;

async function save(file, runs, results) {
  const { aboutRun } = await import('../../.build/bench/report/record.js');
  const command = ['npm run bench -- --channel', ...process.argv.slice(2)].join(' ');
  const record = { about: { ...aboutRun(runs), command }, results };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(record, shortened)}\n`);
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    sweep: { type: 'boolean', default: false },
    runs: { type: 'string' },
    json: { type: 'string' },
  },
});
const runs = Number(values.runs ?? (values.quick ? 1 : 10));
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs takes a whole number from 1');
if (values.sweep && values.json !== undefined) throw new Error('a sweep is not kept');

const times = values.quick ? { warmUpMs: 20, ms: 50 } : { warmUpMs: 300, ms: 1000 };
const lengths = values.sweep
  ? [256, 512, 1024, 2048, 3072, 4096, 6144, 8192, 16_384, 32_768, 65_536]
  : [64, 256, 4096, 16_384, 65_536, 1024 * 1024];
const names = Object.keys(values.sweep ? SWEEP : RIVALS);
console.log(
  `Node ${process.version}, ${IN_FLIGHT} under way, medians of ${runs}; x: the first over this`,
);
console.log('    bytes  rival              messages  CPU of both');
const results = [];
for (const length of values.quick ? lengths.slice(0, 4) : lengths) {
  const found = await compare(names, length, { runs, ...times });
  print(found);
  results.push(...found);
  if (values.json !== undefined) await save(values.json, runs, results);
}
