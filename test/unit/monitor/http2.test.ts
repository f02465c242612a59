/**
 * HTTP/2: the handler behind `node:http2`, asked by its own client.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  type ClientHttp2Session,
  connect,
  createSecureServer,
  createServer,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { request } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMonitor, type StatsReply } from '../../../lib/monitor';
import { selfSigned } from '../support/certificate.cjs';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function sessionTo(
  url: string,
  options: { rejectUnauthorized?: boolean } = {},
): ClientHttp2Session {
  const session = connect(url, options);
  closing.unshift(() => session.destroy());
  return session;
}

interface Reply {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers).setEncoding('utf8');
    let got: OutgoingHttpHeaders = {};
    let body = '';
    stream.on('response', (it) => (got = it));
    stream.on('data', (text: string) => (body += text));
    stream.on('end', () => resolve({ status: Number(got[':status']), headers: got, body }));
    stream.on('error', reject).end();
  });
}

const listener = createMonitor().handler;

describe('http2.createServer(handler)', () => {
  test('answers GET and HEAD, and refuses as over HTTP/1', async () => {
    const port = await portOf(createServer((q, r) => listener(q, r)));
    const session = sessionTo(`http://127.0.0.1:${port}`);
    const stats = await ask(session, { ':path': '/stats.json' });
    expect(stats.status).toBe(200);
    expect((JSON.parse(stats.body) as StatsReply).process.pid).toBe(process.pid);
    const page = await ask(session, { ':path': '/' });
    expect(page.body).toMatch(/^<!doctype html>/);
    const head = await ask(session, { ':path': '/', ':method': 'HEAD' });
    expect([head.status, head.body]).toEqual([200, '']);
    expect(head.headers['content-length']).toBe(String(page.body.length));
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'/);
    expect((await ask(session, { ':path': '/metrics' })).status).toBe(200);
    expect((await ask(session, { ':path': '/none' })).status).toBe(404);
    expect((await ask(session, { ':path': '/', ':method': 'POST' })).status).toBe(405);
  });

  test.each([
    [{ ':authority': 'evil.example' }],
    [{ ':authority': 'localhost', host: 'evil.example' }],
    [{ ':authority': 'evil.example', host: 'localhost' }],
    [{ ':authority': 'localhost', 'sec-fetch-site': 'cross-site' }],
    [{ ':authority': 'localhost', origin: 'https://evil.example' }],
  ])('%j is refused', async (headers) => {
    const port = await portOf(createServer((q, r) => listener(q, r)));
    const session = sessionTo(`http://127.0.0.1:${port}`);
    expect((await ask(session, { ':path': '/map.json', ...headers })).status).toBe(403);
  });

  test('names that allowedHosts has, and the origin they stand for, are not', async () => {
    const { handler } = createMonitor({ allowedHosts: ['ops.example.com'] });
    const port = await portOf(createServer((q, r) => handler(q, r)));
    const session = sessionTo(`http://127.0.0.1:${port}`);
    const headers = { ':authority': 'ops.example.com', origin: 'https://ops.example.com' };
    expect((await ask(session, { ':path': '/map.json', ...headers })).status).toBe(200);
  });

  test('a stream that is answered by others, reset or gone is left alone', async () => {
    const register = { contentType: 'text/plain', metrics: () => sleep(60, 'a 1') };
    const { handler } = createMonitor({ register });
    const server = createServer((q, r) => {
      if (q.url === '/metrics?answered') setTimeout(() => r.writeHead(503).end('late'), 20);
      if (q.url === '/metrics?reset') setTimeout(() => r.stream.close(8), 20);
      if (q.url === '/metrics?session') setTimeout(() => r.stream.session?.destroy(), 20);
      handler(q, r);
    });
    const port = await portOf(server);
    const answered = await ask(sessionTo(`http://127.0.0.1:${port}`), {
      ':path': '/metrics?answered',
    });
    expect([answered.status, answered.body]).toEqual([503, 'late']);
    for (const how of ['reset', 'session']) {
      const session = sessionTo(`http://127.0.0.1:${port}`).on('error', () => undefined);
      await ask(session, { ':path': `/metrics?${how}` }).catch(() => undefined);
    }
    await sleep(100);
    const session = sessionTo(`http://127.0.0.1:${port}`);
    expect((await ask(session, { ':path': '/metrics' })).body).toBe('a 1');
  });
});

test('createSecureServer({ allowHTTP1 }) answers both versions', async () => {
  const server = createSecureServer({ ...selfSigned(), allowHTTP1: true }, (q, r) =>
    listener(q, r),
  );
  const port = await portOf(server);
  const session = sessionTo(`https://localhost:${port}`, { rejectUnauthorized: false });
  expect((await ask(session, { ':path': '/stats.json' })).status).toBe(200);
  const old = await new Promise<[number | undefined, string]>((resolve, reject) => {
    const options = { port, path: '/stats.json', rejectUnauthorized: false, agent: false };
    const sent = request(options, (response) => {
      response.resume();
      response.on('end', () => resolve([response.statusCode, response.httpVersion]));
    });
    sent.on('error', reject).end();
  });
  expect(old).toEqual([200, '1.1']);
});
