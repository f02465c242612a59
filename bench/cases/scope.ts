// Scope: 32 allocations that end together, against the same ones freed one by one.

import { Arena, type Scope } from 'hakmem-arena';
import { type Case, faster, NS_PER_STEP, PEAK_RSS } from '../case';
import { SERVICE_MIX } from '../lengths';
import { nextRandom, SEED } from '../random';
import { effortOf, nsPerStep } from '../timing';

const ALLOCATIONS = 32;

/** Lengths of one scope after the other. */
function makeLengths(scopes: number): Int32Array {
  let random = SEED;
  return Int32Array.from({ length: scopes * ALLOCATIONS }, () => {
    random = nextRandom(random);
    return SERVICE_MIX[random % SERVICE_MIX.length]!;
  });
}

type Work = (arena: Arena, lengths: Int32Array, from: number) => void;

function fill(from: number, lengths: Int32Array, source: Scope): void {
  for (let i = from; i < from + ALLOCATIONS; i++) source.allocUnsafe(lengths[i]!)[0] = 1;
}

const views = new Array<Buffer | null>(ALLOCATIONS).fill(null);

const WORKS: Readonly<Record<string, Work>> = {
  'openScope()': (arena, lengths, from) => {
    const scope = arena.openScope();
    fill(from, lengths, scope);
    scope.end();
  },
  'scope(fn)': (arena, lengths, from) => {
    arena.scope((scope) => fill(from, lengths, scope));
  },
  'free()': (arena, lengths, from) => {
    for (let i = 0; i < ALLOCATIONS; i++) {
      const view = arena.allocUnsafe(lengths[from + i]!);
      view[0] = 1;
      views[i] = view;
    }
    for (let i = 0; i < ALLOCATIONS; i++) {
      arena.free(views[i]!);
      views[i] = null;
    }
  },
};

export const scope: Case = {
  name: 'scope',
  about: `${ALLOCATIONS} Buffers of the service mix taken and freed together; ns for all ${ALLOCATIONS}`,
  metrics: [NS_PER_STEP, PEAK_RSS],
  rivals: Object.keys(WORKS),
  targets: faster({ 'free()': 1 / 1.2 }),
  play: (rivalName, quick) => {
    const scopes = quick ? 100 : 30_000;
    const work = WORKS[rivalName]!;
    const arena = new Arena({ name: 'bench' });
    const lengths = makeLengths(scopes);
    const round = (): number => {
      for (let i = 0; i < scopes; i++) work(arena, lengths, i * ALLOCATIONS);
      return 0;
    };
    return Promise.resolve({ ns: nsPerStep(scopes, effortOf(quick), round) });
  },
};
