/**
 * Refused memory: the error for a request that the core has refused, and the event if a limit was the reason.
 */
import { OutOfMemoryError, reasonOf } from '../errors';
import { publishLimit } from '../events/events';
import { statusOf } from '../native/native';
import { usedBytesOf } from './stats';

/** `result`: the negative status. */
export function refusedMemory(
  arena: number,
  result: number,
  requestedBytes: number,
  maxBytes: number,
): OutOfMemoryError {
  const { name, text } = statusOf(result);
  const reason = reasonOf(name);
  const sizes = { requestedBytes, usedBytes: usedBytesOf(arena), maxBytes };
  if (reason === 'limit') publishLimit(arena, sizes);
  return new OutOfMemoryError(reason, text, sizes);
}
