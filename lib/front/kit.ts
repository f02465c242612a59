/**
 * Kit: the arrays of a front, kept when it has ended for the next one of this thread.
 *
 * They are 150 KB, and a front that is made for one request would spend most of its time on getting them.
 *
 * Owns:      kits that no front has.
 * Called by: who makes a front, before; the slow path, when its front has ended and its arena is gone.
 * Invariant: a front that has ended reads what it still knows of its kit, and writes to none of it: its home has no
 *            view, it has no numbers, and every way leads to the slow path, which refuses.
 */
import { TABLE_INTEGERS } from './buckets';
import { FrontCounters } from './counters';
import { SPARE, type Stacks, emptyStacks, stacksFor } from './free-blocks';
import { CLASS_COUNT_MAX } from '../native/geometry';
import type { SizeClass } from './size-class';
import { type NativeArena, countersOf, native } from '../native/native';
import { type View } from '../view/view';

export interface Kit {
  readonly strides: readonly number[];
  readonly stacks: Stacks;
  /** All integers of the records, zeroed. */
  readonly ints: Int32Array;
  /** No view in it. */
  readonly views: View[];
  /** One for each stack, all of them undefined. */
  readonly classes: (SizeClass | undefined)[];
  /** Those of an arena that has ended, and its handle; undefined: none yet. */
  counters: FrontCounters | undefined;
  handle: object | undefined;
}

/** Requests under way at once, of a busy service; more of them make new ones. */
const KEPT_MAX = 16;

/** As many views as a front of few requests has. */
const VIEWS_MAX = 4096;

/** The first `keptCount` of these. No method of arrays is called: one that lies would give a kit to two fronts. */
const kept: (Kit | undefined)[] = [];
let keptCount = 0;

/** What stands for the integers of a front that has ended: nothing exists there. */
const NO_INTS = new Int32Array(TABLE_INTEGERS);

/** Arrays for a front of these size classes. `learns`: it may get more of them. */
export function takeKit(strides: readonly number[], learns = false): Kit {
  for (let at = keptCount - 1; at >= 0; at--) {
    const kit = kept[at]!;
    if (kit.strides !== strides) continue;
    kept[at] = kept[--keptCount];
    kept[keptCount] = undefined;
    return kit;
  }
  return newKit(strides, learns ? CLASS_COUNT_MAX : strides.length);
}

/** The same, which nobody has had before, with room for so many classes. */
export function newKit(strides: readonly number[], count = strides.length): Kit {
  const spare = new Array<number>(count - strides.length).fill(SPARE);
  const stacks = stacksFor([...strides, ...spare]);
  const ints = new Int32Array(2 * TABLE_INTEGERS);
  const classes = Array.from<SizeClass | undefined>({ length: count });
  return { strides, stacks, ints, views: [], classes, counters: undefined, handle: undefined };
}

/**
 * Takes the arrays of a front that has ended; `ints` are those that it had last, `handle` its arena's. Returns the
 * integers that it has from now on.
 */
export function leaveKit(kit: Kit, ints: Int32Array, handle: object): Int32Array {
  // A front with more views is not made for each request.
  // Nor is another one made with its list of classes, unless that is the built-in one.
  if (kit.strides !== native.tables.defaultStrides) return NO_INTS;
  if (keptCount === KEPT_MAX || ints !== kit.ints || kit.views.length > VIEWS_MAX) return NO_INTS;
  emptyStacks(kit.stacks);
  kit.handle = handle;
  kept[keptCount++] = kit;
  return NO_INTS;
}

/** The counters of an arena, over the arrays of an earlier one if they are the same. */
export function countersFor(kit: Kit, core: NativeArena): FrontCounters {
  const all = kit.counters?.all;
  const isSame = all?.buffer === core.counters && all.byteOffset === (core.countersAt ?? 0);
  if (kit.counters === undefined || !isSame) kit.counters = new FrontCounters(countersOf(core));
  return kit.counters;
}
