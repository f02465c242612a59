// Child process: a client that keeps some operations under way, and times each.

import { performance } from 'node:perf_hooks';
import { percentilesUs } from './latency';
import { ParentLink } from './link';
import type { FromClient, ToClient } from './messages';
import type { Plan } from './plan';

const PROGRESS_EVERY_MS = 1000;

export interface Client {
  /** Where it listens, for a service that dials in; 0: nowhere. */
  readonly port: number;
  connect(port: number): Promise<void>;
  /**
   * One operation, in one of the plan's lanes; a lane has one under way at a time.
   *
   * @returns how many bytes were compared. @throws if one was wrong.
   */
  exchange(operation: number, lane: number): Promise<number>;
  close(): void;
}

/** Runs a client for as long as main wants it, and then the process ends. */
export function runClient(prepare: (plan: Plan) => Promise<Client>): void {
  const link = new ParentLink<ToClient<Plan>, FromClient>();
  process.on('uncaughtException', (error) => link.fail(error));
  conduct(link, prepare).catch((error: unknown) => link.fail(error));
}

async function conduct(
  link: ParentLink<ToClient<Plan>, FromClient>,
  prepare: (plan: Plan) => Promise<Client>,
): Promise<void> {
  const { plan } = await link.next('prepare');
  const client = await prepare(plan);
  link.send({ type: 'listening', port: client.port });
  const { port } = await link.next('connect');
  await client.connect(port);
  const load = new Load(client, plan);
  const progress = setInterval(() => {
    link.send({ type: 'progress', operations: load.done });
  }, PROGRESS_EVERY_MS);
  await load.run(0, plan.warmup);
  link.send({ type: 'warm' });

  await link.next('go');
  load.bytes = 0;
  const elapsedMs = await load.run(plan.warmup, plan.warmup + plan.operations);
  clearInterval(progress);
  const latencyUs = percentilesUs(load.latenciesMs);
  const report = { operations: plan.operations, bytes: load.bytes, elapsedMs, latencyUs };
  link.send({ type: 'done', report });

  await link.next('close');
  client.close();
  link.close();
}

/** Operations in lanes: as soon as one of a lane is done, its next begins. */
class Load {
  readonly latenciesMs: Float64Array;
  done = 0;
  bytes = 0;
  readonly #client: Client;
  readonly #plan: Plan;

  constructor(client: Client, plan: Plan) {
    this.#client = client;
    this.#plan = plan;
    this.latenciesMs = new Float64Array(plan.operations);
  }

  /** Operations `from` up to `end`. @returns milliseconds. */
  async run(from: number, end: number): Promise<number> {
    const began = performance.now();
    let next = from;
    const lane = async (index: number): Promise<void> => {
      while (next < end) await this.#timed(next++, index);
    };
    await Promise.all(Array.from({ length: this.#plan.lanes }, (_, index) => lane(index)));
    return performance.now() - began;
  }

  async #timed(operation: number, lane: number): Promise<void> {
    const began = performance.now();
    const bytes = await this.#client.exchange(operation, lane);
    this.bytes += bytes;
    this.done++;
    const measured = operation - this.#plan.warmup;
    if (measured >= 0) this.latenciesMs[measured] = performance.now() - began;
  }
}
