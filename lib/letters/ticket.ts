/**
 * Tickets: the numbers that name blocks on their way to another thread.
 */
import { HakmemError, invalidArgType } from '../errors';

/**
 * What {@link Arena.share} gives for a Buffer: a whole number below 2^53, which goes to another thread in a message, in
 * `workerData` or through shared memory, and is good for one {@link adopt}.
 *
 * @example
 * const ticket: Ticket = arena.share(arena.from('for another thread'));
 * release(adopt(ticket));
 */
export type Ticket = number;

/** Throws unless it is a number; whether that is a ticket, the core knows. */
export function validateTicket(ticket: unknown): asserts ticket is Ticket {
  if (typeof ticket !== 'number') throw invalidArgType('ticket', 'of type number', ticket);
}

/** The refusal of a number that is no ticket, or was one. */
export function badTicket(): HakmemError {
  return new HakmemError('ERR_HAKMEM_TICKET');
}
