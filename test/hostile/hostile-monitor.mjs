// Child: the monitor, the exporters and what they are given, with every wrong value in every place.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { metrics } from '@opentelemetry/api';
import { Registry } from 'prom-client';
import { Arena } from 'hakmem-arena';
import { createMonitor } from 'hakmem-arena/monitor';
import { observeHeapStats } from 'hakmem-arena/otel';
import { collectHeapStats } from 'hakmem-arena/prometheus';
import { announce, complain, countCall, finish } from './report.mjs';
import { Hostile, VALUES } from './hostile-values.mjs';

const arena = new Arena({ name: 'watched' });
const witness = arena.from('kept from harm');

const isCoded = (error) =>
  typeof error?.code === 'string' || error instanceof Hostile || /revoked/.test(error?.message);

async function attempt(call, act) {
  announce(call);
  countCall();
  try {
    await act();
  } catch (error) {
    if (!isCoded(error)) complain(call, `threw without a code: ${String(error?.stack)}`);
  }
}

async function tryAll(name, act) {
  for (const [valueName, make] of VALUES) {
    await attempt(`${name}: ${valueName}`, () => act(make()));
  }
}

await tryAll('createMonitor', (options) => void createMonitor(options));
for (const option of ['title', 'basePath', 'allowedHosts', 'register']) {
  await tryAll(`createMonitor({ ${option} })`, (value) => void createMonitor({ [option]: value }));
}
const monitor = createMonitor();
const listenAndClose = async (options) => {
  const server = await monitor.listen(options);
  await server.close();
};
await tryAll('listen', (options) => listenAndClose(options === undefined ? { port: 0 } : options));
await tryAll('listen({ port })', (port) => port !== undefined && listenAndClose({ port }));
await tryAll('listen({ host })', async (host) => {
  // Names would be looked up.
  if (typeof host !== 'string' || host === '') await listenAndClose({ port: 0, host });
});

const provider = (act) => ({ getMeter: () => act });
await tryAll('observeHeapStats', (options) => observeHeapStats(options)?.());
for (const option of ['maxArenas', 'arenaLabel', 'meterProvider']) {
  await tryAll(`observeHeapStats({ ${option} })`, (value) =>
    observeHeapStats({ [option]: value })?.(),
  );
}
await attempt('a meter that throws', () => {
  const broken = provider({ createObservableCounter: () => { throw new Hostile('meter'); } }); // prettier-ignore
  observeHeapStats({ meterProvider: broken });
});
metrics.disable();

await tryAll('collectHeapStats', (registry) => void collectHeapStats(registry));
await tryAll('collectHeapStats(registry, options)', (options) => {
  collectHeapStats(new Registry(), options);
});
for (const option of ['maxArenas', 'arenaLabel', 'prefix']) {
  await tryAll(`collectHeapStats({ ${option} })`, (value) => {
    collectHeapStats(new Registry(), { [option]: value });
  });
}
// A label that is no string is found out when metrics are read, and told to whoever reads.
await tryAll('a label that arenaLabel returns', async (label) => {
  const registry = new Registry();
  collectHeapStats(registry, { arenaLabel: () => label });
  await registry.metrics().catch(() => undefined);
});

// Requests as no client writes them.
const server = createServer((request, response) => monitor.handler(request, response));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();
const { connect } = await import('node:net');
const HOST = `Host: 127.0.0.1:${port}`;
const REQUESTS = {
  'no host': 'GET / HTTP/1.1\r\n\r\n',
  'no host, HTTP/1.0': 'GET /stats.json HTTP/1.0\r\n\r\n',
  'two hosts': `GET / HTTP/1.1\r\n${HOST}\r\nHost: evil\r\n\r\n`,
  'a host of nothing': 'GET /stats.json HTTP/1.1\r\nHost: \r\n\r\n',
  'a host of brackets': 'GET /stats.json HTTP/1.1\r\nHost: [[::1]\r\n\r\n',
  'a host with a bad port': 'GET /stats.json HTTP/1.1\r\nHost: 127.0.0.1:99999999\r\n\r\n',
  'another method': `BREW /stats.json HTTP/1.1\r\n${HOST}\r\n\r\n`,
  'a method it must not take': `DELETE /stats.json HTTP/1.1\r\n${HOST}\r\n\r\n`,
  'an absolute path': `GET http://evil/stats.json HTTP/1.1\r\n${HOST}\r\n\r\n`,
  'an asterisk': `OPTIONS * HTTP/1.1\r\n${HOST}\r\n\r\n`,
  'dots upwards': `GET /../../etc/passwd HTTP/1.1\r\n${HOST}\r\n\r\n`,
  'broken escapes': `GET /%ff%zz HTTP/1.1\r\n${HOST}\r\n\r\n`,
  __proto__: `GET /__proto__ HTTP/1.1\r\n${HOST}\r\n\r\n`,
  'a body': `GET /stats.json HTTP/1.1\r\n${HOST}\r\nContent-Length: 5\r\n\r\nhello`,
  'a long path': `GET /${'a'.repeat(10_000)} HTTP/1.1\r\n${HOST}\r\n\r\n`,
  'an upgrade': `GET /map.json HTTP/1.1\r\n${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  nothing: '\r\n\r\n',
  'no HTTP': '\0\x01\x02\xff\r\n\r\n',
};
for (const [name, text] of Object.entries(REQUESTS)) {
  await attempt(`a request with ${name}`, async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(text, 'latin1');
    let reply = '';
    socket.setEncoding('latin1').on('data', (chunk) => (reply += chunk));
    await once(socket, 'close');
    if (reply.startsWith('HTTP/1.1 5')) throw new Error(reply.slice(0, 200));
    if (/evil|brackets|upwards|__proto__/.test(name) && reply.startsWith('HTTP/1.1 200')) {
      throw new Error('answered what it must refuse');
    }
  });
}
server.close();
server.closeAllConnections();

if (witness.toString() !== 'kept from harm' || !arena.owns(witness)) {
  complain('all of it', 'harmed an arena');
}
finish();
process.exit();
