/**
 * Reports: how the arena says that something is wrong in the program that uses it. Each finding goes to a
 * channel of node:diagnostics_channel; each place in the program is warned about once.
 */
import { channel } from 'node:diagnostics_channel';
import { printableLines } from './printable';

export const GUARD_CHANNEL = 'hakmem-arena:guard';
export const LEAK_CHANNEL = 'hakmem-arena:leak';
export const DETACHED_CHANNEL = 'hakmem-arena:detached';

/** Places remembered: a program that makes up more of them is not warned again. */
const PLACES_MAX = 1000;

/** Frames of a stack that make a place. */
const PLACE_FRAMES = 3;

const warnedPlaces = new Set<string>();

/** Publishes `message`, and warns unless the same `code` was reported for the same `place` before. */
export function report(
  channelName: string,
  message: object,
  warning: { readonly code: string; readonly place: string; readonly text: string },
): void {
  const reports = channel(channelName);
  if (reports.hasSubscribers) reports.publish(message);
  const place = `${warning.code} ${warning.place}`;
  if (warnedPlaces.has(place) || warnedPlaces.size >= PLACES_MAX) return;
  warnedPlaces.add(place);
  process.emitWarning(printableLines(warning.text), 'Warning', warning.code);
}

/** The place of a stack: its innermost frames. */
export function placeOf(stack: string): string {
  return stack.split('\n', PLACE_FRAMES).join('\n');
}

/** A stack that is not yet text, because most are never read. */
export interface Trace {
  readonly stack?: string;
}

/** The stack of whoever called the package; as many frames as Error.stackTraceLimit says. */
export function takeTrace(): Trace {
  return new Error();
}

/** The frames of a trace outside this package's own code, one to a line. */
export function textOf(trace: Trace | undefined): string {
  const frames = framesOf(trace);
  const foreign = frames.findIndex((frame) => !frame.includes(__dirname));
  return (foreign < 0 ? frames : frames.slice(foreign)).map((frame) => frame.trim()).join('\n');
}

/** A program may have set `Error.prepareStackTrace`: then a stack is what that makes of it, or nothing. */
function framesOf(trace: Trace | undefined): string[] {
  try {
    const stack = trace?.stack as unknown;
    if (Array.isArray(stack)) return stack.map((frame) => `at ${String(frame)}`);
    return typeof stack === 'string' ? stack.split('\n').slice(1) : [];
  } catch {
    return [];
  }
}
