// Child process: a program that is its own client, so that one process has all the costs.

import { performance } from 'node:perf_hooks';
import { percentilesUs } from './latency';
import { ParentLink } from './link';
import { type Memory, openMemory } from './memory';
import type { FromProgram, ToService } from './messages';
import { Meter } from './meter';
import type { Plan } from './plan';

export interface Program {
  /**
   * Operations `from` up to `end`; of each it puts the time into `latenciesMs`, the first at 0.
   *
   * @returns how many bytes were compared. @throws if one was wrong.
   */
  run(from: number, end: number, latenciesMs: Float64Array): number | Promise<number>;
  close(): void | Promise<void>;
}

/** Runs a program in the memory that main names, and then the process ends. */
export function runProgramProcess(
  open: (memory: Memory, plan: Plan) => Program | Promise<Program>,
): void {
  const link = new ParentLink<ToService<Plan>, FromProgram>();
  process.on('uncaughtException', (error) => link.fail(error));
  conduct(link, open).catch((error: unknown) => link.fail(error));
}

async function conduct(
  link: ParentLink<ToService<Plan>, FromProgram>,
  open: (memory: Memory, plan: Plan) => Program | Promise<Program>,
): Promise<void> {
  const { rival, plan } = await link.next('start');
  const { operations, warmup } = plan;
  const memory = await openMemory(rival);
  const program = await open(memory, plan);
  await program.run(0, warmup, new Float64Array(warmup));

  const latenciesMs = new Float64Array(operations);
  const meter = new Meter();
  const began = performance.now();
  const bytes = await program.run(warmup, warmup + operations, latenciesMs);
  const elapsedMs = performance.now() - began;
  const costs = await meter.stop();
  const heapStats = memory.report();
  await program.close();
  await memory.close();

  const latencyUs = percentilesUs(latenciesMs);
  link.send({
    type: 'done',
    client: { operations, bytes, elapsedMs, latencyUs },
    service: { served: warmup + operations, ...costs, ...(heapStats && { heapStats }) },
  });
  link.close();
}
