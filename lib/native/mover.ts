/**
 * Mover: moves the memory of an ArrayBuffer to another one, and detaches the first. The addon does so with slabs whose
 * arena has ended, which costs a fifth of detaching one and making another.
 *
 * ArrayBuffers of addons cannot be transferred to another thread, because Node marks them. The new one has no such
 * mark. Up to Node 23 it gets one here; later that would keep it from ever being moved again, and so whoever lists it
 * in a transfer takes the slab away (docs/SAFETY.md).
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

/** Whether Node warns of `process.binding`. */
function isWatched(): boolean {
  const { env, execArgv } = process;
  const words = [...execArgv, ...(env['NODE_OPTIONS'] ?? '').split(' ')];
  return words.includes(PENDING_DEPRECATION) || env['NODE_PENDING_DEPRECATION'] === '1';
}

function moverOfNode20(): Mover | undefined {
  if (attempt(isWatched) !== false) return undefined;
  const node = process as unknown as NodeBinding;
  const move: unknown = attempt(() => node.binding('buffer').detachArrayBuffer);
  return typeof move === 'function' ? (move as Mover) : undefined;
}

function moverOfEngine(): Mover | undefined {
  const { transfer } = ArrayBuffer.prototype as { transfer?: (this: ArrayBuffer) => ArrayBuffer };
  if (typeof transfer !== 'function') return undefined;
  return Function.prototype.call.bind(transfer) as Mover;
}

/** undefined: this runtime has no way to do it, or none that is known. */
export function findMover(): Mover | undefined {
  const { node, bun, deno } = process.versions as Record<string, string | undefined>;
  if (node === undefined || bun !== undefined || deno !== undefined) return undefined;
  const major = Number.parseInt(node);
  const move = moverOfEngine() ?? (major === 20 ? moverOfNode20() : undefined);
  if (move === undefined || major >= STRICT_MAJOR) return move;
  return (buffer) => {
    const moved = move(buffer);
    markAsUntransferable(moved);
    return moved;
  };
}
