// Learning: what it costs to be watched by a learner and to be changed by one, on the service mix. Here the event loop
// turns between slices of steps, because a learner's periods are timers.

import { setImmediate as turn } from 'node:timers/promises';
import { type Case, faster, type Figures, NS_PER_STEP, PEAK_RSS } from '../case';
import { oneOf, SERVICE_MIX } from '../lengths';
import { makeRival } from '../rivals';
import { makeTrace, noneLive, playTrace, SLOTS } from '../trace';

const STEPS = 1_000_000;
const QUICK_STEPS = 5_000;
const SLICE_STEPS = 5_000;
/** Several periods of a learner. */
const MS = 5_000;

async function play(rivalName: string, quick: boolean): Promise<Figures> {
  const rival = await makeRival(rivalName, { bytes: SLOTS * 2 ** 12 });
  const trace = makeTrace(oneOf(SERVICE_MIX), quick ? QUICK_STEPS : STEPS);
  const live = noneLive();
  const round = async (): Promise<void> => {
    for (let at = 0; at < trace.slots.length; at += SLICE_STEPS) {
      playTrace(trace, live, rival, at, at + SLICE_STEPS);
      await turn();
    }
  };
  await round();
  const begin = performance.now();
  let rounds = 0;
  do {
    await round();
    rounds++;
  } while (!quick && performance.now() - begin < MS);
  return { ns: ((performance.now() - begin) * 1e6) / (rounds * trace.slots.length) };
}

export const learning: Case = {
  name: 'learning',
  about:
    'the service mix with an arena that is observed, one that learns, and one that does neither',
  metrics: [NS_PER_STEP, PEAK_RSS],
  rivals: ['arena, observed', 'arena', 'arena, learning'],
  targets: faster({ arena: 1 / 1.01 }),
  play,
};
