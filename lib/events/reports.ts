/**
 * Reports: how the arena says that something is wrong in the program that uses it. Each finding goes to a
 * channel of node:diagnostics_channel; each place in the program is warned about once.
 *
 * A subscriber may do anything: reset the arena, destroy it, throw. So may a `process.emitWarning` or an
 * `Error.prepareStackTrace` that the program has replaced. Therefore no code but the package's own runs during an
 * operation: findings wait in a queue. The queue is drained at the end of the call or of a later one (`alloc`,
 * `trim`, `reset`, `destroy`, `release`, `stats`; with modes each `free` of a view that is not plainly live), and in
 * a microtask at the latest. `allocUnsafe`, and `free` of a plainly live view, do not look at the queue: that would
 * cost a tenth of their time.
 */
import { dirname, sep } from 'node:path';
import { channel } from 'node:diagnostics_channel';
import { soon } from '../base/clock';
import { HERE } from '../base/here';
import { printableLines } from '../base/printable';
import { ensureWholeStack } from '../base/stack';
import { IS_BUNDLED } from '../native/loader';

export const GUARD_CHANNEL = 'hakmem-arena:guard';
export const LEAK_CHANNEL = 'hakmem-arena:leak';
export const DETACHED_CHANNEL = 'hakmem-arena:detached';
export const CLONE_CHANNEL = 'hakmem-arena:clone';

/** Places remembered, at most. A program with more of them is not warned about the others. */
const PLACES_MAX = 1000;

/** Innermost frames of a stack that identify a place. In a bundle the first of them are the package's own. */
const PLACE_FRAMES = IS_BUNDLED ? 12 : 3;

const warnedPlaces = new Set<string>();

let waiting: (() => void)[] = [];
/** What is being told now. */
let telling: (() => void)[] = [];
let isDue = false;

/** Runs `task` when no operation is under way. */
export function later(task: () => void): void {
  waiting.push(task);
  isDue ||= soon(tellAll);
}

/** Whether there is something to tell. */
export function isWaiting(): boolean {
  return waiting.length > 0;
}

/**
 * Drains the queue. Called where a public call has done all its work and hands out nothing. Findings made
 * meanwhile wait for the next time, so that a subscriber is never called inside itself.
 */
export function tell(): void {
  if (waiting.length === 0 || telling.length > 0) return;
  try {
    ensureWholeStack();
  } catch {
    return;
  }
  telling = waiting;
  waiting = [];
  while (telling.length > 0) {
    attempt(telling[0]!);
    telling.shift();
  }
}

/** A microtask begins with an empty stack, so a `tell` that seems to be under way was interrupted. */
function tellAll(): void {
  isDue = false;
  waiting.unshift(...telling.slice(1));
  telling = [];
  tell();
}

/** Node deals with errors of subscribers. Errors of replaced functions are dropped. */
function attempt(task: () => void): void {
  try {
    task();
  } catch {
    // The next finding is told all the same.
  }
}

/** A message for a channel, and the warning that goes with it. */
export interface Finding {
  readonly channel: string;
  readonly message: object;
  readonly code: string;
  readonly place: string;
  readonly text: string;
}

/** Publishes what `describe` says, later, and warns unless the same code was reported for the same place. */
export function report(describe: () => Finding): void {
  later(() => {
    const finding = describe();
    const reports = channel(finding.channel);
    if (reports.hasSubscribers) reports.publish(finding.message);
    const place = `${finding.code} ${finding.place}`;
    if (warnedPlaces.has(place) || warnedPlaces.size >= PLACES_MAX) return;
    warnedPlaces.add(place);
    process.emitWarning(printableLines(finding.text), 'Warning', finding.code);
  });
}

/** The place of a stack: its innermost frames. */
export function placeOf(stack: string): string {
  return stack.split('\n', PLACE_FRAMES).join('\n');
}

/** A stack that is not yet text, because most are never read. */
export interface Trace {
  readonly stack?: string;
}

/** The folder that all of this package's code runs from; undefined: the program's code is in the same file. */
const PACKAGE = IS_BUNDLED ? undefined : dirname(dirname(HERE)) + sep;

/** The engine's own: a program may replace the global. */
const OwnError = Error;

/** The stack of whoever called the package; as many frames as Error.stackTraceLimit says. */
export function takeTrace(): Trace {
  return new OwnError();
}

/** The frames of a trace outside this package's own code, one to a line. Runs code of the program: see above. */
export function textOf(trace: Trace | undefined): string {
  const frames = framesOf(trace);
  const foreign = frames.findIndex((frame) => PACKAGE === undefined || !frame.includes(PACKAGE));
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
