/**
 * Lender: the calls of an arena that hand its Buffers over to other threads.
 */
import type { Ticket } from '../letters/ticket';
import type { ArenaBuffer } from '../types';
import type { View } from '../view/view';

/**
 * What hands Buffers over without a copy: an {@link Arena}.
 *
 * @example
 * import type { Worker } from 'node:worker_threads';
 * const send = (memory: Lender, worker: Worker, frame: Buffer): void => worker.postMessage(memory.share(frame));
 */
export interface Lender {
  /**
   * Hands a Buffer over to another thread, without a copy. It ends here as with {@link Arena.free}: do not use it any
   * more. Whoever gets the ticket takes it over with {@link adopt}, once; its memory comes back with their
   * {@link release}, or when their thread ends.
   *
   * A ticket that nobody adopts keeps its memory: {@link Arena.recall} it. A reset, and the end of the arena, revoke it.
   *
   * @param view - a live view of this arena, and not retained; with an offset of its own, it begins at 0 there. Or a Buffer
   *   that this thread has adopted: a copy in this arena's memory is handed over, and the Buffer is released.
   * @throws {ERR_INVALID_ARG_VALUE} it has length 0.
   * @throws {ERR_INVALID_STATE} somebody retains it, and it is of this arena.
   * @throws {ERR_HAKMEM_NATIVE_LOAD} without native code, on WebAssembly.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} 2^20 blocks are away already, or the system has no memory for letters.
   * @throws as {@link Arena.free} otherwise.
   * @example
   * import { MessageChannel } from 'node:worker_threads';
   * const { port1, port2 } = new MessageChannel(); // one of them goes to a worker
   * port2.once('message', (ticket: Ticket) => {
   *   release(adopt(ticket));
   *   port2.close();
   * });
   * port1.postMessage(arena.share(arena.from('a frame')));
   */
  share(view: View): Ticket;

  /**
   * Takes back what nobody has adopted yet.
   *
   * @returns a Buffer on the same bytes; undefined: it was adopted, recalled or revoked.
   * @throws {ERR_INVALID_ARG_TYPE} not a number.
   * @throws {ERR_HAKMEM_TICKET} no ticket of this arena.
   * @throws {ERR_HAKMEM_NATIVE_LOAD} without native code, on WebAssembly.
   * @throws {ERR_HAKMEM_STALE_VIEW} its memory was given away with the ArrayBuffer of another view.
   * @throws {ERR_HAKMEM_ARENA_DESTROYED} the arena is destroyed.
   * @example
   * const ticket = arena.share(arena.from('nobody wants it'));
   * const frame = arena.recall(ticket);
   * if (frame !== undefined) arena.free(frame);
   */
  recall(ticket: Ticket): ArenaBuffer | undefined;
}
