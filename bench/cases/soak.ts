// Soak: 10 million operations on lengths from 16 B to 64 KB, and the memory of the process meanwhile. Growth is that beside
// V8's young generation, which doubles at a moment of its own; what stays in its heap counts.

import { getHeapSpaceStatistics } from 'node:v8';
import { type Case, type Figures, type Metric, NS_PER_STEP } from '../case';
import * as lengths from '../lengths';
import { makeRival } from '../rivals';
import { makeTrace, noneLive, playTrace, SLOTS } from '../trace';

const MILLIONS = 10;
const LONGEST = 64 * 1024;

/** Bytes that the young generation has touched. */
function youngBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!;
  return young.physical_space_size;
}

const rssAfter = (million: number): Metric => ({ name: `RSS at ${million} M`, unit: 'MB' });

async function play(rivalName: string, quick: boolean): Promise<Figures> {
  const steps = quick ? 2_000 : 1_000_000;
  const rival = await makeRival(rivalName, { bytes: SLOTS * LONGEST });
  const trace = makeTrace(lengths.logUniform(16, LONGEST), steps);
  const live = noneLive();
  const figures: Record<string, number> = {};
  let first = 0;
  let last = 0;
  const start = performance.now();
  for (let million = 1; million <= MILLIONS; million++) {
    playTrace(trace, live, rival, 0, steps);
    const rss = process.memoryUsage.rss();
    figures[rssAfter(million).name] = rss / 2 ** 20;
    last = (rss - youngBytes()) / 2 ** 20;
    if (million === 1) first = last;
  }
  const ns = ((performance.now() - start) * 1e6) / (MILLIONS * steps);
  return { ns, growth: last - first, ...figures };
}

export const soak: Case = {
  name: 'soak',
  about: `10 million operations on 16 B..64 KB, as many in each doubling`,
  metrics: [
    NS_PER_STEP,
    { name: 'growth', unit: 'MB', better: 'lower' },
    ...[1, 2, 5, MILLIONS].map(rssAfter),
  ],
  rivals: ['arena', 'Buffer.allocUnsafe', 'Buffer.allocUnsafeSlow'],
  targets: [{ metric: 'growth', atMost: 2 }],
  play,
};
