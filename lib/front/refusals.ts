/**
 * Refusals: the error for a request that the core, or the engine, had no memory for.
 */
import { OutOfMemoryError, reasonOf } from '../errors';
import { publishLimit } from '../events/events';
import { statusOf } from '../native/native';
import { usedBytesOf } from '../stats/stats';
import { readTrace, traceLine } from '../stats/trace';

/** Events that go into an error: what led to it, and short enough for a report. */
const EVENTS_IN_ERROR = 100;

/** Of an arena that keeps events the last of them are in the error, where `process.report` shows them. */
export function outOfMemory(
  arena: number,
  result: number,
  requestedBytes: number,
  { maxBytes, strides }: { readonly maxBytes: number; readonly strides: readonly number[] },
): OutOfMemoryError {
  const { name, text } = statusOf(result);
  const reason = reasonOf(name);
  const sizes = { requestedBytes, usedBytes: usedBytesOf(arena), maxBytes };
  if (reason === 'limit') publishLimit(arena, sizes);
  const error = new OutOfMemoryError(reason, text, sizes);
  const events = readTrace(arena, EVENTS_IN_ERROR, strides);
  if (events.length === 0) return error;
  return Object.assign(error, { trace: events.map(traceLine).join('\n') });
}
