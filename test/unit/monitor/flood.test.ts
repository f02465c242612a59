/**
 * Flood: ten thousand requests cost a service no more of its time than a few.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connect } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Arena } from '../../../lib/index';
import { createMonitor, type MonitorServer } from '../../../lib/monitor';
import { ask } from '../support/ask';
import { resultOf } from '../support/child';

const arenas: Arena[] = [];
let server: MonitorServer | undefined;

/** A map of 86 KB and more. */
beforeEach(() => {
  for (let i = 0; i < 60; i++) {
    const arena = new Arena({ name: `flooded-${i}` });
    for (let size = 16; size <= 65_536; size += 1024) arena.allocUnsafe(size);
    arenas.push(arena);
  }
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  for (const arena of arenas.splice(0)) arena.destroy();
});

/** Sends the same request many times at once; resolves to the statuses of all answers. */
async function pipelined(port: number, path: string, count: number): Promise<Map<string, number>> {
  const statuses = new Map<string, number>();
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  const last = 'GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(count) + last);
  let tail = '';
  for await (const chunk of socket as AsyncIterable<string>) {
    const text = tail + chunk;
    for (const [line] of text.matchAll(/HTTP\/1\.1 \d\d\d/g)) {
      const status = line.slice(-3);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    tail = /HTTP?\/?[\d.]{0,3} ?\d{0,2}$/.exec(text.slice(-11))?.[0] ?? '';
  }
  return statuses;
}

describe('2,000 pipelined requests', () => {
  test.each(['/map.json', '/stats.json', '/metrics'])(
    'for %s are answered without holding the event loop, others in between',
    async (path) => {
      server = await createMonitor().listen({ port: 0 });
      const { port } = server;
      await ask(port, path);
      const delay = monitorEventLoopDelay({ resolution: 10 });
      delay.enable();
      const flood = { isOver: false };
      const answers = pipelined(port, path, 2000).finally(() => (flood.isOver = true));
      const between: number[] = [];
      while (!flood.isOver) {
        between.push((await ask(port, '/')).status);
        await sleep(5);
      }
      const statuses = await answers;
      delay.disable();
      expect(statuses.get('200')! + (statuses.get('503') ?? 0)).toBe(2000);
      expect(statuses.get('200')).toBeGreaterThan(0);
      expect(between.length).toBeGreaterThan(0);
      expect(new Set(between)).toEqual(new Set([200]));
      expect(delay.max / 1e6).toBeLessThan(1000);
    },
  );
});

/** A registry that takes 100 ms of the thread, and who asks it. */
const COSTLY = `
  const { setTimeout: sleep } = require('node:timers/promises');
  const { createMonitor } = require('hakmem-arena/monitor');
  let calls = 0;
  function burn() { calls++; const end = performance.now() + 100; while (performance.now() < end); }
  const register = { contentType: 'text/plain', metrics: async () => { burn(); return 'a 1'; } };
  async function start() {
    const server = await createMonitor({ register }).listen({ port: 0 });
    return async () => {
      const response = await fetch(server.url + 'metrics');
      await response.text();
      return response;
    };
  }`;

describe('an answer that costs time', () => {
  test('is computed once for all who ask at once', async () => {
    let calls = 0;
    const metrics = (): Promise<string> => sleep(100, `calls ${++calls}\n`);
    server = await createMonitor({ register: { contentType: 'text/plain', metrics } }).listen({
      port: 0,
    });
    expect(await pipelined(server.port, '/metrics', 50)).toEqual(
      new Map([
        ['200', 50],
        ['404', 1],
      ]),
    );
    expect(calls).toBe(1);
  });

  test('is 503 with Retry-After beyond a share of the time, and 200 after that', async () => {
    const report = await resultOf<{
      calls: number;
      ms: number;
      retry: number;
      then: number;
    }>(`${COSTLY}
      start().then(async (ask) => {
        const start = performance.now();
        let retry = 0;
        while (performance.now() < start + 4000) {
          const { status, headers } = await ask();
          if (status === 503) retry = Number(headers.get('retry-after'));
          await sleep(20);
        }
        const counted = calls;
        const ms = performance.now() - start;
        await sleep(retry * 1000);
        console.log(JSON.stringify({ calls: counted, ms, retry, then: (await ask()).status }));
      });`);
    // 500 ms in a row, then 250 ms of each second; each computation is 100 ms and may overdraw.
    expect(report.calls * 100).toBeLessThanOrEqual(500 + report.ms / 4 + 200);
    expect(report.calls).toBeGreaterThanOrEqual(5);
    expect(report.retry).toBeGreaterThanOrEqual(1);
    expect(report.then).toBe(200);
  });

  test('is never seen older than the shortest interval of top', async () => {
    const arena = arenas[0]!;
    server = await createMonitor().listen({ port: 0 });
    const allocs = async (): Promise<number> => {
      const { body } = await ask(server!.port, '/stats.json');
      const { stats } = JSON.parse(body) as { stats: { arenas: { id: number; classes: { allocs: number }[] }[] } }; // prettier-ignore
      const own = stats.arenas.find(({ id }) => id === arena.id)!;
      return own.classes.reduce((sum, row) => sum + row.allocs, 0);
    };
    const before = await allocs();
    arena.allocUnsafe(100);
    await sleep(150);
    expect(await allocs()).toBe(before + 1);
  });
});
