// Collections: how often the garbage collector ran, and how long.

import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';

export interface Collections {
  count: number;
  ms: number;
}

/** Counts collections from now until `stop`. */
export function watchCollections(): { stop: () => Promise<Collections> } {
  const seen: Collections = { count: 0, ms: 0 };
  const add = (entries: readonly PerformanceEntry[]): void => {
    for (const { duration } of entries) {
      seen.count++;
      seen.ms += duration;
    }
  };
  const observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  return {
    stop: async () => {
      await setTimeout(10); // entries arrive in a later turn of the event loop
      add(observer.takeRecords());
      observer.disconnect();
      return seen;
    },
  };
}
