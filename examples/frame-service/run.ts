// One run: a fresh service and a fresh client, brought together, measured, and ended.

import { Child } from './child';
import type { Options } from './cli';
import type { Rival } from './memory';
import type {
  ClientReport,
  FromClient,
  FromService,
  ServiceReport,
  ToClient,
  ToService,
} from './messages';

export interface Run {
  rival: Rival;
  client: ClientReport;
  service: ServiceReport;
}

export type OnProgress = (frames: number) => void;

/**
 * @throws if a byte was wrong, a child failed, or nothing moved for too long. One line per cause: a
 *   service that dies also costs the client its connection.
 */
export async function runRival(
  rival: Rival,
  options: Options,
  onProgress: OnProgress,
): Promise<Run> {
  const service = new Child<ToService, FromService>('service');
  const client = new Child<ToClient, FromClient>('client');
  const watchdog = new Watchdog(options.timeoutMs);
  service.onMessage = () => watchdog.calm();
  client.onMessage = (message) => {
    watchdog.calm();
    if (message.type === 'progress') onProgress(message.frames);
  };
  try {
    const failures = [service.failure, client.failure, watchdog.alarm];
    return await Promise.race([conduct(rival, options, service, client), ...failures]);
  } catch (error) {
    throw await withRelatedFailures(error as Error, [service.failure, client.failure]);
  } finally {
    watchdog.stop();
    service.kill();
    client.kill();
  }
}

async function conduct(
  rival: Rival,
  { scenario }: Options,
  service: Child<ToService, FromService>,
  client: Child<ToClient, FromClient>,
): Promise<Run> {
  client.send({ type: 'prepare', scenario });
  const { port } = await client.next('listening');
  service.send({ type: 'start', rival, scenario, port });
  await client.next('warm');
  service.send({ type: 'mark' });
  await service.next('marked');
  client.send({ type: 'go' });
  const done = await client.next('done');

  service.send({ type: 'report' });
  const { report } = await service.next('report');
  client.send({ type: 'close' });
  await Promise.all([client.ended(), service.ended()]);
  const expected = scenario.frames + scenario.warmupFrames;
  if (report.framesServed !== expected) {
    throw new Error(`the service counted ${report.framesServed} frames, the client ${expected}`);
  }
  return { rival, client: done.report, service: report };
}

/** Barks when nobody has said anything for too long. */
class Watchdog {
  readonly alarm: Promise<never>;
  readonly #timer: NodeJS.Timeout;

  constructor(timeoutMs: number) {
    let bark: (error: Error) => void = () => undefined;
    this.alarm = new Promise((_, reject) => (bark = reject));
    this.alarm.catch(() => undefined);
    this.#timer = setTimeout(
      () => bark(new Error(`no progress for ${timeoutMs / 1000} s: given up`)),
      timeoutMs,
    );
  }

  calm(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

const RELATED_WITHIN_MS = 300;

/** @returns `first`, or an error with a line for each of the failures that follow at once. */
async function withRelatedFailures(first: Error, failures: Promise<never>[]): Promise<Error> {
  const messages = new Set([first.message]);
  for (const failure of failures)
    failure.catch((error: unknown) => messages.add((error as Error).message));
  await new Promise((resolve) => setTimeout(resolve, RELATED_WITHIN_MS));
  return new Error([...messages].join('\n'), { cause: first });
}
