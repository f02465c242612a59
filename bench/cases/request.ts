// Request: five Buffers that end together, in the ways that a service has for that.

import { Arena, type Scope } from 'hakmem-arena';
import { type Case, NS_PER_STEP, PEAK_RSS } from '../case';
import { effortOf, nsPerStep } from '../timing';

const LENGTHS = [64, 200, 512, 1500, 4096];

type Source = Pick<Scope, 'allocUnsafe'>;

function take(source: Source): void {
  for (const length of LENGTHS) source.allocUnsafe(length)[0] = 1;
}

const WORKS: Readonly<Record<string, (arena: Arena) => void>> = {
  'new Arena()': () => {
    const arena = new Arena();
    take(arena);
    arena.destroy();
  },
  'reset()': (arena) => {
    take(arena);
    arena.reset();
  },
  'scope(fn)': (arena) => arena.scope(take),
  'Buffer.allocUnsafe': () => take(Buffer),
};

export const request: Case = {
  name: 'request',
  about: 'five Buffers of 64 to 4096 bytes, taken and ended together; ns for all of it',
  metrics: [NS_PER_STEP, PEAK_RSS],
  rivals: Object.keys(WORKS),
  targets: [{ metric: NS_PER_STEP.name, atMost: 12_000 }],
  play: (rivalName, quick) => {
    const requests = quick ? 20 : 5_000;
    const work = WORKS[rivalName]!;
    const arena = new Arena({ name: 'bench' });
    const round = (): number => {
      for (let i = 0; i < requests; i++) work(arena);
      return 0;
    };
    return Promise.resolve({ ns: nsPerStep(requests, effortOf(quick), round) });
  },
};
