// Measure: one case on one rival, in this process and no other; prints nanoseconds per step.
//
//   node measure.js <case> <rival> <steps> <rounds>

import { CASES, traceOf } from './cases';
import { type Live, type Player, RIVALS } from './rivals';

/** Until the loop and what it calls are compiled for good. */
const WARM_UP_ROUNDS = 6;

function nsPerStep(play: Player, caseName: string, steps: number, rounds: number): number {
  const found = CASES.find(({ name }) => name === caseName)!;
  const trace = traceOf(found, steps);
  const live: Live = new Array<Buffer | null>(found.slots).fill(null);
  for (let i = 0; i < WARM_UP_ROUNDS; i++) play(trace, live);
  const start = process.hrtime.bigint();
  for (let i = 0; i < rounds; i++) play(trace, live);
  return Number(process.hrtime.bigint() - start) / (steps * rounds);
}

const [caseName, rival, steps, rounds] = process.argv.slice(2);
const ns = nsPerStep(RIVALS[rival!]!(), caseName!, Number(steps), Number(rounds));
process.stdout.write(`${ns}\n`);
