// Rivals: ways to get memory and to give it back, by name.

import { Arena, type ArenaOptions } from 'hakmem-arena';
import { UncheckedArena } from './unchecked';

/** Buffers, typed arrays: all that a case does with memory is to write and read the first element. */
export type Touchable = Buffer | Uint8Array | Float64Array;

export interface Rival {
  /** `length` in elements: bytes of a Buffer, numbers of a Float64Array. */
  readonly alloc: (length: number) => Touchable;
  /** A method, so that a rival may want its own kind of view: it gets back what it handed out. */
  free(view: Touchable): void;
}

/** What a rival is told that has to reserve all of its memory beforehand. */
export interface Needs {
  readonly bytes: number;
}

type Maker = (needs: Needs) => Rival | Promise<Rival>;

/** Forgets it, and so leaves it to the garbage collector. */
const forget = (): void => undefined;

const collected = (alloc: Rival['alloc']): Maker => {
  return () => ({ alloc, free: forget });
};

function arenaRival(alloc: (arena: Arena) => Rival['alloc'], options: ArenaOptions = {}): Maker {
  return () => {
    const arena = new Arena({ name: 'bench', ...options });
    return { alloc: alloc(arena), free: (view: Buffer) => arena.free(view) };
  };
}

const unsafe = (arena: Arena): Rival['alloc'] => {
  return (length) => arena.allocUnsafe(length);
};

/** With modes that find mistakes. */
const checkedRival = (options: ArenaOptions): Maker => arenaRival(unsafe, options);

function uncheckedRival(): Rival {
  const arena = new UncheckedArena();
  return {
    alloc: (length) => arena.allocUnsafe(length),
    free: (view: Buffer) => arena.free(view),
  };
}

async function thingRival({ bytes }: Needs): Promise<Rival> {
  const { MemPool } = await import('@thi.ng/malloc');
  const pool = new MemPool({ size: bytes });
  return {
    alloc: (length) => pool.mallocAs('u8', length) ?? noRoom(),
    free: (view: Uint8Array) => pool.free(view),
  };
}

async function mallocRival({ bytes }: Needs): Promise<Rival> {
  const { default: Allocator } = await import('malloc');
  const memory = new ArrayBuffer(bytes);
  const allocator = new Allocator(memory);
  return {
    alloc: (length) => Buffer.from(memory, allocator.alloc(length) || noRoom(), length),
    free: (view: Buffer) => allocator.free(view.byteOffset),
  };
}

async function typedarrayPoolRival(): Promise<Rival> {
  const pool = await import('typedarray-pool');
  return {
    alloc: (length) => pool.mallocUint8(length),
    free: (view: Uint8Array) => pool.freeUint8(view),
  };
}

function noRoom(): never {
  throw new Error('the pool is too small for this case');
}

const MAKERS = {
  arena: arenaRival(unsafe),
  'arena, no views kept': checkedRival({ front: 'blocks' }),
  'arena, no front': checkedRival({ front: 'off' }),
  'arena, unchecked': uncheckedRival,
  'arena, guard 1/1000': checkedRival({ guard: { sampleRate: 1000 } }),
  'arena, guard 1/100': checkedRival({ guard: { sampleRate: 100 } }),
  'arena, guard 1/1': checkedRival({ guard: { sampleRate: 1 } }),
  'arena, leaks sampled': checkedRival({ leaks: 'sampled' }),
  'arena, leaks all': checkedRival({ leaks: 'all' }),
  'arena, fresh views': checkedRival({ views: 'fresh' }),
  'arena, zero on free': checkedRival({ zero: 'free' }),
  'arena, observed': checkedRival({ learn: 'observe' }),
  'arena, learning': checkedRival({ learn: 'learn' }),
  'arena.alloc': arenaRival((arena) => (length) => arena.alloc(length)),
  'arena.allocTyped': arenaRival((arena) => (length) => arena.allocTyped(Float64Array, length)),
  'Buffer.allocUnsafe': collected((length) => Buffer.allocUnsafe(length)),
  'Buffer.allocUnsafeSlow': collected((length) => Buffer.allocUnsafeSlow(length)),
  'Buffer.alloc': collected((length) => Buffer.alloc(length)),
  'new Uint8Array': collected((length) => new Uint8Array(length)),
  'new Float64Array': collected((length) => new Float64Array(length)),
  '@thi.ng/malloc': thingRival,
  malloc: mallocRival,
  'typedarray-pool': typedarrayPoolRival,
} satisfies Record<string, Maker>;

export type RivalName = keyof typeof MAKERS;

/** Those that hand out memory with whatever was in it, and those of Node that a user would name too. */
export const BUFFER_RIVALS: readonly RivalName[] = [
  'arena',
  'Buffer.allocUnsafe',
  'Buffer.allocUnsafeSlow',
  'Buffer.alloc',
  'new Uint8Array',
  'typedarray-pool',
  '@thi.ng/malloc',
  'malloc',
];

export async function makeRival(name: string, needs: Needs): Promise<Rival> {
  if (!(name in MAKERS)) throw new Error(`no rival "${name}"`);
  const maker: Maker = MAKERS[name as RivalName];
  return await maker(needs);
}
