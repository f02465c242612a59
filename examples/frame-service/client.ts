// Child process: the client. Makes its plan, connects, warms the service up, and then sends and checks the
// measured frames.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { ClientConnection, type Traffic } from './client-connection';
import { percentilesUs } from '../support/latency';
import { ParentLink } from '../support/link';
import type { ClientReport, FromClient, ToClient } from '../support/messages';
import { makePlan, type Plan } from './plan';
import type { Scenario } from './scenario';

const PROGRESS_EVERY_MS = 200;

const link = new ParentLink<ToClient<Scenario>, FromClient>();

/** Sends frames up to sequence number `end`. @returns when all of them are answered, in ms. */
async function runPhase(
  traffic: Traffic,
  connections: ClientConnection[],
  end: number,
): Promise<number> {
  const began = performance.now();
  await new Promise<void>((resolve) => {
    traffic.onPhaseEnd = resolve;
    traffic.end = end;
    for (const connection of connections) connection.send();
  });
  return performance.now() - began;
}

/** Tells main how far it is, but only if it is further than last time: standing still is silent. */
function reportProgress(traffic: Traffic): NodeJS.Timeout {
  let told = 0;
  return setInterval(() => {
    if (traffic.answered === told) return;
    told = traffic.answered;
    link.send({ type: 'progress', operations: Math.max(0, told - traffic.measureFrom) });
  }, PROGRESS_EVERY_MS);
}

function summarise(traffic: Traffic, elapsedMs: number): ClientReport {
  const { plan, measureFrom, end } = traffic;
  let bytes = 0;
  for (let sequence = measureFrom; sequence < end; sequence++) {
    bytes += plan.payloadBytes[sequence % plan.lapFrames]!;
  }
  const latencyUs = percentilesUs(traffic.latenciesMs);
  return { operations: end - measureFrom, bytes, elapsedMs, latencyUs };
}

function makeTraffic(scenario: Scenario, plan: Plan): Traffic {
  return {
    plan,
    next: 0,
    end: 0,
    answered: 0,
    measureFrom: scenario.warmupFrames,
    latenciesMs: new Float64Array(scenario.frames),
    onFailure: (error) => link.fail(error),
    onPhaseEnd: () => undefined,
  };
}

async function connectAll(port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () =>
    connect({ host: '127.0.0.1', port, noDelay: true }),
  );
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

async function main(): Promise<void> {
  const { plan: scenario } = await link.next('prepare');
  const traffic = makeTraffic(scenario, makePlan(scenario));
  link.send({ type: 'listening', port: 0 });

  const { port } = await link.next('connect');
  const sockets = await connectAll(port, scenario.connections);
  const connections = sockets.map((s) => new ClientConnection(traffic, scenario.window, s));
  const progress = reportProgress(traffic);
  await runPhase(traffic, connections, scenario.warmupFrames);
  link.send({ type: 'warm' });

  await link.next('go');
  const end = scenario.warmupFrames + scenario.frames;
  const elapsedMs = await runPhase(traffic, connections, end);
  clearInterval(progress);
  link.send({ type: 'done', report: summarise(traffic, elapsedMs) });

  await link.next('close');
  for (const connection of connections) connection.close();
  link.close();
}

main().catch((error: unknown) => link.fail(error));
