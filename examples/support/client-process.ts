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

/** What has been done, and how long each of the measured operations took. */
export class Sheet {
  readonly latenciesMs: Float64Array;
  done = 0;
  bytes = 0;
  readonly #warmup: number;

  constructor({ operations, warmup }: Plan) {
    this.#warmup = warmup;
    this.latenciesMs = new Float64Array(operations);
  }

  note(operation: number, bytes: number, ms: number): void {
    this.bytes += bytes;
    this.done++;
    if (operation >= this.#warmup) this.latenciesMs[operation - this.#warmup] = ms;
  }
}

/** A client that keeps operations under way by itself. */
export interface LoadClient extends Pick<Client, 'port' | 'connect' | 'close'> {
  /** Operations `from` up to `end`, each noted. @throws if a byte was wrong. */
  play(from: number, end: number, sheet: Sheet): Promise<void>;
}

/** Runs a client for as long as main wants it, and then the process ends. */
export function runClient(prepare: (plan: Plan) => Promise<Client>): void {
  runLoadClient(async (plan) => new Lanes(await prepare(plan), plan.lanes));
}

/** The same for one that keeps operations under way by itself. */
export function runLoadClient(prepare: (plan: Plan) => Promise<LoadClient>): void {
  const link = new ParentLink<ToClient<Plan>, FromClient>();
  process.on('uncaughtException', (error) => link.fail(error));
  conduct(link, prepare).catch((error: unknown) => link.fail(error));
}

async function conduct(
  link: ParentLink<ToClient<Plan>, FromClient>,
  prepare: (plan: Plan) => Promise<LoadClient>,
): Promise<void> {
  const { plan } = await link.next('prepare');
  const client = await prepare(plan);
  link.send({ type: 'listening', port: client.port });
  const { port } = await link.next('connect');
  await client.connect(port);
  const sheet = new Sheet(plan);
  const progress = setInterval(() => {
    link.send({ type: 'progress', operations: sheet.done });
  }, PROGRESS_EVERY_MS);
  await client.play(0, plan.warmup, sheet);
  link.send({ type: 'warm' });

  await link.next('go');
  sheet.bytes = 0;
  const began = performance.now();
  await client.play(plan.warmup, plan.warmup + plan.operations, sheet);
  const elapsedMs = performance.now() - began;
  clearInterval(progress);
  const latencyUs = percentilesUs(sheet.latenciesMs);
  const report = { operations: plan.operations, bytes: sheet.bytes, elapsedMs, latencyUs };
  link.send({ type: 'done', report });

  await link.next('close');
  client.close();
  link.close();
}

/** Operations in lanes: as soon as one of a lane is done, its next begins. */
class Lanes implements LoadClient {
  readonly port: number;
  readonly #client: Client;
  readonly #lanes: number;

  constructor(client: Client, lanes: number) {
    this.port = client.port;
    this.#client = client;
    this.#lanes = lanes;
  }

  connect(port: number): Promise<void> {
    return this.#client.connect(port);
  }

  async play(from: number, end: number, sheet: Sheet): Promise<void> {
    let next = from;
    const lane = async (index: number): Promise<void> => {
      while (next < end) {
        const operation = next++;
        const began = performance.now();
        const bytes = await this.#client.exchange(operation, index);
        sheet.note(operation, bytes, performance.now() - began);
      }
    };
    await Promise.all(Array.from({ length: this.#lanes }, (_, index) => lane(index)));
  }

  close(): void {
    this.#client.close();
  }
}
