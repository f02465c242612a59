/**
 * Refusals: what is given up before a request is refused, and the error for one that the core, or the engine, had no
 * memory for.
 */
import { OutOfMemoryError, reasonOf } from '../errors';
import { type Decaying, giveAllBack } from '../events/decay';
import { publishLimit, publishPressure } from '../events/events';
import { statusOf } from '../native/native';
import { usedBytesOf } from '../stats/stats';
import { readTrace, traceLine } from '../stats/trace';

/** Events that go into an error: what led to it, and short enough for a report. */
const EVENTS_IN_ERROR = 100;

/** Makes room: everything that `front` keeps goes back, and beyond its own limit what the other arenas of the thread keep. */
export function relieve(
  front: Decaying & { readonly maxBytes: number },
  refusal: number,
  requestedBytes: number,
): void {
  const reason = reasonOf(statusOf(refusal).name);
  publishPressure(front.arena, reason, { requestedBytes, maxBytes: front.maxBytes });
  front.flushAll();
  if (reason !== 'limit') giveAllBack(front);
}

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
