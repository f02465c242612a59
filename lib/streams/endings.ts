/**
 * Endings: when a stream, a response, a signal or a promise is over.
 */
import {
  type Cancel,
  type Closable,
  type Listener,
  isClosable,
  nothing,
  wait,
  whenClosed,
} from './closings';
import { invalidArgType } from '../errors';
import { isHttp2Stream, whenHttp2Over } from './http2-endings';
import { closersOf } from './sinks';

/**
 * What {@link Arena.scopeUntil} can wait for: a request, response, socket or other emitter of 'close', an
 * AbortSignal, a promise, or a reply of Fastify.
 *
 * @example
 * const targets: ScopeTarget[] = [socket, AbortSignal.timeout(1000), Promise.resolve()];
 */
export type ScopeTarget =
  | Closable
  | AbortSignal
  | PromiseLike<unknown>
  | {
      /** The message of `node:http` behind a reply or request of a framework. */
      readonly raw: Closable;
    };

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const isObject = typeof value === 'object' || typeof value === 'function';
  return isObject && typeof (value as { then?: unknown } | null)?.then === 'function';
}

export function validateThenable(promise: unknown): asserts promise is PromiseLike<unknown> {
  if (!isThenable(promise)) throw invalidArgType('promise', 'an instance of Promise', promise);
}

/** Promise's own: a program may have put another one on a promise. */
const thenOf = Function.prototype.call.bind(
  // eslint-disable-next-line @typescript-eslint/unbound-method -- bound by `call`
  Promise.prototype.then,
) as <T>(promise: Promise<T>, ok: (value: T) => T, failed: (reason: unknown) => T) => Promise<T>;

/** What to do when a promise settles, and the two functions that it may call then; used again by a later one. */
class Settlement {
  work: ((subject: object) => void) | undefined;
  subject: object | undefined;

  readonly ok = <T>(value: T): T => {
    this.#settle();
    return value;
  };

  readonly failed = (reason: unknown): never => {
    this.#settle();
    throw reason;
  };

  #settle(): void {
    const { subject, work } = this;
    this.work = this.subject = undefined;
    if (spareCount < SPARES_MAX) spares[spareCount++] = this;
    work!(subject!);
  }
}

const SPARES_MAX = 256;
/** The first `spareCount` of these wait for another promise. */
const spares: Settlement[] = [];
let spareCount = 0;

/**
 * Does `work` on `subject` when a promise settles, and settles as it does after that: one promise, and one turn of the
 * queue more than to await it. An async function, or `finally`, would take longer, and so would closures of each call.
 */
export function settledAfter<T, S extends object>(
  promise: PromiseLike<T>,
  subject: S,
  work: (subject: S) => void,
): Promise<T> {
  const native = Promise.resolve(promise);
  const settlement = spareCount > 0 ? spares[--spareCount]! : new Settlement();
  settlement.work = work as (subject: object) => void;
  settlement.subject = subject;
  return thenOf(native, settlement.ok, settlement.failed);
}

/** Counts a promise's rejection as handled. */
export function ignore(promise: PromiseLike<unknown>): void {
  Promise.resolve(promise).then(nothing, nothing);
}

/** Throws `ERR_INVALID_ARG_TYPE` for what cannot be waited for. */
export function validateTarget(target: unknown): asserts target is ScopeTarget {
  if (target instanceof AbortSignal || isClosable(target)) return;
  if (isClosable((target as { raw?: unknown } | null | undefined)?.raw) || isThenable(target))
    return;
  const expected = 'a stream, response, socket, AbortSignal or promise';
  throw invalidArgType('target', expected, target);
}

/** Calls `listener` once when `target` is over, whichever of its ends comes first. */
export function whenOver(target: ScopeTarget, listener: Listener): Cancel {
  const cancels: Cancel[] = [];
  const cancel = (): void => {
    for (const each of cancels.splice(0)) each();
  };
  const over = once(() => {
    cancel();
    listener();
  });
  for (const subscribe of endingsOf(target)) cancels.push(subscribe(over));
  return cancel;
}

function once(listener: Listener): Listener {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    listener();
  };
}

/** The ways in which a target may end. */
function endingsOf(target: ScopeTarget): ((over: Listener) => Cancel)[] {
  if (target instanceof AbortSignal) return [(over) => whenAborted(target, over)];
  if (isClosable(target)) return endingsOfEmitter(target);
  if ('raw' in target && isClosable(target.raw)) return endingsOfEmitter(target.raw);
  return [(over) => whenSettled(target as PromiseLike<unknown>, over)];
}

function endingsOfEmitter(emitter: Closable): ((over: Listener) => Cancel)[] {
  const { stream = emitter } = emitter as { stream?: unknown };
  if (isHttp2Stream(stream)) return [(over) => whenHttp2Over(stream, over)];
  return closersOf(emitter).map((it) => (over) => whenClosed(it, over));
}

function whenAborted(signal: AbortSignal, listener: Listener): Cancel {
  if (signal.aborted) {
    listener();
    return nothing;
  }
  return wait(signal, listener, (over) => {
    signal.addEventListener('abort', over, { once: true });
  });
}

function whenSettled(promise: PromiseLike<unknown>, listener: Listener): Cancel {
  return wait(promise, listener, (over) => {
    // A thenable of the program may throw, or call back at once.
    Promise.resolve(promise).then(over, over);
  });
}
