// Child process: a service, in the memory that it is told to use. Reports what it cost.

import { ParentLink } from './link';
import { type Memory, openMemory } from './memory';
import type { FromService, ToService } from './messages';
import { Meter } from './meter';

export interface Service {
  /** Where it listens; 0: nowhere. */
  readonly port: number;
  /** How much it has served so far. */
  readonly served: number;
  /** The client is about to hang up. Resolves when all memory has been given back. */
  close(): Promise<void>;
}

/** @param clientPort where the client listens, for a service that dials in. */
export type OpenService<P> = (memory: Memory, plan: P, clientPort: number) => Promise<Service>;

/** Runs a service for as long as main wants it, and then the process ends. */
export function runService<P>(open: OpenService<P>): void {
  const link = new ParentLink<ToService<P>, FromService>();
  process.on('uncaughtException', (error) => link.fail(error));
  conduct(link, open).catch((error: unknown) => link.fail(error));
}

async function conduct<P>(
  link: ParentLink<ToService<P>, FromService>,
  open: OpenService<P>,
): Promise<void> {
  const { rival, plan, port } = await link.next('start');
  const memory = await openMemory(rival);
  const service = await open(memory, plan, port);
  link.send({ type: 'listening', port: service.port });

  await link.next('mark');
  const meter = new Meter();
  link.send({ type: 'marked' });

  await link.next('report');
  const costs = await meter.stop();
  const heapStats = memory.report();
  const report = { served: service.served, ...costs, ...(heapStats && { heapStats }) };
  link.send({ type: 'report', report });

  await service.close();
  await memory.close();
  link.close();
}
