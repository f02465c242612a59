// Monitored service: an HTTP service and two workers, each with an arena of its own, watched in every
// way there is. See examples/README.md.
//
//   main -> service          requests, on the main thread
//        -> archive-worker   background work, one arena per worker
//        -> telemetry        the live page, Prometheus, OpenTelemetry
//        -> load, check      with --seconds: requests for a while, then do all the numbers agree?

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { check } from './check';
import { sendRequests } from './load';
import { DigestService } from './service';
import { Telemetry } from './telemetry';

const WORKERS = 2;

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8080' }, seconds: { type: 'string' } },
});

async function listen(service: DigestService, telemetry: Telemetry): Promise<Server> {
  const server = createServer((request, response) => {
    if (telemetry.handles(request)) telemetry.handler(request, response);
    else void service.handle(request, response);
  });
  server.listen(Number(values.port), '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function startWorkers(): Promise<Worker[]> {
  const workers = Array.from(
    { length: WORKERS },
    (_, i) => new Worker(join(__dirname, 'archive-worker.js'), { workerData: `archive-${i + 1}` }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return workers;
}

/** From then on nothing allocates, so every way of counting must come to the same. */
async function silence(workers: readonly Worker[]): Promise<void> {
  for (const worker of workers) worker.postMessage('pause');
  await Promise.all(workers.map((worker) => once(worker, 'message')));
}

async function main(): Promise<void> {
  const service = new DigestService();
  const telemetry = new Telemetry();
  const workers = await startWorkers();
  const server = await listen(service, telemetry);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  console.log(`POST ${url}/digest   live page ${url}/ops/   metrics ${url}/ops/metrics`);
  if (values.seconds === undefined) return;

  const sent = await sendRequests(url, Number(values.seconds) * 1000);
  await silence(workers);
  const agree = await check(url, telemetry, sent);
  server.close();
  await Promise.all(workers.map((worker) => worker.terminate()));
  await telemetry.stop();
  service.close();
  process.exitCode = agree ? 0 : 1;
}

void main();
