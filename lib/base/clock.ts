/**
 * Clock and timer, as they were when the package was loaded: a program's tests that put others in their place
 * (fake timers of jest, vitest or sinon) must not stop what is none of their business, nor run it out of turn.
 */
import { AsyncResource } from 'node:async_hooks';
import { clearTimeout, setTimeout } from 'node:timers';

/** Not `performance`, which costs a megabyte where nobody else uses it. */
const { hrtime } = process;
const start = setTimeout;
const stop = clearTimeout;
const queue = queueMicrotask;

/**
 * Outside of every asynchronous context: a timer would keep what a program has stored in the one it began in. Not
 * `AsyncLocalStorage.snapshot()`, which Node 22 cannot load where somebody has written to Object.prototype.
 */
const outside = new AsyncResource('HAKMEM_ARENA');

/** Milliseconds on a clock that never jumps. Not by destructuring, which a program's iterator would take part in. */
export function nowMs(): number {
  const time = hrtime();
  return time[0] * 1e3 + time[1] / 1e6;
}

/** Calls `run` once, after so many milliseconds, unless nothing else keeps the process alive so long. */
export function startTimer(run: () => void, ms: number): NodeJS.Timeout {
  return outside.runInAsyncScope(() => start(run, ms).unref());
}

export function stopTimer(timer: NodeJS.Timeout): void {
  stop(timer);
}

/** Runs `task` right after the code that is running. false: the stack is full. */
export function soon(task: () => void): boolean {
  try {
    queue(task);
    return true;
  } catch {
    return false;
  }
}
