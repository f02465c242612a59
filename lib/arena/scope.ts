/**
 * Scope: takes views and frees together, at its end, all that are still its own.
 *
 * The owner of a view says which scope it belongs to. A view that was freed by hand and handed out again has
 * another owner, so the end of the scope leaves it alone. Buffers of other threads stand in a list of their own.
 */
import { takeCopy, takeFilled, takeTyped, takeUnsafe } from './allocate';
import { takeConcat } from './concat';
import type { Allocator, FromValue } from '../roles/allocator';
import { dispose } from '../base/dispose';
import { HakmemError, illegalConstructor, invalidArgType, invalidState } from '../errors';
import { adopt, isAdopted, release } from '../letters/adopted';
import type { Ticket } from '../letters/ticket';
import { type ScopeTarget, isThenable, settledAfter, whenOver } from '../streams/endings';
import type { Front } from '../front/front';
import type { ArenaBuffer, TypedView, ViewConstructor } from '../types';
import { FIRST_SCOPE, ARENA, type View } from '../view/view';

/** Lists kept for later scopes, and the length of the longest one kept. */
const SPARE_LISTS_MAX = 16;
const SPARE_LENGTH_MAX = 4096;

/**
 * What an open scope has, and leaves to a later one. Lists are reused because growing a new one makes garbage.
 * Numbers are reused because they have 31 bits, and a process opens more scopes than that. No view has the number
 * of an ended scope: its end frees all that have it, retained ones and stand-ins included, and a view that a reset
 * made stale is never asked for it again.
 */
interface Place {
  readonly owner: number;
  views: (View | undefined)[];
}

/** What a scope needs of its arena. */
export class ScopeHost {
  readonly front: Front;
  /** The first `openCount` of these are open; each knows its index. A set would cost more than ten allocations. */
  readonly scopes: (Scope | undefined)[] = [];
  openCount = 0;
  /** The first `spareCount` of these are left over from scopes that have ended. */
  readonly spares: Place[] = [];
  spareCount = 0;
  #lastOwner = FIRST_SCOPE - 1;

  constructor(front: Front) {
    this.front = front;
  }

  makePlace(): Place {
    return { owner: ++this.#lastOwner, views: [] };
  }
}

/** Buffers of other threads that a scope releases at its end. */
const loansOf = new WeakMap<Scope, Set<View>>();

/** What a scope still does. LENT: it is open, and has such Buffers. */
const LENT = -1;
const OPEN = 0;
const ENDING = 1;
const ENDED = 2;

/** Frees the views that were allocated in a scope and are its still; it stays open. For the rest of the package only. */
export let clearScope: (scope: Scope) => void;

/**
 * Views allocated here are freed by {@link Scope.end}, except those passed to {@link Scope.keep}.
 * Made by `arena.openScope()` and `arena.scope(fn)`.
 *
 * @example
 * const page = arena.scope((scope) => {
 *   const draft = scope.from('a draft');
 *   return scope.keep(scope.from(draft.toString().toUpperCase()));
 * });
 * arena.free(page);
 */
export class Scope implements Allocator, Disposable {
  readonly #host: ScopeHost;
  readonly #front: Front;
  readonly #place: Place;
  readonly #owner: number;
  /** The first `#count` of these; what lies behind them is left over from other scopes. */
  readonly #views: (View | undefined)[];
  #count = 0;
  /** Its index among the open scopes. */
  #at: number;
  #state = OPEN;

  static {
    clearScope = (scope) => {
      scope.#freeViews();
      scope.#count = 0;
    };
  }

  /** @internal */
  constructor(host: ScopeHost) {
    if (!(host instanceof ScopeHost)) throw illegalConstructor();
    this.#host = host;
    this.#front = host.front;
    const place = host.spareCount > 0 ? host.spares[--host.spareCount]! : host.makePlace();
    this.#place = place;
    this.#owner = place.owner;
    this.#views = place.views;
    this.#at = host.openCount;
    host.scopes[host.openCount++] = this;
  }

  /**
   * Like `arena.alloc`, for this scope.
   *
   * @throws {ERR_INVALID_STATE} after `end()`; otherwise as {@link Arena.alloc}.
   * @example
   * const total = arena.scope((scope) => scope.alloc(64, 1).reduce((a, b) => a + b)); // 64
   */
  alloc(size: number, fill?: string | Uint8Array | number, encoding?: BufferEncoding): ArenaBuffer {
    return this.#own(
      takeFilled(this.#openFront(), size, fill, encoding, this.#owner),
    ) as ArenaBuffer;
  }

  /**
   * Like `arena.allocUnsafe`, for this scope.
   *
   * @throws {ERR_INVALID_STATE} after `end()`; otherwise as {@link Arena.allocUnsafe}.
   * @example
   * await arena.scope(async (scope) => {
   *   const page = scope.allocUnsafe(16384);
   *   const { bytesRead } = await file.read(page, 0, page.length);
   *   handle(page.subarray(0, bytesRead));
   * });
   */
  allocUnsafe(size: number, alignment?: number): ArenaBuffer {
    if (alignment !== undefined) return this.#allocAligned(size, alignment);
    // What `#openFront` and `#own` do, without their calls: the engine looks at the scope before each.
    if (this.#state > OPEN) throw invalidState('The scope has ended');
    const view = this.#front.alloc(size, this.#owner);
    const count = this.#count;
    this.#views[count] = view;
    this.#count = count + 1;
    return view as ArenaBuffer;
  }

  /**
   * Like `arena.allocAtLeast`, for this scope.
   *
   * @throws {ERR_INVALID_STATE} after `end()`; otherwise as {@link Arena.allocAtLeast}.
   * @example
   * await arena.scope(async (scope) => {
   *   const page = scope.allocAtLeast(10_000);
   *   const { bytesRead } = await file.read(page, 0, page.length);
   *   handle(page.subarray(0, bytesRead));
   * });
   */
  allocAtLeast(size: number): ArenaBuffer {
    return this.#own(this.#openFront().allocAtLeast(size, this.#owner)) as ArenaBuffer;
  }

  /**
   * Like `arena.from`, for this scope.
   *
   * @throws {ERR_INVALID_STATE} after `end()`; otherwise as {@link Arena.from}.
   * @example
   * arena.scope((scope) => handle(scope.from('48656c6c6f', 'hex')));
   */
  from(value: FromValue, encodingOrOffset?: string | number, length?: number): ArenaBuffer {
    const view = takeCopy(this.#openFront(), value, encodingOrOffset, length, this.#owner);
    return this.#own(view) as ArenaBuffer;
  }

  /**
   * Like `arena.concat`, for this scope.
   *
   * @throws {ERR_INVALID_STATE} after `end()`; otherwise as {@link Arena.concat}.
   * @example
   * arena.scope((scope) => handle(scope.concat([scope.from('head'), scope.from('body')])));
   */
  concat(list: readonly Uint8Array[], totalLength?: number): ArenaBuffer {
    return this.#own(takeConcat(this.#openFront(), list, totalLength, this.#owner)) as ArenaBuffer;
  }

  /**
   * Like `arena.allocTyped`, for this scope.
   *
   * @throws {ERR_INVALID_STATE} after `end()`; otherwise as {@link Arena.allocTyped}.
   * @example
   * const largest = arena.scope((scope) => Math.max(...scope.allocTyped(Int16Array, 256)));
   */
  allocTyped<C extends ViewConstructor>(ctor: C, length: number): TypedView<C> {
    return this.#own(takeTyped(this.#openFront(), ctor, length, this.#owner));
  }

  /**
   * Takes over a Buffer of another thread, as the function {@link adopt} does, and releases it at the end of this scope
   * if nobody has done so before. {@link Scope.keep} takes it out of the scope.
   *
   * @param given - a ticket; or a Buffer that this thread has adopted, or kept from a channel.
   * @returns the Buffer.
   * @throws {ERR_INVALID_ARG_TYPE} neither a ticket nor a view.
   * @throws {ERR_INVALID_STATE} after `end()`.
   * @throws {ERR_HAKMEM_NOT_OWNED} a view that was not adopted in this thread, or is released.
   * @throws as {@link adopt} otherwise.
   * @example
   * import { parentPort } from 'node:worker_threads';
   * parentPort?.on('message', (ticket: Ticket) => {
   *   arena.scope((scope) => handle(scope.adopt(ticket)));
   * });
   */
  adopt(given: Ticket | ArenaBuffer): ArenaBuffer {
    this.#openFront();
    const loans = loansOf.get(this) ?? new Set<View>();
    loansOf.set(this, loans);
    this.#state = LENT;
    const buffer = ArrayBuffer.isView(given) ? given : adopt(given);
    if (!isAdopted(buffer)) {
      throw new HakmemError('ERR_HAKMEM_NOT_OWNED', 'it is not adopted in this thread');
    }
    loans.add(buffer);
    return buffer;
  }

  /**
   * Takes a view out of the scope: it stays live after the end and is freed with `arena.free`, or with `release` if it
   * was adopted.
   *
   * @returns the same view.
   * @throws {ERR_INVALID_ARG_TYPE} not a view.
   * @throws {ERR_INVALID_STATE} after `end()`.
   * @throws {ERR_HAKMEM_NOT_OWNED} not a live view of this scope.
   * @example
   * const kept = arena.scope((scope) => scope.keep(scope.alloc(64)));
   * arena.free(kept);
   */
  keep<V extends View>(view: V): V {
    if (!ArrayBuffer.isView(view)) throw invalidArgType('view', 'a view of this scope', view);
    const front = this.#openFront();
    if (isAdopted(view) && loansOf.get(this)?.delete(view) === true) return view;
    if (!front.owns(view) || front.ownerOf(view) !== this.#owner) {
      throw new HakmemError('ERR_HAKMEM_NOT_OWNED', 'it is not a live view of this scope');
    }
    front.setOwner(view, ARENA);
    return view;
  }

  /**
   * Frees every view of the scope. Calling it again does nothing.
   *
   * @example
   * const scope = arena.openScope();
   * scope.allocUnsafe(1500);
   * scope.end();
   */
  end(): void {
    if (this.#state === ENDED) return;
    if (this.#state === LENT) this.#releaseLoans();
    // What is interrupted goes on with the next call: views that are free are not freed again.
    this.#state = ENDING;
    this.#freeViews();
    this.#leave();
  }

  /**
   * The same as {@link Scope.end}, for `using`.
   *
   * @example
   * using scope = arena.openScope();
   * handle(scope.allocUnsafe(1500));
   */
  [dispose](): void {
    this.end();
  }

  #allocAligned(size: number, alignment: number): ArenaBuffer {
    const view = takeUnsafe(this.#openFront(), size, alignment, this.#owner);
    return this.#own(view) as ArenaBuffer;
  }

  #freeViews(): void {
    this.#front.freeAllOwned(this.#views, this.#count, this.#owner);
  }

  /** @internal Takes over a view that replaces one of this scope. false: it was not of this scope. */
  takeOver(view: View): boolean {
    if (this.#front.ownerOf(view) !== this.#owner) return false;
    this.#own(view);
    return true;
  }

  /**
   * Gives up its index, which the last open scope takes, and its place, which a later scope gets. There is no call
   * in it, not even of `pop` or `push`, so that nothing can interrupt it.
   */
  #leave(): void {
    const host = this.#host;
    const { scopes, spares } = host;
    const place = this.#place;
    if (host.spareCount >= SPARE_LISTS_MAX || place.views.length > SPARE_LENGTH_MAX)
      place.views = [];
    const end = host.openCount - 1;
    const last = scopes[end]!;
    if (last !== this) {
      scopes[this.#at] = last;
      last.#at = this.#at;
    }
    scopes[end] = undefined;
    host.openCount = end;
    spares[host.spareCount++] = place;
    this.#state = ENDED;
  }

  /** What is interrupted goes on with the next call, here too. */
  #releaseLoans(): void {
    const loans = loansOf.get(this)!;
    for (const buffer of loans) {
      if (isAdopted(buffer)) release(buffer);
      loans.delete(buffer);
    }
  }

  #openFront(): Front {
    if (this.#state > OPEN) throw invalidState('The scope has ended');
    return this.#front;
  }

  #own<V extends View>(view: V): V {
    this.#views[this.#count++] = view;
    return view;
  }
}

/** A scope that also ends when something else does. It is a class of its own so that other scopes pay nothing. */
export class BoundScope extends Scope {
  readonly #cancel: () => void;

  /** @internal */
  constructor(host: ScopeHost, target: ScopeTarget) {
    super(host);
    this.#cancel = whenOver(target, () => {
      super.end();
    });
  }

  override end(): void {
    this.#cancel();
    super.end();
  }
}

function endOf(scope: Scope): void {
  scope.end();
}

/** Calls `fn` with a scope and ends that when `fn` returns or throws, or when its promise settles. */
export function runIn<R>(scope: Scope, fn: (scope: Scope) => R): R {
  let result: R;
  try {
    result = fn(scope);
    if (isThenable(result)) {
      return settledAfter(result, scope, endOf) as R;
    }
  } catch (error) {
    scope.end();
    throw error;
  }
  scope.end();
  return result;
}
