/**
 * Free after: writes a view to a stream, and knows when its memory is free again.
 *
 * A known sink gets the view itself and tells when it has let go of it: in the callback of the write or, if it
 * is destroyed before, by closing. Everything else gets a copy, because its callback proves nothing.
 */
import { invalidArgType, invalidArgValue } from '../errors';
import type { FreeAfterWriteOptions } from '../roles/custodian';
import { ignore, settledAfter, validateThenable } from '../streams/endings';
import type { WebWritableLike, WebWriterLike, WritableLike, WriteTarget } from '../streams/targets';
import type { View } from '../view/view';
import { copyLike } from '../view/kinds';
import type { Retentions } from './retentions';
import { isWritable, startWrite } from './writes';

/** The engine knows the answer for a key of `for in`, as it does not of `Object.hasOwn`. */
const hasOwn = Function.prototype.call.bind(
  // eslint-disable-next-line @typescript-eslint/unbound-method -- bound by `call`
  Object.prototype.hasOwnProperty,
) as (object: object, key: string) => boolean;

/** Whether the caller vouches for the stream. */
function isVouchedFor(options: unknown): boolean {
  if (options === undefined) return false;
  if (typeof options !== 'object' || options === null) {
    throw invalidArgType('options', 'of type object', options);
  }
  let isOwn = false;
  // It makes no list, as `Object.keys` does. What a prototype has is passed over.
  for (const key in options) {
    if (!hasOwn(options, key)) continue;
    if (key !== 'zeroCopy') throw invalidArgValue(`options.${key}`, 'is not a known option', key);
    isOwn = true;
  }
  const zeroCopy = isOwn ? (options as FreeAfterWriteOptions).zeroCopy : undefined;
  if (zeroCopy === undefined || typeof (zeroCopy as unknown) === 'boolean')
    return zeroCopy === true;
  throw invalidArgType('options.zeroCopy', 'of type boolean', zeroCopy);
}

// --- Streams of the web -----------------------------------------------------------------------------

function isWeb(target: unknown): target is WebWritableLike | WebWriterLike {
  const { getWriter, releaseLock } = (target ?? {}) as Partial<WebWritableLike & WebWriterLike>;
  return typeof getWriter === 'function' || typeof releaseLock === 'function';
}

function writeToWeb(target: WebWritableLike | WebWriterLike, chunk: View): Promise<unknown> {
  if (!('getWriter' in target)) return target.write(chunk as never);
  const writer = target.getWriter();
  try {
    return writer.write(chunk as never);
  } finally {
    writer.releaseLock();
  }
}

async function freeAfterWebWrite(
  retentions: Retentions,
  target: WebWritableLike | WebWriterLike,
  view: View,
  isVouched: boolean,
): Promise<void> {
  retentions.hold(view);
  let isHeld = true;
  try {
    const done = writeToWeb(target, isVouched ? view : copyLike(view));
    retentions.giveUp(view);
    if (!isVouched) {
      isHeld = false;
      retentions.release(view);
    }
    await done;
  } finally {
    if (isHeld) retentions.release(view);
  }
}

// --- The calls ----------------------------------------------------------------------------------------

const rejected = (reason: Error): Promise<never> => Promise.reject(reason);

/** Frees a view that `promise` uses, once that settles; settles as it does. */
export function freeAfter<T>(
  retentions: Retentions,
  view: View,
  promise: PromiseLike<T>,
): Promise<T> {
  try {
    validateThenable(promise);
  } catch (error) {
    return rejected(error as Error);
  }
  try {
    retentions.holdFreed(view);
  } catch (error) {
    ignore(promise); // one error is enough: this one
    return rejected(error as Error);
  }
  return settledAfter(promise, view, retentions.releaseLater);
}

/** Writes a view and frees it; throws as {@link Arena.freeAfterWrite}. */
export function freeAfterWrite(
  retentions: Retentions,
  writable: WriteTarget,
  view: View,
  options: FreeAfterWriteOptions | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const isVouched = isVouchedFor(options);
    if (isWritable(writable) || !isWeb(writable)) {
      startWrite(retentions, writable, view, isVouched, resolve);
    } else {
      resolve(freeAfterWebWrite(retentions, writable, view, isVouched));
    }
  });
}

/** The same for whoever does not wait; throws as {@link Arena.writeAndFree}. */
export function writeAndFree(
  retentions: Retentions,
  writable: WritableLike,
  view: View,
  options: FreeAfterWriteOptions | undefined,
): boolean {
  return startWrite(retentions, writable, view, isVouchedFor(options), undefined);
}
