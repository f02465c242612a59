/**
 * Parts: what an arena is made of.
 */
import { OutOfMemoryError, reasonOf } from '../errors';
import { noteSuperSlabs } from '../events/events';
import type { Front } from '../front/front';
import { type Kit, takeKit } from '../front/kit';
import { makeFront } from '../modes/checked-front';
import { type NativeArena, exchangeOf, native, statusOf } from '../native/native';
import { type ResolvedOptions, resolveOptions } from '../options';
import type { ArenaOptions } from '../types';

interface Parts {
  readonly options: ResolvedOptions;
  readonly core: NativeArena;
  readonly front: Front;
  readonly counters: Float64Array;
}

/** An arena that has counters and handle of an earlier one. Its serial is in the exchange, as 64 bits. */
function coreAgain(id: number, name: string, kit: Kit): NativeArena {
  const exchange = exchangeOf();
  const serial = (exchange[0]! >>> 0) + (exchange[1]! >>> 0) * 2 ** 32;
  const counters = kit.counters!.all.buffer;
  return { id, serial, name: name || `arena-${serial}`, counters, handle: kit.handle! };
}

function createCore(options: ResolvedOptions, kit: Kit): NativeArena {
  const { name, maxBytes, strides, hasOwnClasses } = options;
  const classSizes = hasOwnClasses ? Uint32Array.from(strides) : undefined;
  const left = kit.counters?.all.buffer;
  const core = native.createArena(name, options.settings, classSizes, left, kit.handle);
  noteSuperSlabs();
  if (typeof core !== 'number') return core;
  if (core >= 0) return coreAgain(core, name, kit);
  const numbers = { requestedBytes: options.prewarm, usedBytes: 0, maxBytes };
  const status = statusOf(core);
  throw new OutOfMemoryError(reasonOf(status.name), status.text, numbers);
}

/** Makes a new arena of the core, and its front. Throws as the constructor of `Arena`. */
export function makeParts(options?: ArenaOptions): Parts {
  const resolved = resolveOptions(options);
  const kit = takeKit(resolved.strides, resolved.learn === 'learn');
  const core = createCore(resolved, kit);
  const front = makeFront(core, resolved, kit);
  return { options: resolved, core, front, counters: kit.counters!.all };
}

/** What {@link ArenaBase} has made for the arena that is being constructed. */
export let parts!: Parts;
const NO_PARTS = {} as Parts;

/** So that nothing is kept alive here. */
export function forgetParts(): void {
  parts = NO_PARTS;
}

/**
 * Makes the parts before the fields of an arena are defined. Each field is then written once, by its definition,
 * and the engine takes it, and the front's fields behind it, for constants.
 */
export class ArenaBase {
  constructor(options?: ArenaOptions) {
    parts = makeParts(options);
  }
}
