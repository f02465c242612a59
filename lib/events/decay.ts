/**
 * Decay: memory that nobody needed for a while goes back to the operating system, without a call.
 *
 *   something is given back, or kept -> note -> the timer, if there is none
 *   the timer -> each front that waits gives what was not in demand to the core -> native.decay, for all arenas
 *             -> the timer again, unless nothing waits any more
 *
 * Owns:      one timer of this environment, while something waits. It keeps nothing alive: no process, no worker, no
 *            front.
 * Called by: the tables of a front.
 */
import { nowMs, soon, startTimer, stopTimer } from '../base/clock';
import { noteSuperSlabs } from './events';
import { native } from '../native/native';

/** Steps of a delay: as HK_PEAKS_STEPS of the core. */
const STEPS = 8;
/** So long one tick may take, the core's part aside; and so long it waits when it did not get to the end. */
const TURN_MS = 1;
const PAUSE_MS = 10;

/** Until the core is asked for the first time, if nobody wants it sooner. */
const LONGEST_STEP_MS = 1000;

/** Nothing waits. */
const NEVER = Infinity;

/** What gives back little by little, or all at once. */
export interface Decaying {
  /** Names its arena to the core. */
  readonly arena: number;
  readonly hasEnded: boolean;
  flushAll(): void;
  /**
   * Gives back a part of what was not in demand since the last time; begins nothing after `untilMs` on the clock.
   * false: nothing is left.
   */
  giveSurplusBack(untilMs: number): boolean;
}

/** What a front and its tables know of the timer. */
export class Decay {
  readonly #front: Decaying;
  #delayMs: number;
  /** What stands for it among those that wait; made when it first does. */
  #ref: WeakRef<Decay> | undefined;
  #isWaiting = false;
  /** Its place among those that start; -1: it has none. */
  #at = -1;

  constructor(front: Decaying, delayMs: number) {
    this.#front = front;
    this.#delayMs = delayMs;
  }

  /** Milliseconds after which nothing is kept that is not needed; -1: no limit. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** Another delay from now on; what waits is looked at by that. */
  setDelay(delayMs: number): void {
    this.#delayMs = delayMs;
    this.#isWaiting = false;
    this.note();
  }

  /**
   * Says that there is something which may be given back some day. The timer begins when no operation is under way,
   * because programs may watch timers begin (node:async_hooks).
   */
  note(): void {
    if (this.#isWaiting || this.delayMs < 0) return;
    if (this.#at < 0) this.#at = starting.push(this) - 1;
    isStarting ||= soon(start);
    this.#isWaiting = isStarting;
  }

  /** Whether it would do nothing to note something now. */
  get isNoted(): boolean {
    return this.#isWaiting || this.delayMs < 0;
  }

  /** The front has ended: only the core has something to give back. */
  end(): void {
    this.note();
    this.#leaveStarting();
    this.#isWaiting = true;
  }

  /** The last one takes its place. */
  #leaveStarting(): void {
    const at = this.#at;
    if (at < 0) return;
    const last = starting.pop()!;
    if (last !== this) {
      starting[at] = last;
      last.#at = at;
    }
    this.#at = -1;
  }

  /** Gives back all that its front keeps, if that is another one. */
  giveAllBack(needy: Decaying): void {
    const front = this.#front;
    if (front === needy || front.hasEnded) return;
    front.flushAll();
    native.trimArena(front.arena);
  }

  /** It is among those that wait, from now on. */
  started(): WeakRef<Decay> {
    this.#at = -1;
    return (this.#ref ??= new WeakRef(this));
  }

  /** Milliseconds until the next turn. */
  turn(untilMs: number): number {
    if (this.#delayMs < 0) return NEVER;
    if (nowMs() >= untilMs) return PAUSE_MS;
    // What happens meanwhile makes it wait again.
    this.#isWaiting = this.#front.giveSurplusBack(untilMs);
    if (!this.#isWaiting) return NEVER;
    return nowMs() >= untilMs ? PAUSE_MS : this.stepMs;
  }

  get stepMs(): number {
    return Math.max(this.delayMs / STEPS, PAUSE_MS);
  }
}

/**
 * Those that wait from now on. A Set would make a table every few arenas, and each of those that outlives a
 * collection of young garbage would keep the next one, with its arena, until the next of all garbage.
 */
const starting: Decay[] = [];
let isStarting = false;
const waiting = new Set<WeakRef<Decay>>();
let timer: NodeJS.Timeout | undefined;
let dueMs = NEVER;

/** Makes the timer end in so many milliseconds, if it does not end before. */
function schedule(ms: number): void {
  const wantedMs = nowMs() + ms;
  if (wantedMs >= dueMs) return;
  if (timer !== undefined) stopTimer(timer);
  dueMs = wantedMs;
  timer = startTimer(tick, ms);
}

function start(): void {
  isStarting = false;
  let ms = LONGEST_STEP_MS;
  for (const decay of starting) {
    waiting.add(decay.started());
    ms = Math.min(ms, decay.stepMs);
  }
  starting.length = 0;
  schedule(ms);
}

/** The other arenas of this thread give back all that they keep, because `needy` would be refused otherwise. */
export function giveAllBack(needy: Decaying): void {
  for (const decay of starting) decay.giveAllBack(needy);
  for (const ref of waiting) ref.deref()?.giveAllBack(needy);
}

/** A callback of the event loop, so no operation of a front is under way. */
function tick(): void {
  timer = undefined;
  dueMs = NEVER;
  if (native.isBroken?.() === true) return;
  let nextMs = NEVER;
  const untilMs = nowMs() + TURN_MS;
  for (const ref of waiting) {
    const ms = ref.deref()?.turn(untilMs) ?? NEVER;
    if (ms === NEVER) waiting.delete(ref);
    nextMs = Math.min(nextMs, ms);
  }
  const coreMs = native.decay();
  noteSuperSlabs();
  if (coreMs >= 0) nextMs = Math.min(nextMs, Math.max(coreMs, PAUSE_MS));
  if (nextMs < NEVER) schedule(nextMs);
}
