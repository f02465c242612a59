/**
 * Arena: the public face of one arena. Checks arguments' meaning; the front does the work.
 */
import { type FromValue, takeCopy, takeFilled, takeTyped, takeUnsafe } from './allocate';
import { type Parts, makeParts } from './create';
import { copyOut } from './copy-out';
import { dispose } from '../base/dispose';
import { HakmemError, invalidArgType } from '../errors';
import { noteSuperSlabs } from '../events/events';
import { type ScopeTarget, ignore, validateTarget, validateThenable } from '../streams/endings';
import {
  type FreeAfterWriteOptions,
  type WriteTarget,
  isVouchedFor,
  startWrite,
} from './free-after';
import { native } from '../native/native';
import { validateFunction } from '../options';
import { Ownership } from './retention';
import { isWaiting, tell } from '../events/reports';
import { resize } from './resize';
import { BoundScope, Scope, ScopeHost, runIn } from './scope';
import { arenaStats } from '../stats/stats';
import type { ArenaStats } from '../stats/types';
import type { ArenaBuffer, ArenaOptions, LiveBlock, TypedView, ViewConstructor } from '../types';
import * as views from '../view/view';
import type { View } from '../view/view';

/** Here it is a constant to the engine; where it comes from it would be loaded at every use. */
const { ARENA } = views;

/** What the base class has made for the arena that is being constructed; nothing is kept alive here. */
let parts!: Parts;
const NO_PARTS = {} as Parts;

/**
 * Makes the parts before the fields of an arena are defined, so that each field is written once, by its
 * definition: then the engine takes it for a constant, and through it the front's.
 */
class ArenaBase {
  constructor(options?: ArenaOptions) {
    parts = makeParts(options);
  }
}

/**
 * Memory that you allocate from and free yourself, without the garbage collector.
 *
 * Buffers are Node's own; they stay valid until they are freed, or until the arena is reset or
 * destroyed, which turns them into Buffers of length 0. An arena belongs to the thread that made it.
 *
 * @example
 * const arena = new Arena({ name: 'requests', maxBytes: 64 * 1024 * 1024 });
 * const frame = arena.allocUnsafe(1500);
 * try {
 *   handle(frame);
 * } finally {
 *   arena.free(frame);
 * }
 */
export class Arena extends ArenaBase implements Disposable {
  /** Name in statistics. */
  readonly name: string = parts.core.name;
  /** Number of the arena in the process, from 1 on; the same as in statistics. */
  readonly id: number = parts.core.serial;
  readonly #core = parts.core;
  readonly #front = parts.front;
  readonly #host = new ScopeHost(parts.front);
  readonly #ownership = new Ownership(parts.core, parts.options.zero === 'free');

  /**
   * Makes an arena for the current thread. It ends with {@link Arena.destroy}, or when it and all its
   * views are garbage.
   *
   * @throws {ERR_INVALID_ARG_TYPE} an option, or `options`, has the wrong type.
   * @throws {ERR_INVALID_ARG_VALUE} an option that is unknown, or whose value is not as described.
   * @throws {ERR_OUT_OF_RANGE} `maxBytes`, `prewarm`, a size class or a sample rate is out of range.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `HAKMEM_MAX_MEMORY_MB`, or the operating system, has no more.
   * @example
   * const frames = new Arena({ name: 'frames', maxBytes: 256 * 1024 * 1024 });
   */
  constructor(options?: ArenaOptions) {
    super(options);
    parts = NO_PARTS;
  }

  /**
   * true after {@link Arena.destroy}.
   *
   * @example
   * if (!arena.destroyed) arena.reset();
   */
  get destroyed(): boolean {
    return this.#front.hasEnded;
  }

  // --- Allocate -----------------------------------------------------------------------------------

  /**
   * A Buffer filled with `fill`, like `Buffer.alloc`.
   *
   * @param size - bytes, 0 or more.
   * @param fill - byte, string or bytes to repeat.
   * @param encoding - of a string `fill`.
   * @throws {ERR_INVALID_ARG_TYPE} `size` is not a number, or `encoding` not a string.
   * @throws {ERR_INVALID_ARG_VALUE} `fill` has no bytes to repeat.
   * @throws {ERR_UNKNOWN_ENCODING} there is no such `encoding`.
   * @throws {ERR_OUT_OF_RANGE} `size` is not a whole number that a Buffer can have.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `maxBytes`, or the operating system, has no more.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @defaultValue `fill` 0, `encoding` 'utf8'
   * @example
   * const zeroes = arena.alloc(4096);
   * const dashes = arena.alloc(80, '-');
   */
  alloc(size: number, fill?: string | Uint8Array | number, encoding?: BufferEncoding): ArenaBuffer {
    const view = takeFilled(this.#front, size, fill, encoding, ARENA) as ArenaBuffer;
    if (!isWaiting()) return view;
    tell();
    if (this.#front.owns(view)) return view;
    // A subscriber has reset the arena.
    return takeFilled(this.#front, size, fill, encoding, ARENA) as ArenaBuffer;
  }

  /**
   * A Buffer with old contents: bytes that this arena, and no other, wrote before.
   *
   * @param size - bytes, 0 or more.
   * @param alignment - of the first byte's address: a power of two, 1 to 4096. Without it, blocks
   *   are aligned to 16 bytes, or 8 for sizes up to 8.
   * @throws {ERR_INVALID_ARG_TYPE} `size` or `alignment` is not a number.
   * @throws {ERR_OUT_OF_RANGE} `size` or `alignment` is out of range.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `maxBytes`, or the operating system, has no more.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const frame = arena.allocUnsafe(1500);
   * const page = arena.allocUnsafe(4096, 4096); // for O_DIRECT, say
   */
  allocUnsafe(size: number, alignment?: number): ArenaBuffer {
    if (alignment === undefined) return this.#front.alloc(size, ARENA) as ArenaBuffer;
    return takeUnsafe(this.#front, size, alignment, ARENA) as ArenaBuffer;
  }

  /**
   * A Buffer with a copy of `value`, like `Buffer.from`; memory is always copied, also of an
   * ArrayBuffer.
   *
   * @param value - text, bytes, or anything else that `Buffer.from` takes.
   * @param encodingOrOffset - encoding of a text; offset in bytes into an ArrayBuffer.
   * @param length - bytes of an ArrayBuffer to copy.
   * @throws what `Buffer.from` throws for the same arguments.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `maxBytes`, or the operating system, has no more.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const reply = arena.from('HTTP/1.1 204 No Content\r\n\r\n', 'latin1');
   */
  from(value: FromValue, encodingOrOffset?: string | number, length?: number): ArenaBuffer {
    return takeCopy(this.#front, value, encodingOrOffset, length, ARENA) as ArenaBuffer;
  }

  /**
   * A zeroed typed array or DataView, aligned for its element.
   *
   * @param ctor - one of the engine's TypedArray constructors, or DataView.
   * @param length - elements; bytes for a DataView.
   * @throws {ERR_INVALID_ARG_TYPE} `ctor` is none of these, or `length` is not a number.
   * @throws {ERR_OUT_OF_RANGE} `length` is out of range.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} `maxBytes`, or the operating system, has no more.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const samples = arena.allocTyped(Float32Array, 1024); // 4096 bytes
   */
  allocTyped<C extends ViewConstructor>(ctor: C, length: number): TypedView<C> {
    return takeTyped(this.#front, ctor, length, ARENA);
  }

  // --- Free ---------------------------------------------------------------------------------------

  /**
   * Frees a view: its memory, and the view itself, will be handed out again. Do not use it any more,
   * and do not free what an asynchronous operation still reads or writes: {@link Arena.retain} it, or
   * free it with {@link Arena.freeAfter} or {@link Arena.freeAfterWrite}.
   *
   * @throws {ERR_INVALID_ARG_TYPE} not a view.
   * @throws {ERR_HAKMEM_NOT_OWNED} a view that this arena did not allocate, a `subarray` included.
   * @throws {ERR_HAKMEM_DOUBLE_FREE} it is free already.
   * @throws {ERR_HAKMEM_STALE_VIEW} it was invalidated by `reset()`.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const frame = arena.allocUnsafe(1500);
   * arena.free(frame);
   */
  free(view: View): void {
    this.#front.free(view);
  }

  /**
   * Changes the size of a live view. Contents are kept up to the smaller of both sizes; where the
   * block allows, nothing is copied. The old view is freed. New bytes have old contents. An alignment that
   * was asked for is not kept: the new block has that of its size.
   *
   * @returns a Buffer of `size` bytes; the same one if the size does not change.
   * @throws as {@link Arena.free} for `view` and {@link Arena.allocUnsafe} for `size`.
   * @example
   * let line = arena.allocUnsafe(80);
   * line = arena.realloc(line, 160); // the Buffer of 80 bytes is gone
   */
  realloc(view: View, size: number): ArenaBuffer {
    return resize(this.#host, view, size);
  }

  // --- Hold -----------------------------------------------------------------------------------------

  /**
   * Holds a view beyond its free: until the last {@link Arena.release} its bytes stay what they are,
   * also when it is freed, its scope ends, or the arena is reset or destroyed. Everyone who retains
   * releases, once each.
   *
   * @param view - a live view of this arena, or one that is retained already.
   * @returns the same view.
   * @throws as {@link Arena.free}.
   * @example
   * import fs from 'node:fs';
   * const page = arena.retain(arena.allocUnsafe(4096));
   * fs.write(fd, page, () => arena.release(page));
   * arena.free(page); // waits for the write
   */
  retain<V extends View>(view: V): V {
    this.#ownership.retain(this.#front, view);
    return view;
  }

  /**
   * Takes back one {@link Arena.retain}. A view that has been freed meanwhile is recycled by its last
   * release; one that has not stays live. Works after a reset and after destroy, too.
   *
   * @returns true: that was the last, and the view is gone now.
   * @throws {ERR_INVALID_STATE} the view is live, but not retained.
   * @throws as {@link Arena.free} otherwise.
   * @example
   * const page = arena.retain(arena.allocUnsafe(4096));
   * arena.release(page); // false: it is still its owner's
   */
  release(view: View): boolean {
    const isGone = this.#ownership.release(this.#front, view);
    tell();
    return isGone;
  }

  /**
   * Frees a view once a promise settles, either way: for the promise of an operation that uses it. The
   * view counts as freed at once, and is retained until then.
   *
   * @param view - a live view of this arena.
   * @param promise - any promise or thenable.
   * @returns a promise that settles as `promise` does, after the view is free. Rejects with
   *   `ERR_INVALID_ARG_TYPE` when `promise` is none, and with what {@link Arena.free} throws.
   * @example
   * const page = arena.alloc(4096);
   * await arena.freeAfter(page, file.write(page));
   */
  async freeAfter<T>(view: View, promise: PromiseLike<T>): Promise<T> {
    validateThenable(promise);
    try {
      this.#ownership.hold(this.#front, view);
    } catch (error) {
      ignore(promise); // one error is enough: this one
      throw error;
    }
    this.#ownership.giveUp(view);
    try {
      return await promise;
    } finally {
      this.release(view);
    }
  }

  /**
   * Writes a view to a stream and frees it when nobody reads it any more. The view counts as freed at once;
   * if the stream refuses it, it stays the caller's.
   *
   * Node's own sinks (sockets and TLS, requests and responses of `http`, file streams, `zlib`, ciphers and
   * hashes) get the view itself, and have let go of it when they call back, or close without. Every other
   * stream gets a copy, because its callback proves nothing: a PassThrough has passed the chunk on, http2 may
   * still be sending it. A stream of your own that lets go before it calls back need not be copied for:
   * `{ zeroCopy: true }`.
   *
   * @param writable - a Writable of Node, or a WritableStream of the web that is not locked, or its writer.
   * @param view - a live Buffer of this arena, or another view that the stream takes.
   * @returns a promise that fulfils when the view is free and the write succeeded. Rejects with the
   *   error of the write, with `ERR_INVALID_ARG_TYPE` when `writable` is no stream, and with what
   *   {@link Arena.free} throws.
   * @example
   * await arena.freeAfterWrite(socket, arena.from(`HTTP/1.1 204 No Content\r\n\r\n`));
   */
  async freeAfterWrite(
    writable: WriteTarget,
    view: View,
    options?: FreeAfterWriteOptions,
  ): Promise<void> {
    const isVouched = isVouchedFor(options);
    this.#ownership.hold(this.#front, view);
    let isHeld = true;
    try {
      const { isCopy, done } = startWrite(writable, view, isVouched);
      this.#ownership.giveUp(view);
      if (isCopy) {
        isHeld = false;
        this.release(view);
      }
      await done;
    } finally {
      if (isHeld) this.release(view);
    }
  }

  /**
   * Calls `fn` with a new scope and frees all that was allocated in it when `fn` returns or throws,
   * or, if it returns a promise, when that settles.
   *
   * @returns what `fn` returns.
   * @throws {ERR_INVALID_ARG_TYPE} `fn` is not a function.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const sum = arena.scope((scope) => {
   *   const numbers = scope.allocTyped(Float64Array, 1000).fill(0.5);
   *   return numbers.reduce((a, b) => a + b);
   * });
   */
  scope<R>(fn: (scope: Scope) => R): R {
    validateFunction(fn, 'fn');
    return runIn(this.openScope(), fn);
  }

  /**
   * A scope that ends when its `end()` is called, or at the end of a `using` block.
   *
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const scope = arena.openScope();
   * try {
   *   handle(scope.allocUnsafe(1500));
   * } finally {
   *   scope.end();
   * }
   */
  openScope(): Scope {
    this.#assertAlive();
    return new Scope(this.#host);
  }

  /**
   * A scope that ends when `target` does, or when its `end()` is called before: for handlers that answer in
   * callbacks, where no function ends with the response. A target that is over already gives a scope that has
   * ended.
   *
   * @param target - a response, stream, socket or other emitter of 'close'; an AbortSignal; a promise, settled
   *   either way and its rejection handled by this; or a reply of Fastify. Of responses it is 'close' that counts, which
   *   comes when the last byte has been handed to the system or the connection is gone; of a stream of `http2`, when
   *   its frames have left the session's socket.
   * @throws {ERR_INVALID_ARG_TYPE} `target` is none of these.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * import { createServer } from 'node:http';
   * const server = createServer((request, response) => {
   *   const scope = arena.scopeUntil(response);
   *   response.write(scope.from('200 bytes of head'));
   *   response.end(scope.alloc(4096, '.'));
   * });
   */
  scopeUntil(target: ScopeTarget): Scope {
    validateTarget(target);
    this.#assertAlive();
    return new BoundScope(this.#host, target);
  }

  /**
   * Frees everything at once. All views of the arena become Buffers of length 0; memory is kept for
   * the next allocations. Views that are retained stay as they are until their last release, and so
   * does the 64 KB slab around each.
   *
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const frame = arena.allocUnsafe(1500);
   * arena.reset();
   * console.log(frame.length); // 0
   */
  reset(): void {
    this.#assertAlive();
    this.#front.reset(this.#ownership.remains(this.#front));
    noteSuperSlabs();
    tell();
  }

  /**
   * Gives back to the operating system what is not in use: free views and blocks, empty slabs, pages of free
   * slabs, and what the cache of the process keeps. Live views are not touched.
   *
   * @returns bytes of pages given back: by how much the process shrinks, if all of them had been touched.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const bytes = arena.trim(); // after a peak
   */
  trim(): number {
    this.#assertAlive();
    const { id } = this.#core;
    const before = native.returnedBytes(id);
    this.#front.flushAll();
    native.trimArena(id);
    noteSuperSlabs();
    const bytes = native.returnedBytes(id) - before;
    tell();
    return bytes;
  }

  /**
   * Ends the arena. All its views become Buffers of length 0 and its memory goes back. Views that are
   * retained stay as they are until their last release; the memory around them follows then. Calling
   * it again does nothing.
   *
   * @example
   * const batch = new Arena({ name: 'batch' });
   * batch.allocUnsafe(1500);
   * batch.destroy();
   */
  destroy(): void {
    const front = this.#front;
    front.finish();
    if (front.hasEnded) return;
    front.end(this.#ownership.remains(front));
    noteSuperSlabs();
    tell();
  }

  /**
   * The same as {@link Arena.destroy}, for `using`.
   *
   * @example
   * using batch = new Arena({ name: 'batch' });
   * handle(batch.allocUnsafe(1500));
   */
  [dispose](): void {
    this.destroy();
  }

  // --- Watch ----------------------------------------------------------------------------------------

  /**
   * The live allocations that the arena watches, oldest first: all, a sample, or none, as its option
   * `leaks` says.
   *
   * @example
   * const oldest = arena.liveBlocks()[0];
   * if (oldest !== undefined) console.log(oldest.ageMs, oldest.size, oldest.stack);
   */
  liveBlocks(): LiveBlock[] {
    return this.#front.liveBlocks();
  }

  /**
   * Names an allocation in reports and in {@link Arena.liveBlocks}. Without `leaks` it does nothing.
   *
   * @param view - a live view of this arena.
   * @param tag - what it is for.
   * @returns the same view.
   * @throws {ERR_INVALID_ARG_TYPE} `tag` is not a string.
   * @throws as {@link Arena.free} otherwise.
   * @example
   * const body = arena.tag(arena.allocUnsafe(4096), 'request body');
   */
  tag<V extends View>(view: V, tag: string): V {
    if (typeof tag !== 'string') throw invalidArgType('tag', 'of type string', tag);
    if (!this.#front.owns(view)) throw this.#front.refusal(view);
    this.#front.tag(view, tag);
    return view;
  }

  // --- Ask ----------------------------------------------------------------------------------------

  /**
   * true: a live view of this arena. Never throws.
   *
   * @example
   * const frame = arena.allocUnsafe(1500);
   * console.log(arena.owns(frame), arena.owns(frame.subarray(4))); // true false
   */
  owns(view: unknown): boolean {
    return this.#front.owns(view);
  }

  /**
   * Bytes of the block behind a live view: how far {@link Arena.realloc} can grow it in place.
   *
   * @throws as {@link Arena.free}.
   * @example
   * const block = arena.usableSize(arena.allocUnsafe(1500)); // at least 1500
   */
  usableSize(view: View): number {
    if (!this.#front.owns(view)) throw this.#front.refusal(view);
    return this.#front.blockBytes(view);
  }

  /**
   * A copy of a view's bytes as an ordinary Buffer, owned by the garbage collector: what to give to
   * code that keeps, transfers or detaches it.
   *
   * @param view - any live view of this arena, or part of one (`subarray`).
   * @throws {ERR_INVALID_ARG_TYPE} not a view.
   * @throws {ERR_HAKMEM_STALE_VIEW} its memory is gone.
   * @example
   * const digest = arena.copyOut(arena.from('to be kept').subarray(6));
   * structuredClone(digest, { transfer: [digest.buffer] });
   */
  copyOut(view: View): ArenaBuffer {
    return copyOut(this.#front, view);
  }

  /**
   * A snapshot of the arena's statistics.
   *
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const { classes, bytes } = arena.stats();
   * console.log(bytes.used, classes.filter(({ live }) => live > 0).map(({ name }) => name));
   */
  stats(): ArenaStats {
    this.#assertAlive();
    const stats = arenaStats(this.#core.id);
    tell();
    return stats;
  }

  #assertAlive(): void {
    const front = this.#front;
    front.finish();
    if (front.hasEnded) throw new HakmemError('ERR_HAKMEM_ARENA_DESTROYED');
  }
}
