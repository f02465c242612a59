/**
 * Guard: what a page of another site can cause is refused before anything is computed for it.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { createMonitor, type MonitorServer } from '../../../lib/monitor';
import { ask } from '../support/ask';

let server: MonitorServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** A monitor that counts how often it computes metrics. */
async function counting(
  allowedHosts: string[] = [],
): Promise<{ port: number; calls: () => number }> {
  let calls = 0;
  const metrics = (): Promise<string> => Promise.resolve(`calls ${++calls}\n`);
  const register = { contentType: 'text/plain', metrics };
  server = await createMonitor({ register, allowedHosts }).listen({ port: 0 });
  return { port: server.port, calls: () => calls };
}

const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

describe('a request that another site has caused', () => {
  test.each([
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ 'Sec-Fetch-Site': 'Cross-Site' }],
    [{ 'sec-fetch-site': 'what is to come' }],
    [{ 'sec-fetch-site': '' }],
    [{ 'sec-fetch-site': 'same-origin, cross-site' }],
    [{ 'sec-fetch-site': 'cross-site', ...NAVIGATION }],
    [{ origin: 'https://evil.example' }],
    [{ origin: 'http://127.0.0.1:1' }],
    [{ origin: 'null' }],
    [{ origin: '' }],
    [{ origin: 'file://' }],
    [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }],
  ])('%j is refused, and nothing is computed', async (headers) => {
    const { port, calls } = await counting();
    for (const path of ['/metrics', '/stats.json', '/map.json', '/main.js']) {
      const reply = await ask(port, path, { headers });
      expect(reply.status).toBe(403);
      expect(reply.body).not.toMatch(/arenas|calls/);
    }
    expect(calls()).toBe(0);
  });

  test('may be a visit: a link to the page, but no frame and no picture', async () => {
    const { port } = await counting();
    const from = (more: Record<string, string>): Promise<number> =>
      ask(port, '/', { headers: { 'sec-fetch-site': 'cross-site', ...more } }).then(
        ({ status }) => status,
      );
    expect(await from(NAVIGATION)).toBe(200);
    expect(await from({})).toBe(403);
    expect(await from({ ...NAVIGATION, 'sec-fetch-dest': 'iframe' })).toBe(403);
    expect(await from({ 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' })).toBe(403);
    expect(await from({ ...NAVIGATION, origin: 'https://evil.example' })).toBe(403);
  });
});

describe('a request that no other site has caused is answered:', () => {
  test('of a program, which says nothing of sites', async () => {
    const { port, calls } = await counting();
    expect((await ask(port, '/metrics')).body).toBe('calls 1\n');
    expect(calls()).toBe(1);
  });

  test('of the page itself', async () => {
    const { port } = await counting();
    for (const site of ['same-origin', 'none']) {
      const headers = { 'sec-fetch-site': site };
      expect((await ask(port, '/stats.json', { headers })).status).toBe(200);
    }
    const headers = { origin: `http://127.0.0.1:${port}` };
    expect((await ask(port, '/stats.json', { headers })).status).toBe(200);
  });

  test('of the page behind a proxy that speaks TLS', async () => {
    const { port } = await counting(['ops.example.com']);
    const headers = { origin: 'https://ops.example.com' };
    for (const host of ['ops.example.com', 'OPS.example.com:443']) {
      expect((await ask(port, '/map.json', { host, headers })).status).toBe(200);
    }
    const elsewhere = { origin: 'https://other.example.com' };
    expect(
      (await ask(port, '/map.json', { host: 'ops.example.com', headers: elsewhere })).status,
    ).toBe(403);
  });
});
