/**
 * Adopted: Buffers of other threads' arenas, in the thread that has adopted them.
 *
 * Each has an ArrayBuffer of its own, over its bytes and nothing else. The native side keeps that until the release,
 * or until the thread ends.
 */
import { Room, Way } from '../base/stack';
import { HakmemError, OutOfMemoryError, invalidArgType, invalidState, reasonOf } from '../errors';
import { markExposed, native, statusOf } from '../native/native';
import type { ArenaBuffer } from '../types';
import { doubleFree } from '../view/custody';
import { sizeOf } from '../view/kinds';
import { FastBuffer, type Home, type View, homeOf, stamp } from '../view/view';
import { type Ticket, badTicket, validateTicket } from './ticket';

/** The same for all adopted Buffers; no arena has it. */
const NO_ARENA = { name: '' };

const adopting = new Way();
const returning = new Way();

/** What is known of an adopted Buffer. Its memory goes back when its owner has let go of it, and nobody holds it. */
class Loan implements Home {
  readonly core = NO_ARENA;
  readonly #ticket: Ticket;
  #holders = 0;
  /** Its owner has let go of it. */
  #isGivenUp = false;

  constructor(ticket: Ticket) {
    this.#ticket = ticket;
  }

  /** It is its owner's still. */
  get isLive(): boolean {
    return !this.#isGivenUp;
  }

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  /** Keeps it beyond its release. */
  hold(): void {
    if (!this.isLive && !this.isHeld) throw new HakmemError('ERR_HAKMEM_DOUBLE_FREE');
    this.#holders++;
  }

  /** Takes a holder away. true: it was the last, and the memory has gone back. */
  unhold(): boolean {
    if (!this.isHeld) {
      if (this.isLive) throw invalidState('The view is not retained');
      throw new HakmemError('ERR_HAKMEM_DOUBLE_FREE');
    }
    const isLast = this.#isGivenUp && this.#holders === 1;
    if (isLast) {
      returning.ensureStack(Room.Call);
      this.#return();
    }
    this.#holders--;
    return isLast;
  }

  /** What its owner does, once, with room on the stack. */
  giveUp(): void {
    if (!this.isLive) throw doubleFree(this.isHeld);
    if (!this.isHeld) this.#return();
    this.#isGivenUp = true;
  }

  /** The engine may call a function to detach it. */
  #return(): void {
    if (native.release(this.#ticket) < 0) throw new HakmemError('ERR_HAKMEM_DOUBLE_FREE');
  }
}

/** What is known of a view that was adopted in this thread. */
export function loanOf(view: unknown): Loan | undefined {
  const home = homeOf(view);
  return home instanceof Loan ? home : undefined;
}

/** Whether it was adopted in this thread and is not released. */
export function isAdopted(view: unknown): boolean {
  return loanOf(view)?.isLive === true;
}

/** The Buffer of what the native side gave for a ticket; throws when it refused. */
export function bufferOfLoan(ticket: Ticket, result: ArrayBuffer | number): ArenaBuffer {
  if (typeof result === 'number') throw refusalOf(result);
  markExposed(result);
  return stamp(new FastBuffer(result, 0, sizeOf(result)), new Loan(ticket), 0) as ArenaBuffer;
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
  adopting.ensureStack(Room.Call);
  return bufferOfLoan(ticket, native.adopt(ticket));
}

/**
 * Gives an adopted Buffer back: it has length 0 from here on, and its memory is its arena's again. Nothing may read
 * or write it any more, as with {@link Arena.free}: an operation that is under way would hit whoever has it next. For
 * those there are {@link Arena.freeAfter}, {@link Arena.freeAfterWrite} and {@link Arena.retain} of any arena of the
 * thread: they hold what was adopted as they hold views of the arena, and the memory goes back after the last of them.
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
  const loan = loanOf(view);
  if (loan === undefined) {
    throw new HakmemError('ERR_HAKMEM_NOT_OWNED', 'it was not adopted in this thread');
  }
  returning.ensureStack(Room.Call);
  loan.giveUp();
}

/** Releases what {@link isAdopted}, for a caller that has made sure of room on the stack for many of them. */
export function releaseWithRoom(view: View): void {
  loanOf(view)?.giveUp();
}
