/**
 * Model-based test: random sequences of every operation of the public API, compared after each step with a
 * model of what must be live, with which bytes, and in which statistics. What fails is shrunk to a short
 * list of calls, which is printed.
 *
 * A million steps; with MODEL_MINUTES=10 as many as fit into ten minutes.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import type { Arena, ArenaOptions, Scope } from '../../../lib/index';
import { Model } from '../support/model';
import { VIEW_CONSTRUCTORS } from '../support/views';

/** One call; possible always, or only while there is what it needs. */
class Step implements fc.AsyncCommand<Model, Model> {
  constructor(
    readonly text: string,
    readonly needs: (model: Model) => boolean,
    readonly act: (model: Model) => void | Promise<void>,
  ) {}

  check(model: Readonly<Model>): boolean {
    return this.needs(model as Model);
  }

  async run(model: Model): Promise<void> {
    await this.act(model);
    model.check();
  }

  toString(): string {
    return this.text;
  }
}

/** Sizes of a service, with the edges of classes, slabs and runs among them. */
const sizes = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 1100 }) },
  { weight: 6, arbitrary: fc.constantFrom(0, 1, 8, 9, 16, 17, 64, 128, 1023, 1024, 1025, 2048) },
  { weight: 4, arbitrary: fc.integer({ min: 1100, max: 9000 }) },
  { weight: 1, arbitrary: fc.constantFrom(32_768, 65_535, 65_536, 65_537, 131_072, 131_073) },
);
/** Which one of those that are there. */
const picks = fc.nat(9999);

const hasRoom = (model: Model): boolean => !model.isFull;
const hasLive = (model: Model): boolean => model.live.length > 0;
const hasHeld = (model: Model): boolean => model.live.length + model.held.length > 0;
const hasScope = (model: Model): boolean => model.scopes.length > 0;
const hasPending = (model: Model): boolean => model.pending.length > 0;

const liveAt = (model: Model, pick: number): Model['live'][number] =>
  model.live[pick % model.live.length]!;
const anyAt = (model: Model, pick: number): Model['live'][number] =>
  [...model.live, ...model.held][pick % (model.live.length + model.held.length)]!;

/** An allocation of a size, by the arena or by a scope. */
function allocation(
  name: string,
  make: (from: Arena | Scope, size: number, pick: number) => ReturnType<Arena['allocUnsafe']>,
  expected?: (size: number, pick: number) => Buffer,
): fc.Arbitrary<Step> {
  return fc.tuple(sizes, picks).map(([size, pick]) => {
    return new Step(`${name}(${size}) /* ${pick} */`, hasRoom, (model) => {
      const scope = model.scopeAt(pick);
      if (name === 'from text') model.countText();
      model.allocate(scope, (from) => make(from, size, pick), expected?.(size, pick));
    });
  });
}

function onLive(
  name: string,
  act: (model: Model, view: Model['live'][number], pick: number) => void,
): fc.Arbitrary<Step> {
  return picks.map((pick) => {
    return new Step(`${name}(#${pick})`, hasLive, (model) => act(model, liveAt(model, pick), pick));
  });
}

const alignmentOf = (pick: number): number => 2 ** (pick % 13);
const fillOf = (pick: number): number => pick & 0xff;
const textOf = (size: number, pick: number): string =>
  ['a', 'ż', '日', '\u{1f600}'][pick % 4]!.repeat(size >> 2);

const allocations = [
  allocation('allocUnsafe', (from, size) => from.allocUnsafe(size)),
  allocation(
    'alloc',
    (from, size, pick) => from.alloc(size, fillOf(pick)),
    (size, pick) => Buffer.alloc(size, fillOf(pick)),
  ),
  allocation('allocUnsafe aligned', (from, size, pick) => {
    const view = from.allocUnsafe(size, alignmentOf(pick));
    if (view.byteOffset % alignmentOf(pick) !== 0) throw new Error('not aligned');
    return view;
  }),
  allocation(
    'from text',
    (from, size, pick) => from.from(textOf(size, pick)),
    (size, pick) => Buffer.from(textOf(size, pick)),
  ),
  allocation(
    'from bytes',
    (from, size, pick) => from.from(new Uint8Array(size).fill(fillOf(pick))),
    (size, pick) => Buffer.alloc(size, fillOf(pick)),
  ),
];

const typed = fc
  .tuple(fc.constantFrom(...VIEW_CONSTRUCTORS), fc.nat(1200), picks)
  .map(([constructor, length, pick]) => {
    return new Step(
      `allocTyped(${constructor.name}, ${length}) /* ${pick} */`,
      hasRoom,
      (model) => {
        const make = (from: Arena | Scope): InstanceType<typeof constructor> =>
          from.allocTyped(constructor, length);
        model.allocate(model.scopeAt(pick), (from) => {
          const view = make(from);
          const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
          if (!Buffer.alloc(bytes.length).equals(bytes))
            throw new Error('allocTyped is not zeroed');
          return view;
        });
      },
    );
  });

const frees = [
  onLive('free', (model, view) => model.free(view)),
  onLive('free', (model, view) => model.free(view)),
  onLive('freeWrong', (model, view) => model.freeWrong(view)),
  onLive('retain', (model, view) => model.retain(view)),
  onLive('ask', (model, view) => model.ask(view)),
  onLive('freeAfter', (model, view) => model.freeAfter(view)),
];

const others = [
  fc.tuple(picks, sizes).map(([pick, size]) => {
    return new Step(`realloc(#${pick}, ${size})`, hasLive, (model) => {
      model.realloc(liveAt(model, pick), size);
    });
  }),
  picks.map((pick) => {
    return new Step(`retain(any #${pick})`, hasHeld, (model) => {
      const view = anyAt(model, pick);
      if (view.holders > 0 || !view.isFreed) model.retain(view);
    });
  }),
  ...[1, 2].map(() =>
    picks.map((pick) => {
      return new Step(`release(#${pick})`, hasHeld, (model) => {
        const view = anyAt(model, pick);
        // Those that freeAfter holds are its own to release.
        const isFreeAfters = model.pending.some(({ holding }) => holding === view);
        if (!isFreeAfters) model.release(view);
      });
    }),
  ),
  ...[1, 2].map(() =>
    fc.tuple(picks, fc.constantFrom('resolve' as const, 'reject' as const)).map(([pick, how]) => {
      return new Step(`settle(#${pick}, ${how})`, hasPending, (model) => model.settle(pick, how));
    }),
  ),
  fc.constant(new Step('openScope()', () => true, (model) => model.openScope())), // prettier-ignore
  picks.map((pick) => {
    return new Step(`end(scope #${pick})`, hasScope, (model) => {
      model.endScope(model.scopes[pick % model.scopes.length]!);
    });
  }),
  picks.map((pick) => {
    return new Step(`keep(scope #${pick})`, (model) => hasScope(model) && hasLive(model), (model) => {
      model.keep(liveAt(model, pick), model.scopes[pick % model.scopes.length]!);
    }); // prettier-ignore
  }),
  fc.array(sizes, { maxLength: 8 }).map((inside) => {
    return new Step(`scope([${inside.join()}])`, () => true, (model) => model.runScope(inside)); // prettier-ignore
  }),
  fc.constant(
    new Step(
      'free again',
      () => true,
      (model) => model.freeAgain(),
    ),
  ),
  fc.tuple(sizes, picks).map(([size, pick]) => {
    const stride = Math.min(Math.ceil((size + 1) / 16) * 16, 65_536);
    return new Step(`learn(${stride}) /* ${pick} */`, ({ learns }) => learns, (model) => {
      model.learn(stride, pick);
    }); // prettier-ignore
  }),
  fc.nat(60).map((nth) => {
    const rare = ['reset', 'destroy', 'trim', 'trim'] as const;
    const name = rare[nth];
    return new Step(name ?? 'nothing', () => name !== undefined, (model) => model[name!]()); // prettier-ignore
  }),
];

const steps = [...allocations, typed, ...frees, ...others];

/** Options, and how large a share of all steps. */
const ARENAS: readonly (readonly [name: string, options: ArenaOptions, share: number])[] = [
  ['the defaults', {}, 10],
  ['a few size classes', { sizeClasses: [16, 96, 1024, 4096] }, 5],
  ['a limit that is often reached', { maxBytes: 1024 * 1024 }, 5],
  ['size classes that come and go', { learn: 'learn' }, 5],
  ['the same, few of them', { learn: 'learn', sizeClasses: [64, 512], maxBytes: 2 ** 22 }, 2],
  ['fresh views', { views: 'fresh' }, 4],
  ['memory that is zeroed when it is freed', { zero: 'free' }, 4],
  ['a guard now and then', { guard: { sampleRate: 20 } }, 3],
  ['every allocation guarded and watched', { guard: { sampleRate: 1 }, leaks: 'all' }, 1],
  [
    'all modes',
    { views: 'fresh', guard: { sampleRate: 3 }, leaks: 'all', zero: 'free', maxBytes: 2 ** 22 },
    1,
  ],
  [
    'all modes, and size classes that come and go',
    { views: 'fresh', guard: { sampleRate: 3 }, leaks: 'all', zero: 'free', learn: 'learn' },
    1,
  ],
];

const STEPS_WANTED = 1_000_000;
const MINUTES = Number(process.env['MODEL_MINUTES'] ?? 0);
const COMMANDS_MAX = 1000;
const SHARES = ARENAS.reduce((sum, [, , share]) => sum + share, 0);

let stepCount = 0;

const property = (options: ArenaOptions): fc.IAsyncProperty<[Iterable<Step>]> =>
  fc.asyncProperty(
    fc.commands(steps, { maxCommands: COMMANDS_MAX, size: 'max' }),
    async (commands) => {
      const model = new Model(options);
      await fc.asyncModelRun(() => ({ model, real: model }), commands);
      await model.finish();
      stepCount += model.steps;
    },
  ) as fc.IAsyncProperty<[Iterable<Step>]>;

describe('does what the model says:', () => {
  beforeAll(() => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  });
  afterAll(() => {
    jest.restoreAllMocks();
    if (MINUTES > 0) process.stdout.write(`${stepCount} steps\n`);
  });

  test.each(ARENAS)(
    'an arena with %s',
    async (_name, options, share) => {
      const wanted = stepCount + (STEPS_WANTED * share) / SHARES;
      const end = performance.now() + (MINUTES * 60_000 * share) / SHARES;
      while (stepCount < wanted || performance.now() < end) {
        await fc.assert(property(options), { numRuns: 25 });
      }
    },
    300_000 + MINUTES * 60_000,
  );
});

test('these were a million steps', () => {
  expect(stepCount).toBeGreaterThanOrEqual(STEPS_WANTED);
});
