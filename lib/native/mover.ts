/**
 * Mover: moves the memory of an ArrayBuffer to another one, and detaches the first. The addon does so with slabs whose
 * arena has ended, which costs a fifth of detaching one and making another.
 *
 * ArrayBuffers of addons cannot be transferred to another thread, because Node marks them. The new one has no such
 * mark. Up to Node 23 it gets one when it is handed out; later that would keep it from ever being moved again, and so
 * whoever lists it in a transfer takes the slab away (docs/SAFETY.md).
 *
 * The addon calls a function of the engine or of Node and none written in JavaScript, because that could be told to stop
 * in the middle, and the addon would have to swallow it.
 *
 * Node 20 has no `transfer`. Its byte streams move memory with a function of Node's own binding, which is not public, but
 * Node 20 does not change any more. Where there is none, arenas work as well, but one per request costs more.
 */
import { markAsUntransferable } from 'node:worker_threads';
import { attempt } from './identity';

type Mover = (buffer: ArrayBuffer) => ArrayBuffer;

interface NodeBinding {
  binding(name: 'buffer'): { readonly detachArrayBuffer: Mover };
}

const PENDING_DEPRECATION = '--pending-deprecation';
/** From this version on what is marked can never be detached. */
const STRICT_MAJOR = 24;

const { node, bun, deno } = process.versions as Record<string, string | undefined>;
const MAJOR = Number.parseInt(node ?? '');
const IS_KNOWN = node !== undefined && bun === undefined && deno === undefined;

/** Whether Node warns of `process.binding`. */
function isWatched(): boolean {
  const { env, execArgv } = process;
  const words = [...execArgv, ...(env['NODE_OPTIONS'] ?? '').split(' ')];
  return words.includes(PENDING_DEPRECATION) || env['NODE_PENDING_DEPRECATION'] === '1';
}

function moverOfNode20(): Mover | undefined {
  if (attempt(isWatched) !== false) return undefined;
  const runtime = process as unknown as NodeBinding;
  const move: unknown = attempt(() => runtime.binding('buffer').detachArrayBuffer);
  return typeof move === 'function' ? (move as Mover) : undefined;
}

function moverOfEngine(): Mover | undefined {
  const { transfer } = ArrayBuffer.prototype as { transfer?: (this: ArrayBuffer) => ArrayBuffer };
  if (typeof transfer !== 'function') return undefined;
  return Function.prototype.call.bind(transfer) as Mover;
}

/** undefined: this runtime has no way to do it, or none that is known. */
export function findMover(): Mover | undefined {
  return IS_KNOWN ? (moverOfEngine() ?? (MAJOR === 20 ? moverOfNode20() : undefined)) : undefined;
}

/** Marks what may have been moved, as Node marks ArrayBuffers of addons. Twice is no harm. */
export const markMoved: (buffer: ArrayBuffer) => void =
  IS_KNOWN && MAJOR < STRICT_MAJOR ? markAsUntransferable : () => undefined;
