/**
 * Arena: the public face of one arena. Checks arguments' meaning; the front does the work.
 */
import type { Allocator, FromValue } from '../roles/allocator';
import { takeCopy, takeFilled, takeTyped, takeUnsafe } from './allocate';
import { forgetParts, parts } from './create';
import { WatchedArena, assertAlive } from './watched';
import { takeConcat } from './concat';
import { copyOut } from './copy-out';
import type { Custodian, FreeAfterWriteOptions } from '../roles/custodian';
import { dispose } from '../base/dispose';
import { noteSuperSlabs } from '../events/events';
import { type ScopeTarget, validateTarget } from '../streams/endings';
import { freeAfter, freeAfterWrite, writeAndFree } from './free-after';
import type { Front } from '../front/front';
import type { WritableLike, WriteTarget } from '../streams/targets';
import { handOn } from './hand-on';
import { isAdopted } from '../letters/adopted';
import type { Ticket } from '../letters/ticket';
import { native } from '../native/native';
import { validateFunction } from '../options';
import { Retentions } from './retentions';
import { isWaiting, tell } from '../events/reports';
import type { Lender } from '../roles/lender';
import { resize } from './resize';
import { BoundScope, Scope, ScopeHost, runIn } from './scope';
import type { ArenaBuffer, ArenaOptions, TypedView, ViewConstructor } from '../types';
import * as views from '../view/view';
import type { View } from '../view/view';

/** The front of an arena: for the rest of the package only. */
export let frontOf: (arena: Arena) => Front;

/** Re-bound, so that the engine takes it for a constant (docs/ARCHITECTURE.md, "What V8 asks of hot code"). */
const { ARENA } = views;

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
export class Arena extends WatchedArena implements Allocator, Custodian, Lender, Disposable {
  /** Name in statistics. */
  readonly name: string = parts.core.name;
  /** Number of the arena in the process, from 1 on; the same as in statistics. */
  readonly id: number = parts.core.serial;
  readonly #core = parts.core;
  readonly #front = parts.front;
  readonly #host = new ScopeHost(parts.front);
  readonly #retentions = new Retentions(parts, parts.options.zero === 'free');

  static {
    frontOf = (arena) => arena.#front;
  }

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
    forgetParts();
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

  alloc(size: number, fill?: string | Uint8Array | number, encoding?: BufferEncoding): ArenaBuffer {
    const view = takeFilled(this.#front, size, fill, encoding, ARENA) as ArenaBuffer;
    try {
      if (!isWaiting()) return view;
      tell();
    } catch {
      return view; // The stack ends here: a microtask tells.
    }
    if (this.#front.owns(view)) return view;
    // A subscriber has reset the arena.
    return takeFilled(this.#front, size, fill, encoding, ARENA) as ArenaBuffer;
  }

  allocUnsafe(size: number, alignment?: number): ArenaBuffer {
    if (alignment === undefined) return this.#front.alloc(size, ARENA) as ArenaBuffer;
    return takeUnsafe(this.#front, size, alignment, ARENA) as ArenaBuffer;
  }

  allocAtLeast(size: number): ArenaBuffer {
    return this.#front.allocAtLeast(size, ARENA) as ArenaBuffer;
  }

  from(value: FromValue, encodingOrOffset?: string | number, length?: number): ArenaBuffer {
    return takeCopy(this.#front, value, encodingOrOffset, length, ARENA) as ArenaBuffer;
  }

  concat(list: readonly Uint8Array[], totalLength?: number): ArenaBuffer {
    return takeConcat(this.#front, list, totalLength, ARENA) as ArenaBuffer;
  }

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

  retain<V extends View>(view: V): V {
    this.#retentions.retain(view);
    return view;
  }

  release(view: View): boolean {
    return this.#retentions.release(view);
  }

  freeAfter<T>(view: View, promise: PromiseLike<T>): Promise<T> {
    return freeAfter(this.#retentions, view, promise);
  }

  freeAfterWrite(
    writable: WriteTarget,
    view: View,
    options?: FreeAfterWriteOptions,
  ): Promise<void> {
    return freeAfterWrite(this.#retentions, writable, view, options);
  }

  writeAndFree(writable: WritableLike, view: View, options?: FreeAfterWriteOptions): boolean {
    return writeAndFree(this.#retentions, writable, view, options);
  }

  // --- Lend -----------------------------------------------------------------------------------------

  share(view: View): Ticket {
    return isAdopted(view) ? handOn(this.#front, view) : this.#front.lend(view);
  }

  recall(ticket: Ticket): ArenaBuffer | undefined {
    return this.#front.takeLent(ticket) as ArenaBuffer | undefined;
  }

  // --- Scopes ---------------------------------------------------------------------------------------

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
    assertAlive(this.#front);
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
    assertAlive(this.#front);
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
    assertAlive(this.#front);
    this.#front.reset(this.#retentions.remains());
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
    assertAlive(this.#front);
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
    front.end(this.#retentions.remains());
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
}
