/**
 * Parts: what an arena is made of.
 */
import { OutOfMemoryError, reasonOf } from './errors';
import { noteSuperSlabs } from './events';
import type { Front } from './front';
import { makeFront } from './front-checked';
import { type NativeArena, native, settingsOf, statusOf } from './native';
import { type ResolvedOptions, resolveOptions } from './options';
import type { ArenaOptions } from './types';

export interface Parts {
  readonly options: ResolvedOptions;
  readonly core: NativeArena;
  readonly front: Front;
}

function createCore(options: ResolvedOptions): NativeArena {
  const { name, maxBytes, strides, hasOwnClasses } = options;
  const classSizes = hasOwnClasses ? Uint32Array.from(strides) : undefined;
  const core = native.createArena(name, settingsOf(options.core), classSizes);
  noteSuperSlabs();
  if (typeof core !== 'number') return core;
  const numbers = { requestedBytes: options.core.prewarm, usedBytes: 0, maxBytes };
  const status = statusOf(core);
  throw new OutOfMemoryError(reasonOf(status.name), status.text, numbers);
}

/** Makes a new arena of the core, and its front. Throws as the constructor of `Arena`. */
export function makeParts(options?: ArenaOptions): Parts {
  const resolved = resolveOptions(options);
  const core = createCore(resolved);
  return { options: resolved, core, front: makeFront(core, resolved) };
}
