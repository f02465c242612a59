// What a process costs: garbage collections, processor time, resident memory.

import { constants, PerformanceObserver, performance } from 'node:perf_hooks';
import type { PerformanceEntry } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';

type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

export interface Costs {
  gcCount: number;
  gcMajorCount: number;
  gcMs: number;
  cpuMs: number;
  /** Since the process began. */
  rssPeakBytes: number;
  rssEndBytes: number;
}

/** Measures from its construction on. */
export class Meter {
  readonly #observer = new PerformanceObserver((list) => this.#count(list.getEntries()));
  readonly #cpu = process.cpuUsage();
  readonly #since = performance.now();
  #gcCount = 0;
  #gcMajorCount = 0;
  #gcMs = 0;

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  async stop(): Promise<Costs> {
    const { user, system } = process.cpuUsage(this.#cpu);
    const rssEndBytes = process.memoryUsage.rss();
    const rssPeakBytes = Math.max(process.resourceUsage().maxRSS * 1024, rssEndBytes);
    await turn(); // collections are reported to the observer a turn later
    this.#count(this.#observer.takeRecords());
    this.#observer.disconnect();
    return {
      gcCount: this.#gcCount,
      gcMajorCount: this.#gcMajorCount,
      gcMs: this.#gcMs,
      cpuMs: (user + system) / 1000,
      rssPeakBytes,
      rssEndBytes,
    };
  }

  #count(entries: PerformanceEntry[]): void {
    for (const entry of entries) {
      if (entry.startTime < this.#since) continue;
      this.#gcCount++;
      if ((entry as GcEntry).detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) {
        this.#gcMajorCount++;
      }
      this.#gcMs += entry.duration;
    }
  }
}
