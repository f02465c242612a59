// heapStats(): what a call costs with 10 arenas, and what reading costs those who allocate meanwhile.

import { Arena, heapStats } from 'hakmem-arena';
import { type Case, type Figures, NS_PER_STEP } from '../case';
import * as lengths from '../lengths';
import { makeRival, type Rival } from '../rivals';
import { effortOf } from '../timing';
import { type Live, makeTrace, noneLive, playTrace, type Trace } from '../trace';

/** The one that is played on included. */
const ARENAS = 10;
/** A call every so many steps: more than a hundred a second, where monitoring makes one in ten seconds. */
const STEPS_BETWEEN = 200_000;
/** Calls in a row: first so that they are compiled, as those of a service are in a few hours, then measured. */
const CALLS = 2_000;

const LENGTHS = lengths.uniform(lengths.SMALL.min, lengths.SMALL.max);

/** Arenas that have been used, so that there is something to read. */
function usedArenas(steps: number): Arena[] {
  const trace = makeTrace(LENGTHS, steps);
  return Array.from({ length: ARENAS - 1 }, (_, i) => {
    const arena = new Arena({ name: `used-${i}` });
    const rival: Rival = {
      alloc: (length) => arena.allocUnsafe(length),
      free: (view) => arena.free(view),
    };
    playTrace(trace, noneLive(), rival, 0, steps);
    return arena;
  });
}

/** Milliseconds in the trace, and in what runs in between. */
function playWithPauses(
  trace: Trace,
  live: Live,
  rival: Rival,
  pause: () => void,
): [number, number] {
  let inTrace = 0;
  let inPauses = 0;
  for (let from = 0; from < trace.slots.length; from += STEPS_BETWEEN) {
    const to = Math.min(from + STEPS_BETWEEN, trace.slots.length);
    const start = performance.now();
    playTrace(trace, live, rival, from, to);
    const paused = performance.now();
    pause();
    inPauses += performance.now() - paused;
    inTrace += paused - start;
  }
  return [inTrace, inPauses];
}

async function play(rivalName: string, quick: boolean): Promise<Figures> {
  const steps = quick ? 2_000 : 1_000_000;
  const arenas = usedArenas(Math.min(steps, 50_000));
  const rival = await makeRival('arena', { bytes: 0 });
  const trace = makeTrace(LENGTHS, steps);
  const live = noneLive();
  let calls = 0;
  const read = (): void => {
    calls++;
    if (heapStats().arenas.length < ARENAS) throw new Error('arenas are missing');
  };
  const pause = rivalName === 'with heapStats()' ? read : (): void => undefined;

  const { warmUpMs, measureMs } = effortOf(quick);
  const callsInRow = quick ? 1 : CALLS;
  for (let i = 0; i < callsInRow; i++) pause();
  const rowStart = performance.now();
  for (let i = 0; i < callsInRow; i++) pause();
  const inRow = performance.now() - rowStart;
  for (const end = performance.now() + warmUpMs; performance.now() < end;)
    playWithPauses(trace, live, rival, pause);
  const end = performance.now() + measureMs;
  let [inTrace, inPauses, rounds] = [0, 0, 0];
  calls = 0;
  do {
    const [traced, paused] = playWithPauses(trace, live, rival, pause);
    inTrace += traced;
    inPauses += paused;
    rounds++;
  } while (performance.now() < end);
  if (arenas.length === 0) throw new Error('the arenas were not kept');
  const ns = (inTrace * 1e6) / (rounds * steps);
  if (calls === 0) return { ns };
  return { ns, 'a call': (inRow * 1e3) / callsInRow, 'between steps': (inPauses * 1e3) / calls };
}

export const heapStatsCases: readonly Case[] = [
  {
    name: 'heap-stats',
    about: `uniform 16..1024 B, heapStats() of ${ARENAS} arenas, in a row and every ${STEPS_BETWEEN} steps`,
    metrics: [
      NS_PER_STEP,
      { name: 'a call', unit: 'us', better: 'lower' },
      { name: 'between steps', unit: 'us', better: 'lower' },
    ],
    rivals: ['with heapStats()', 'without'],
    targets: [
      { metric: 'a call', atMost: 50 },
      { metric: 'ns', against: 'without', times: 1 / 1.03 },
    ],
    play,
  },
];
