// Child: uses everything the package offers, and prints what happened, as one JSON value in which nothing
// depends on time or place. Two runs must print the same, whatever is preloaded.

import { once } from 'node:events';
import { connect } from 'node:net';
import { createRequire } from 'node:module';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import * as sdk from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';
import { Arena, Channel, formatHeapStats, heapMap, heapRates, heapStats } from 'hakmem-arena';
import { createMonitor } from 'hakmem-arena/monitor';
import { observeHeapStats } from 'hakmem-arena/otel';
import { collectHeapStats } from 'hakmem-arena/prometheus';

// What is preloaded may spoil what CommonJS modules do when they are loaded; that is not what is looked at.
createRequire(import.meta.url)('./pollution.cjs');

const seen = [];
const see = (what, value) => seen.push([what, value]);
const warnings = [];
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message.split('\n')[0]}`));

/** The codes of what is thrown. */
function codeOf(act) {
  try {
    act();
    return 'no error';
  } catch (error) {
    return Object.hasOwn(error, 'code') ? error.code : String(error);
  }
}

/** Names of all fields, however deep; of lists those of the first element. */
function shapeOf(value) {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.keys(value).map((name) => [name, shapeOf(value[name])]);
}

async function useArena(what, options) {
  const arena = options === undefined ? new Arena() : new Arena(options);
  const view = arena.alloc(100, 7);
  arena.free(view);
  const again = arena.allocUnsafe(100);
  see(what, {
    name: arena.name.replace(/\d+$/, 'N'),
    isRecycled: view === again,
    isKept: again[0] === 7,
    live: arena.liveBlocks().length,
    stats: shapeOf(arena.stats()),
    maxBytes: arena.stats().maxBytes,
    mapped: arena.stats().bytes.committed,
    bins: arena.stats().classes.map(({ bins }) => bins.length),
    own: Object.keys(again).length,
  });
  see(`${what}: errors`, [
    codeOf(() => arena.allocUnsafe(-1)),
    codeOf(() => arena.allocUnsafe('1')),
    codeOf(() => arena.free(Buffer.alloc(1))),
    codeOf(() => arena.allocTyped({}, 1)),
    codeOf(() => arena.openScope().keep(view)),
  ]);
  const typed = arena.allocTyped(Float64Array, 10);
  const text = arena.from('text');
  arena.scope((scope) => scope.from([1, 2, 3]));
  const grown = arena.realloc(text, 5000);
  arena.tag(grown, 'grown');
  see(`${what}: views`, [
    typed.length,
    grown.toString('latin1', 0, 4),
    arena.owns(grown),
    arena.usableSize(grown),
    arena.copyOut(grown).length,
  ]);
  arena.retain(grown);
  arena.free(grown);
  arena.release(grown);
  const kept = arena.from('written');
  const sink = new PassThrough();
  await arena.freeAfterWrite(sink, kept);
  arena.writeAndFree(sink, arena.from('written'));
  await arena.freeAfter(arena.from('promised'), Promise.resolve(1));
  arena.reset();
  arena.trim();
  see(`${what}: after`, [arena.stats().bytes.live, kept.length]);
  arena.destroy();
  see(
    `${what}: destroyed`,
    codeOf(() => arena.alloc(1)),
  );
}

/** A request as it is written here, to the last byte. */
async function ask(port, first, ...headers) {
  // Node reads what is missing here wherever it finds it.
  const unset = {
    fd: undefined,
    localAddress: undefined,
    allowHalfOpen: false,
    timeout: undefined,
  };
  const socket = connect({ __proto__: null, port, host: '127.0.0.1', family: 4, ...unset });
  socket.setEncoding('latin1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk));
  socket.on('error', () => (text = 'error'));
  socket.write([`${first} HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n'));
  await once(socket, 'close');
  const [head, ...rest] = text.split('\r\n\r\n');
  const lines = head.split('\r\n').filter((line) => !/^(Date|Content-Length):/i.test(line));
  return { lines, body: rest.join('\r\n\r\n') };
}

async function useMonitor() {
  const arena = new Arena({ name: 'watched' });
  arena.alloc(1000);
  for (const [base, options] of [
    ['', undefined],
    ['', {}],
    ['', { title: 'mine' }],
    ['/mine', { basePath: '/mine' }],
  ]) {
    // prettier-ignore
    const monitor = createMonitor(options);
    const server = await monitor.listen({ port: 0 });
    const { port, url } = server;
    see('the monitor is at', url.replace(String(port), 'PORT'));
    for (const path of ['/', '/stats.json', '/map.json', '/metrics', '/main.js', '/none']) {
      const { lines, body } = await ask(port, `GET ${base}${path}`, 'Host: localhost');
      const isJson = path.endsWith('.json');
      const shown = isJson ? shapeOf(JSON.parse(body)) : body.replaceAll(/ \d[\d.e+]*$/gm, ' N');
      see(`GET ${path}`, [lines, shown]);
    }
    for (const [first, ...headers] of [
      [`HEAD ${base}/`, 'Host: localhost'],
      [`GET ${base}/`, 'Host: evil.example'],
      [`GET ${base}/`, 'Host: '],
      [`GET ${base}/stats.json`, 'Host: localhost', 'Sec-Fetch-Site: cross-site'],
      [`GET ${base}/stats.json`, 'Host: localhost', 'Sec-Fetch-Site: same-origin'],
      [`GET ${base}/stats.json`, 'Host: localhost', 'Origin: https://evil.example'],
      [`GET ${base}/stats.json`, 'Host: localhost', 'Origin: http://localhost'],
      [`POST ${base}/stats.json`, 'Host: localhost', 'Content-Length: 0'],
      ['GET /polluted/stats.json', 'Host: localhost'],
    ]) {
      see(`${first} ${headers.join()}`, (await ask(port, first, ...headers)).lines);
    }
    await server.close();
  }
  see('port of nothing', await createMonitor().listen({}).then(async (it) => { await it.close(); return it.url; }, (error) => error.code)); // prettier-ignore
  const throwing = { contentType: 'text/plain', metrics: () => { throw new Error('mine'); } }; // prettier-ignore
  const server = await createMonitor({ register: throwing }).listen({ port: 0 });
  see('a failing registry', await ask(server.port, 'GET /metrics', 'Host: localhost'));
  await server.close();
  arena.destroy();
}

async function useExporters() {
  const arenas = ['one', 'two', 'two'].map((name) => new Arena({ name }));
  for (const arena of arenas) arena.alloc(1000);
  for (const options of [undefined, {}, { maxArenas: 5 }]) {
    const registry = new Registry();
    collectHeapStats(registry, options);
    see('Prometheus', (await registry.metrics()).replaceAll(/ \d[\d.e+]*$/gm, ' N'));
    const exporter = new sdk.InMemoryMetricExporter(sdk.AggregationTemporality.CUMULATIVE);
    const reader = new sdk.PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: 2 ** 30,
      exportTimeoutMillis: 10_000,
    });
    const meterProvider = new sdk.MeterProvider({ readers: [reader], views: [] });
    const stop = observeHeapStats({ ...options, meterProvider });
    await reader.forceFlush();
    const metrics = exporter.getMetrics().flatMap((one) => one.scopeMetrics.flatMap((it) => it.metrics)); // prettier-ignore
    const told = ({ descriptor, dataPoints }) => [
      { ...descriptor },
      dataPoints.map(({ attributes }) => Object.entries(attributes)),
    ];
    see('OpenTelemetry', metrics.map(told));
    stop();
    await meterProvider.shutdown();
  }
  see(
    'no provider',
    codeOf(() => observeHeapStats({ meterProvider: 5 })),
  );
  for (const arena of arenas) arena.destroy();
}

/** Large messages need the addon. */
const LENGTHS = heapStats().backend.name === 'wasm' ? [0, 100] : [0, 100, 5000];

async function useChannel() {
  for (const options of [undefined, {}, { capacity: 2 }]) {
    const arena = new Arena();
    const [left, right] = new Channel(options).ends.map((handle) => Channel.open(handle, arena));
    const got = [];
    for (const length of LENGTHS) {
      const view = arena.alloc(length, 'x');
      if (!left.send(view, [length, 0.5], 'tag')) arena.free(view);
    }
    left.send(arena.from('without'));
    await right.receive((buffer, header, tag) => {
      got.push([buffer.length, buffer.toString('latin1', 0, 7), ...header, tag, right.tag]);
      if (got.length === left.stats().sent) right.close();
    });
    see('a channel', [got, shapeOf(left.stats()), arena.stats().lending.away, right.closed]);
    see('errors of a channel', [
      codeOf(() => left.send(arena.alloc(1))),
      codeOf(() => new Channel({ capacity: 0 })),
      codeOf(() => Channel.open({}, arena)),
      codeOf(() => Channel.open(Object.create(new Channel().ends[0]), arena)),
    ]);
    arena.destroy();
  }
}

async function useStatistics() {
  const arena = new Arena({ name: 'counted' });
  arena.alloc(100);
  const before = heapStats();
  await sleep(5);
  const text = (stats) => formatHeapStats(stats).replaceAll(/=\d+/g, '=N');
  see('statistics', [shapeOf(before), shapeOf(heapMap()), shapeOf(heapRates(before, heapStats()))]);
  see('text', [text(before), text(arena.stats())]);
  see('no statistics', [codeOf(() => formatHeapStats({})), codeOf(() => heapRates({}, before))]);
  arena.destroy();
}

/** Finds mistakes, for their warnings. */
function makeMistakes() {
  const arena = new Arena({ name: 'mistaken', guard: { sampleRate: 1 } });
  const view = arena.alloc(100);
  arena.free(view);
  see(
    'a double free',
    codeOf(() => arena.free(view)),
  );
  see('options', [
    codeOf(() => new Arena({ guard: {} })),
    codeOf(() => new Arena({ reclaim: 'gc' })),
    codeOf(() => new Arena({ unknown: 1 })),
    codeOf(() => createMonitor({ title: 5 })),
  ]);
  arena.destroy();
}

await useArena('new Arena()', undefined);
await useArena('new Arena({})', {});
await useArena('new Arena({ name })', { name: 'mine' });
await useArena('new Arena({ guard })', { guard: { sampleRate: 1000 } });
await useChannel();
await useStatistics();
makeMistakes();
await useMonitor();
await useExporters();
await sleep(20);
see('warnings', warnings);
for (const name of Object.keys(Object.prototype)) delete Object.prototype[name];
console.log(JSON.stringify(seen));
