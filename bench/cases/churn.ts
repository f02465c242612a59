// Churn: a service with 50 requests in flight. A request takes 8 Buffers when it starts and is done
// when 49 others have started; beside them a heap lives that the garbage collector has to walk.

import { setImmediate } from 'node:timers/promises';
import type { Case, Figures } from '../case';
import { watchCollections } from '../collections';
import { nextRandom, SEED } from '../random';
import { makeRival, type Rival, type Touchable } from '../rivals';

const BUFFERS = 8;
const IN_FLIGHT = 50;
const MIN = 512;
const MAX = 16 * 1024;
const OTHER_OBJECTS = 200_000;
/** Requests between two turns of the event loop, which is when collections are reported. */
const BATCH = 500;

interface Request {
  readonly id: number;
  readonly buffers: Touchable[];
}

class Service {
  readonly #rival: Rival;
  readonly #inFlight = new Array<Request | undefined>(IN_FLIGHT).fill(undefined);
  #started = 0;
  #random = SEED;

  constructor(rival: Rival) {
    this.#rival = rival;
  }

  /** The oldest request ends, a new one starts. */
  step(): void {
    const at = this.#started % IN_FLIGHT;
    const oldest = this.#inFlight[at];
    if (oldest) this.#end(oldest);
    this.#inFlight[at] = this.#start();
  }

  #start(): Request {
    const buffers: Touchable[] = [];
    for (let i = 0; i < BUFFERS; i++) {
      this.#random = nextRandom(this.#random);
      const length = MIN + (this.#random % (MAX - MIN + 1));
      const buffer = this.#rival.alloc(length);
      buffer[0] = buffer[length - 1] = 1;
      buffers.push(buffer);
    }
    return { id: this.#started++, buffers };
  }

  #end({ buffers }: Request): void {
    for (let i = 0; i < BUFFERS; i++) this.#rival.free(buffers[i]!);
  }
}

/** Milliseconds of each request, in order. */
async function serve(service: Service, requests: number): Promise<Float64Array> {
  const times = new Float64Array(requests);
  for (let i = 0; i < requests; i++) {
    if (i % BATCH === 0) await setImmediate();
    const start = performance.now();
    service.step();
    times[i] = performance.now() - start;
  }
  return times;
}

/** Microseconds that so many of the requests do not exceed. */
function percentiles(times: Float64Array): Figures {
  const sorted = times.toSorted();
  const us = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1]! * 1e3;
  return { p50: us(0.5), p99: us(0.99), 'p99.9': us(0.999), 'p99.99': us(0.9999) };
}

/** The rest of a service's heap. */
function otherObjects(count: number): object[] {
  return Array.from({ length: count }, (_, i) => ({
    id: i,
    name: `object ${i}`,
    tags: [i, i + 1],
  }));
}

async function play(rivalName: string, quick: boolean): Promise<Figures> {
  const requests = quick ? 200 : 200_000;
  const service = new Service(await makeRival(rivalName, { bytes: 2 * IN_FLIGHT * BUFFERS * MAX }));
  const others = otherObjects(quick ? 1000 : OTHER_OBJECTS);
  await serve(service, requests / 10);
  const collections = watchCollections();
  const start = performance.now();
  const times = await serve(service, requests);
  const seconds = (performance.now() - start) / 1e3;
  const { count, ms } = await collections.stop();
  const rss = process.memoryUsage.rss() / 2 ** 20;
  if (others.length === 0) throw new Error('the heap was not kept');
  return {
    requests: requests / seconds,
    ...percentiles(times),
    GCs: count,
    'GC time': ms,
    RSS: rss,
  };
}

export const churn: Case = {
  name: 'churn',
  about:
    `${BUFFERS} Buffers of 0.5..16 KB per request, ${IN_FLIGHT} requests in flight, ` +
    `200,000 other objects, 200,000 requests`,
  metrics: [
    { name: 'requests', unit: '/s', better: 'higher' },
    { name: 'p50', unit: 'us', better: 'lower' },
    { name: 'p99', unit: 'us', better: 'lower' },
    { name: 'p99.9', unit: 'us', better: 'lower' },
    { name: 'p99.99', unit: 'us', better: 'lower' },
    { name: 'GCs', unit: '', better: 'lower' },
    { name: 'GC time', unit: 'ms', better: 'lower' },
    { name: 'RSS', unit: 'MB' },
  ],
  rivals: [
    'arena',
    'Buffer.allocUnsafe',
    'Buffer.allocUnsafeSlow',
    'Buffer.alloc',
    'typedarray-pool',
  ],
  targets: [
    { metric: 'requests', against: 'Buffer.allocUnsafe', times: 5 },
    { metric: 'p99.9', against: 'Buffer.allocUnsafe', times: 20 },
    { metric: 'GC time', against: 'Buffer.allocUnsafe', times: 3 },
  ],
  play,
};
