// Timing: rounds of the same work, until it is compiled for good, and then until the clock can tell.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Effort {
  readonly warmUpMs: number;
  readonly measureMs: number;
}

const FULL: Effort = { warmUpMs: 600, measureMs: 500 };
const QUICK: Effort = { warmUpMs: 0, measureMs: 0 };

export const effortOf = (quick: boolean): Effort => (quick ? QUICK : FULL);

let sink = 0;

// A context that is made after the flag was set has the function.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/**
 * Collects all garbage, twice, which makes everything old that is still there: as in a service that has run for a while. A
 * rival that makes no garbage would measure a young list with young Buffers in one process, and in the next an old list with
 * young ones, of which the engine has to take note at each store: 15 and 18 ns.
 */
export function makeOld(): void {
  collect();
  collect();
}

/** Milliseconds of each round. At least one round warms up, at least one is measured. */
function roundsFor(budgetMs: number, round: () => number): number[] {
  const times: number[] = [];
  const end = performance.now() + budgetMs;
  do {
    const start = performance.now();
    sink += round();
    times.push(performance.now() - start);
  } while (performance.now() < end);
  return times;
}

/** The same for rounds that wait for something. */
export async function nsPerStepAsync(
  steps: number,
  effort: Effort,
  round: () => Promise<number>,
): Promise<number> {
  const times: number[] = [];
  for (const budgetMs of [effort.warmUpMs, effort.measureMs]) {
    times.length = 0;
    makeOld();
    const end = performance.now() + budgetMs;
    do {
      const start = performance.now();
      sink += await round();
      times.push(performance.now() - start);
    } while (performance.now() < end);
  }
  return (times.reduce((a, b) => a + b, 0) * 1e6) / (times.length * steps);
}

/** Mean nanoseconds of a step; `round` plays `steps` of them and returns anything it computed. */
export function nsPerStep(steps: number, effort: Effort, round: () => number): number {
  roundsFor(effort.warmUpMs, round);
  makeOld();
  const times = roundsFor(effort.measureMs, round);
  if (Number.isNaN(sink)) throw new Error('a rival handed out memory that cannot be read');
  return (times.reduce((a, b) => a + b, 0) * 1e6) / (times.length * steps);
}
