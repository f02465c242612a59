/**
 * Model-based test: random sequences of every operation, compared after each step with a model of
 * what must be live, with which bytes, and in which statistics.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Arena, type ArenaOptions } from '../../lib/index';
import { Model } from './support/model';
import { VIEW_CONSTRUCTORS } from './support/views';

/** One step; it is possible always, or only while there is a view or a scope. */
class Step implements fc.Command<Model, Arena> {
  constructor(
    readonly text: string,
    readonly needs: 'nothing' | 'view' | 'scope',
    readonly act: (model: Model, arena: Arena) => void,
  ) {}

  check(model: Readonly<Model>): boolean {
    if (this.needs === 'view') return model.holdings.length > 0;
    if (this.needs === 'scope') return model.scopes.length > 0;
    return true;
  }

  run(model: Model, arena: Arena): void {
    this.act(model, arena);
    model.check(arena);
  }

  toString(): string {
    return this.text;
  }
}

/** Sizes of a service, with the edges of classes, slabs and runs among them. */
const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 1100 }) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 8, 9, 16, 17, 64, 128, 1023, 1024, 1025, 2048) },
  { weight: 2, arbitrary: fc.integer({ min: 1100, max: 9000 }) },
  { weight: 1, arbitrary: fc.constantFrom(32_768, 65_535, 65_536, 65_537, 131_072, 131_073) },
);
const picks = fc.nat(1_000_000);
const inScope = fc.boolean();

const steps = [
  fc.tuple(sizes, inScope, picks).map(
    ([size, scoped, pick]) =>
      new Step(`alloc(${size}, ${String(scoped)}, ${pick})`, 'nothing', (model, arena) => {
        const scope = scoped ? model.scopeAt(pick) : undefined;
        model.allocate(arena, scope, () => {
          const view = (scope?.scope ?? arena).alloc(size, pick & 0xff);
          model.expectBytes(view, Buffer.alloc(size, pick & 0xff));
          return view;
        });
      }),
  ),
  fc.tuple(sizes, inScope, picks).map(
    ([size, scoped, pick]) =>
      new Step(`allocUnsafe(${size}, ${String(scoped)}, ${pick})`, 'nothing', (model, arena) => {
        const scope = scoped ? model.scopeAt(pick) : undefined;
        model.allocate(arena, scope, () => (scope?.scope ?? arena).allocUnsafe(size));
      }),
  ),
  fc.tuple(sizes, fc.nat(12), inScope, picks).map(
    ([size, log2, scoped, pick]) =>
      new Step(`aligned(${size}, 2^${log2}, ${String(scoped)})`, 'nothing', (model, arena) => {
        const scope = scoped ? model.scopeAt(pick) : undefined;
        model.allocate(arena, scope, () => {
          const view = (scope?.scope ?? arena).allocUnsafe(size, 2 ** log2);
          if (view.byteOffset % 2 ** log2 !== 0) throw new Error('not aligned');
          return view;
        });
      }),
  ),
  fc.tuple(fc.string({ maxLength: 60 }), inScope, picks).map(
    ([text, scoped, pick]) =>
      new Step(`from(${JSON.stringify(text)}, ${String(scoped)})`, 'nothing', (model, arena) => {
        const scope = scoped ? model.scopeAt(pick) : undefined;
        model.allocate(arena, scope, () => {
          const view = (scope?.scope ?? arena).from(text);
          model.expectBytes(view, Buffer.from(text));
          return view;
        });
      }),
  ),
  fc
    .tuple(fc.nat(VIEW_CONSTRUCTORS.length - 1), fc.nat(1200), inScope, picks)
    .map(([kind, length, scoped, pick]) => {
      const constructor = VIEW_CONSTRUCTORS[kind]!;
      return new Step(`typed(${constructor.name}, ${length})`, 'nothing', (model, arena) => {
        const scope = scoped ? model.scopeAt(pick) : undefined;
        model.allocate(arena, scope, () => {
          const view = (scope?.scope ?? arena).allocTyped(constructor, length);
          model.expectBytes(view, Buffer.alloc(view.byteLength));
          return view;
        });
      });
    }),
  picks.map((pick) => new Step(`free(${pick})`, 'view', (model, arena) => model.free(arena, pick))),
  picks.map((pick) => new Step(`free(${pick})`, 'view', (model, arena) => model.free(arena, pick))),
  picks.map((pick) => new Step(`free(${pick})`, 'view', (model, arena) => model.free(arena, pick))),
  fc.tuple(picks, sizes).map(
    ([pick, size]) =>
      new Step(`realloc(${pick}, ${size})`, 'view', (model, arena) => {
        model.realloc(arena, pick, size);
      }),
  ),
  fc.constant(new Step('openScope', 'nothing', (model, arena) => model.openScope(arena))),
  picks.map(
    (pick) => new Step(`endScope(${pick})`, 'scope', (model, arena) => model.endScope(arena, pick)),
  ),
  picks.map((pick) => new Step(`keep(${pick})`, 'scope', (model) => model.keepOne(pick))),
  fc.nat(9).map(
    (nth) =>
      new Step(`rare(${nth})`, 'nothing', (model, arena) => {
        if (nth === 0) model.reset(arena);
        if (nth === 1) model.trim(arena);
      }),
  ),
];

const ARENAS: readonly (readonly [string, ArenaOptions])[] = [
  ['the defaults', {}],
  ['a few size classes', { sizeClasses: [16, 96, 1024, 4096] }],
  ['a limit that is often reached', { maxBytes: 1024 * 1024 }],
];

let stepCount = 0;

test.each(ARENAS)('an arena with %s does what the model says', (_name, options) => {
  const arenaAndModel = (): { model: Model; real: Arena } => ({
    model: new Model(options),
    real: new Arena(options),
  });
  fc.assert(
    fc.property(fc.commands(steps, { maxCommands: 400, size: 'max' }), (commands) => {
      let pair: { model: Model; real: Arena } | undefined;
      fc.modelRun(() => (pair = arenaAndModel()), commands);
      const { model, real } = pair!;
      stepCount += model.steps;
      model.finish(real);
      real.destroy();
    }),
    { numRuns: 50 },
  );
});

test('these were more than 20,000 steps', () => {
  expect(stepCount).toBeGreaterThan(20_000);
});
