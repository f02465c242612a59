// One run: fresh processes, brought together, measured, and ended.

import { join } from 'node:path';
import { Child } from './child';
import type { Rival } from './memory';
import type { FromClient, FromProgram, FromService, ToClient, ToService } from './messages';
import type { Run } from './report';
import { Watchdog, withRelatedFailures } from './watchdog';

/** What is run: which code, and its plan. */
export interface Scene<P> {
  /** Holds `service.js` and `client.js`, or `program.js`. */
  folder: string;
  plan: P;
  /** Operations that the service must have counted in the end. */
  expected: number;
  /** Without any progress for so long, a run has failed. */
  timeoutMs: number;
}

export type OnProgress = (operations: number) => void;

/**
 * A service and its client, a process each.
 *
 * @throws if a byte was wrong, a child failed, or nothing moved for too long. One line per cause: a
 *   service that dies also costs the client its connection.
 */
export async function runPair<P>(
  rival: Rival,
  scene: Scene<P>,
  onProgress: OnProgress = () => undefined,
): Promise<Run> {
  const service = new Child<ToService<P>, FromService>(join(scene.folder, 'service.js'));
  const client = new Child<ToClient<P>, FromClient>(join(scene.folder, 'client.js'));
  const watchdog = new Watchdog(scene.timeoutMs);
  service.onMessage = () => watchdog.calm();
  client.onMessage = (message) => {
    watchdog.calm();
    if (message.type === 'progress') onProgress(message.operations);
  };
  try {
    const failures = [service.failure, client.failure, watchdog.alarm];
    return await Promise.race([conduct(rival, scene, service, client), ...failures]);
  } catch (error) {
    throw await withRelatedFailures(error as Error, [service.failure, client.failure]);
  } finally {
    watchdog.stop();
    service.kill();
    client.kill();
  }
}

async function conduct<P>(
  rival: Rival,
  { plan, expected }: Scene<P>,
  service: Child<ToService<P>, FromService>,
  client: Child<ToClient<P>, FromClient>,
): Promise<Run> {
  client.send({ type: 'prepare', plan });
  const { port: clientPort } = await client.next('listening');
  service.send({ type: 'start', rival, plan, port: clientPort });
  const { port } = await service.next('listening');
  client.send({ type: 'connect', port });
  await client.next('warm');
  service.send({ type: 'mark' });
  await service.next('marked');
  client.send({ type: 'go' });
  const done = await client.next('done');

  service.send({ type: 'report' });
  const { report } = await service.next('report');
  client.send({ type: 'close' });
  await Promise.all([client.ended(), service.ended()]);
  if (report.served !== expected) {
    throw new Error(`the service counted ${report.served} operations, the client ${expected}`);
  }
  return { rival, client: done.report, service: report };
}

/** A program that is its own client, in one process. @throws as {@link runPair}. */
export async function runProgram<P>(rival: Rival, scene: Scene<P>): Promise<Run> {
  const program = new Child<ToService<P>, FromProgram>(join(scene.folder, 'program.js'));
  const watchdog = new Watchdog(scene.timeoutMs);
  try {
    program.send({ type: 'start', rival, plan: scene.plan, port: 0 });
    const done = Promise.race([program.next('done'), program.failure, watchdog.alarm]);
    const { client, service } = await done;
    await program.ended();
    return { rival, client, service };
  } finally {
    watchdog.stop();
    program.kill();
  }
}
