// Play: one day on one rival, in this process and no other; prints samples, a line of JSON each.
//
//   node play.js DAY arena|Buffer.allocUnsafe PACE

import { setTimeout as sleep } from 'node:timers/promises';
import { Arena } from 'hakmem-arena';
import { dayNamed, END_OF_TICK, TICK_MS } from './days';
import { SAMPLE_TICKS, type Sample } from './samples';

interface Rival {
  readonly allocate: (bytes: number) => Buffer;
  readonly free: (view: Buffer) => void;
}

const PAGE_BYTES = 4096;

function rivalNamed(name: string | undefined): Rival {
  if (name === 'Buffer.allocUnsafe') {
    return { allocate: (bytes) => Buffer.allocUnsafe(bytes), free: () => undefined };
  }
  const arena = new Arena({ name: 'day' });
  return { allocate: (bytes) => arena.allocUnsafe(bytes), free: (view) => arena.free(view) };
}

/** What is live, and how much that is. */
class Live {
  readonly #rival: Rival;
  readonly #slots: (Buffer | undefined)[] = [];
  bytes = 0;

  constructor(rival: Rival) {
    this.#rival = rival;
  }

  play(steps: Uint32Array): number {
    for (let at = 0; steps[at] !== END_OF_TICK; at += 2) this.#step(steps[at]!, steps[at + 1]!);
    return steps.length / 2 - 1;
  }

  #step(slot: number, bytes: number): void {
    if (bytes === 0) {
      const view = this.#slots[slot]!;
      this.#slots[slot] = undefined;
      this.bytes -= view.length;
      this.#rival.free(view);
      return;
    }
    const view = this.#rival.allocate(bytes);
    for (let at = 0; at < bytes; at += PAGE_BYTES) view[at] = 1;
    this.#slots[slot] = view;
    this.bytes += bytes;
  }
}

function print(sample: Sample): void {
  process.stdout.write(`${JSON.stringify(sample)}\n`);
}

async function main(): Promise<void> {
  const [dayName, rivalName, pace] = process.argv.slice(2);
  const live = new Live(rivalNamed(rivalName));
  const start = performance.now();
  const usage = (): Pick<Sample, 'rssBytes' | 'minorFaults'> => ({
    rssBytes: process.memoryUsage.rss(),
    minorFaults: process.resourceUsage().minorPageFault,
  });
  print({ ms: 0, liveBytes: 0, slowestNs: 0, ...usage() });
  let tick = 0;
  let slowestNs = 0;
  for (const steps of dayNamed(dayName).steps(Number(pace))) {
    const begun = performance.now();
    const count = live.play(steps);
    if (count > 0) slowestNs = Math.max(slowestNs, ((performance.now() - begun) * 1e6) / count);
    tick++;
    await sleep(Math.max(0, start + tick * TICK_MS - performance.now()));
    if (tick % SAMPLE_TICKS !== 0) continue;
    const ms = Math.round(performance.now() - start);
    print({ ms, liveBytes: live.bytes, slowestNs: Math.round(slowestNs), ...usage() });
    slowestNs = 0;
  }
}

void main();
