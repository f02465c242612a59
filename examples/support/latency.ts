// Latencies to percentiles.

export interface Percentiles {
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

/** Nearest rank, in microseconds. Sorts `latenciesMs`. */
export function percentilesUs(latenciesMs: Float64Array): Percentiles {
  const sorted = latenciesMs.sort();
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1]! * 1000;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}
