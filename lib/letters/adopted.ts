/**
 * Adopted: Buffers of other threads' arenas, in the thread that has adopted them.
 *
 * Each has an ArrayBuffer of its own, over its bytes and nothing else. The native side keeps that until the release,
 * or until the thread ends.
 */
import { Room, ensureStack, ensureWholeStack } from '../base/stack';
import { HakmemError, OutOfMemoryError, invalidArgType, reasonOf } from '../errors';
import { native, statusOf } from '../native/native';
import type { ArenaBuffer } from '../types';
import { sizeOf } from '../view/kinds';
import { FastBuffer, type Home, type View, homeOf, stamp } from '../view/view';
import { type Ticket, badTicket, validateTicket } from './ticket';

/** The same for all adopted Buffers; no arena has it. */
const NO_ARENA = { name: '' };

class Loan implements Home {
  readonly core = NO_ARENA;
  readonly ticket: Ticket;
  isReleased = false;

  constructor(ticket: Ticket) {
    this.ticket = ticket;
  }
}

/** Whether it was adopted in this thread and is not released. */
export function isAdopted(view: unknown): boolean {
  const loan = homeOf(view);
  return loan instanceof Loan && !loan.isReleased;
}

function refusalOf(result: number): Error {
  const { name, text } = statusOf(result);
  if (name === 'BAD_TICKET') return badTicket();
  const numbers = { requestedBytes: 0, usedBytes: 0, maxBytes: 0 };
  return new OutOfMemoryError(reasonOf(name), text, numbers);
}

/**
 * Takes over what another thread, or this one, has handed over with {@link Arena.share}: a Buffer on the same bytes,
 * without a copy. They are this thread's until {@link release}, whatever becomes of the arena meanwhile.
 *
 * A Buffer that is dropped without a release keeps its memory until the thread ends.
 *
 * @throws {ERR_INVALID_ARG_TYPE} not a number.
 * @throws {ERR_HAKMEM_TICKET} no ticket, or one that was adopted, recalled, or revoked by a reset or the end of its
 *   arena.
 * @throws {ERR_HAKMEM_NATIVE_LOAD} without native code, on WebAssembly.
 * @throws {ERR_HAKMEM_OUT_OF_MEMORY} the engine has no memory to show it; the bytes have gone back to their arena.
 * @example
 * import { parentPort } from 'node:worker_threads';
 * parentPort?.on('message', (ticket: Ticket) => {
 *   const frame = adopt(ticket);
 *   handle(frame);
 *   release(frame);
 * });
 */
export function adopt(ticket: Ticket): ArenaBuffer {
  validateTicket(ticket);
  ensureStack(Room.Call);
  const loan = new Loan(ticket);
  const buffer = native.adopt(ticket);
  if (typeof buffer === 'number') throw refusalOf(buffer);
  return stamp(new FastBuffer(buffer, 0, sizeOf(buffer)), loan, 0) as ArenaBuffer;
}

/**
 * Gives an adopted Buffer back: it has length 0 from here on, and its memory is its arena's again. Nothing may read
 * or write it any more, as with {@link Arena.free}: an operation that is under way would hit whoever has it next.
 *
 * @param view - what {@link adopt} returned, in the same thread.
 * @throws {ERR_INVALID_ARG_TYPE} not a view.
 * @throws {ERR_HAKMEM_NOT_OWNED} it was not adopted in this thread; parts of it (`subarray`) included.
 * @throws {ERR_HAKMEM_DOUBLE_FREE} it is released already.
 * @example
 * const greeting = adopt(arena.share(arena.from('hello')));
 * console.log(greeting.toString()); // hello
 * release(greeting);
 * console.log(greeting.length); // 0
 */
export function release(view: View): void {
  if (!ArrayBuffer.isView(view)) throw invalidArgType('view', 'a Buffer that was adopted', view);
  const loan = homeOf(view);
  if (!(loan instanceof Loan)) {
    throw new HakmemError('ERR_HAKMEM_NOT_OWNED', 'it was not adopted in this thread');
  }
  // The engine may call a function to detach it.
  ensureWholeStack();
  if (loan.isReleased || native.release(loan.ticket) < 0) {
    throw new HakmemError('ERR_HAKMEM_DOUBLE_FREE');
  }
  loan.isReleased = true;
}
