/**
 * Clones: finds Buffers of arenas in what a program clones or posts to another thread. The engine then copies the
 * whole ArrayBuffer of a view: for a Buffer of 24 bytes the 64 KB of its slab, for one of 20 KB the 256 KB of its span,
 * other requests' bytes included.
 *
 * Owns:      the functions of the platform that clone, of this thread, while an arena with a guard exists in it:
 *            each is replaced by one that looks first, and put back when the last such arena has ended.
 * Called by: the front of such an arena.
 *
 * It looks at what the engine is about to read: own data properties of plain objects, arrays, maps and sets, down to
 * DEPTH_MAX and up to VALUES_MAX values. It leaves getters alone, because they would run twice.
 */
import { types } from 'node:util';
import { MessagePort } from 'node:worker_threads';
import { ownOptions } from '../base/own-options';
import {
  CLONE_CHANNEL,
  type Trace,
  placeOf,
  report,
  takeTrace,
  tell,
  textOf,
} from '../events/reports';
import { SPAN_BYTES_MAX } from '../native/geometry';
import type { SlabTable } from '../front/slabs';
import type { CloneReport } from '../types';
import { type View, homeOf } from '../view/view';
import { bufferOf, rangeOf, sizeOf } from '../view/kinds';

const DEPTH_MAX = 8;
const VALUES_MAX = 10_000;

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
type Owner = Record<string, AnyFunction | undefined>;

/** Workers, their data and broadcast channels go through a port. */
const CLONING: readonly (readonly [object, string])[] = [
  [globalThis, 'structuredClone'],
  [MessagePort.prototype, 'postMessage'],
  [Object.getPrototypeOf(performance) as object, 'mark'],
  [Object.getPrototypeOf(performance) as object, 'measure'],
];

/** An arena with a guard; its table of slabs, to know a slab by its ArrayBuffer. */
interface Guarded {
  readonly arena: string;
  readonly slabs: WeakRef<SlabTable>;
}

const guarded = new Set<Guarded>();
const dropped = new FinalizationRegistry(unwatch);

/** What was replaced, and by what. */
let replaced: { owner: Owner; name: string; before: AnyFunction; by: AnyFunction }[] = [];

/** Looks at clones until the returned function is called, or the slabs are garbage. */
export function watchClones(arena: string, slabs: SlabTable): () => void {
  const entry: Guarded = { arena, slabs: new WeakRef(slabs) };
  guarded.add(entry);
  dropped.register(slabs, entry, entry);
  if (replaced.length === 0) replaceAll();
  return () => {
    dropped.unregister(entry);
    unwatch(entry);
  };
}

function unwatch(entry: Guarded): void {
  guarded.delete(entry);
  if (guarded.size === 0) putBackAll();
}

function replaceAll(): void {
  for (const [object, name] of CLONING) {
    const owner = object as Owner;
    const before = owner[name];
    if (typeof before !== 'function') continue;
    const by = watching(name, before);
    const descriptor = Object.getOwnPropertyDescriptor(owner, name);
    if (descriptor?.configurable !== true) continue;
    Object.defineProperty(owner, name, ownOptions({ ...descriptor, value: by }));
    replaced.push({ owner, name, before, by });
  }
}

/** A function that somebody else has replaced meanwhile stays as it is; ours inside it looks at nothing any more. */
function putBackAll(): void {
  for (const { owner, name, before, by } of replaced) {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name);
    if (descriptor?.value !== by) continue;
    Object.defineProperty(owner, name, ownOptions({ ...descriptor, value: before }));
  }
  replaced = [];
}

function watching(name: string, before: AnyFunction): AnyFunction {
  const by: AnyFunction = function (this: unknown, ...args) {
    if (guarded.size > 0) look(args);
    try {
      return Reflect.apply(before, this, args);
    } finally {
      tell();
    }
  };
  Object.defineProperty(by, 'name', ownOptions({ value: name, configurable: true }));
  Object.defineProperty(by, 'length', ownOptions({ value: before.length, configurable: true }));
  return by;
}

/** Reports each slab that a message holds. Never throws: what it cannot look at is the clone's to refuse. */
function look(args: readonly unknown[]): void {
  try {
    const search = new Search();
    search.visit(args, DEPTH_MAX);
    if (search.found.size === 0) return;
    const trace = takeTrace();
    for (const [buffer, view] of search.found)
      reportClone(nameOf(view, buffer), sizeOf(buffer), view, trace);
  } catch {
    // As said.
  }
}

function reportClone(arena: string, bytes: number, value: View | ArrayBuffer, trace: Trace): void {
  const [begin, end] = ArrayBuffer.isView(value) ? rangeOf(value) : [0, bytes];
  report(() => {
    const stack = textOf(trace);
    const message: CloneReport = { arena, size: end - begin, bytes, stack };
    return {
      channel: CLONE_CHANNEL,
      message,
      code: 'HAKMEM_CLONE',
      place: placeOf(stack),
      text:
        `A Buffer of ${message.size} bytes of arena "${arena}" was cloned, or posted to another thread, and with ` +
        `it the ${bytes} bytes of its slab, other Buffers' bytes included. Give copyOut(view) instead.\n` +
        `Cloned:\n${stack}`,
    };
  });
}

class Search {
  /** What led to each slab. */
  readonly found = new Map<ArrayBuffer, View | ArrayBuffer>();
  readonly #seen = new Set<object>();

  visit(value: unknown, depth: number): void {
    if (typeof value !== 'object' || value === null || types.isProxy(value)) return;
    if (this.#seen.has(value) || this.#seen.size >= VALUES_MAX) return;
    this.#seen.add(value);
    if (ArrayBuffer.isView(value)) this.#visitBuffer(bufferOf(value), value);
    else if (types.isArrayBuffer(value)) this.#visitBuffer(value, value);
    else if (depth > 0) this.#visitInside(value, depth - 1);
  }

  #visitInside(value: object, depth: number): void {
    if (types.isMap(value)) {
      Map.prototype.forEach.call(value, (item, key) => {
        this.visit(key, depth);
        this.visit(item, depth);
      });
    } else if (types.isSet(value)) {
      Set.prototype.forEach.call(value, (item) => {
        this.visit(item, depth);
      });
    } else if (Array.isArray(value)) {
      const length = Math.min(value.length, VALUES_MAX);
      for (let i = 0; i < length; i++) this.visit(ownValue(value, i), depth);
    } else {
      for (const key of Object.keys(value)) {
        this.visit(ownValue(value, key), depth);
      }
    }
  }

  #visitBuffer(buffer: ArrayBufferLike, value: View | ArrayBuffer): void {
    if (!types.isArrayBuffer(buffer) || this.found.has(buffer)) return;
    if (sizeOf(buffer) > SPAN_BYTES_MAX || nameOf(value, buffer) === '') return;
    // A block that is so much of it has it to itself, and a clone takes nobody's bytes along.
    const isWhole = ArrayBuffer.isView(value) && sizeOfView(value) > sizeOf(buffer) / 2;
    if (!isWhole) this.found.set(buffer, value);
  }
}

function ownValue(object: object, key: PropertyKey): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value;
}

function sizeOfView(view: View): number {
  const [begin, end] = rangeOf(view);
  return end - begin;
}

/** The arena whose slab it is; '': nobody's. A `subarray` is known only if its arena has a guard. */
function nameOf(value: View | ArrayBuffer, buffer: ArrayBufferLike): string {
  const core = homeOf(value)?.core as { readonly name: string } | undefined;
  if (core !== undefined) return core.name;
  for (const { arena, slabs } of guarded) {
    if (slabs.deref()?.isShared(buffer as ArrayBuffer) === true) return arena;
  }
  return '';
}
