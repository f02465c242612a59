/**
 * Share: an answer that takes time is computed for all who ask within a while, and only while there is time.
 *
 * A client can ask ten thousand times, and the thread that answers has a service to run. So requests share
 * computations, and the time of all computations is bounded.
 */
import { type Answer, textAnswer } from './answer';

/** An answer serves all who ask within so many milliseconds: the shortest interval of `top`. */
const SAMPLE_MS = 100;

/** Of each second computations may take so many milliseconds on the average, and so many in a row. */
const SHARE_MS = 250;
const BURST_MS = 500;

/** An answer that takes longer is one that perhaps never comes. */
const PATIENCE_MS = 10_000;

export type Route = () => Answer | Promise<Answer>;

function later(text: string, seconds: number): Answer {
  return textAnswer(503, text, { 'Retry-After': String(seconds) });
}

/** A token bucket of milliseconds; what is taken may exceed what is there, and is paid back by waiting. */
export class Budget {
  #leftMs = BURST_MS;
  #at = performance.now();

  /** Seconds until there is time again; 0: there is. */
  waitSeconds(): number {
    const now = performance.now();
    this.#leftMs = Math.min(BURST_MS, this.#leftMs + ((now - this.#at) * SHARE_MS) / 1000);
    this.#at = now;
    return this.#leftMs > 0 ? 0 : Math.ceil((1 - this.#leftMs) / SHARE_MS);
  }

  spend(ms: number): void {
    this.#leftMs -= ms;
  }
}

/** Computes, and pays for it: until it is done, or gives way to other work for the first time. */
async function paidBy(budget: Budget, compute: Route): Promise<Answer> {
  const start = performance.now();
  let isPaid = false;
  const pay = (): void => {
    if (!isPaid) budget.spend(performance.now() - start);
    isPaid = true;
  };
  try {
    const answer = compute();
    setImmediate(pay);
    return await answer;
  } finally {
    pay();
  }
}

/** What `answer` becomes, or after a while an excuse. */
function inTime(answer: Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const excuse = later('The answer takes too long.', 1);
    const timer = setTimeout(() => resolve(excuse), PATIENCE_MS).unref();
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A route whose answers are computed by `compute`, one at a time, paid by `budget`. */
export function sharedRoute(compute: Route, budget: Budget): Route {
  let latest: Promise<Answer> | undefined;
  const forget = (): void => {
    setTimeout(() => (latest = undefined), SAMPLE_MS).unref();
  };
  return () => {
    if (latest !== undefined) return latest;
    const wait = budget.waitSeconds();
    if (wait > 0) return later('The monitor has had its share of time.', wait);
    latest = inTime(paidBy(budget, compute));
    latest.then(forget, forget);
    return latest;
  };
}
