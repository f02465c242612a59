import { afterEach, describe, expect, test } from '@jest/globals';
import { AggregatorRegistry, Registry, type RegistryContentType } from 'prom-client';
import { Arena, Channel, adopt, release } from '../../../lib/index';
import { METRICS } from '../../../lib/monitor/metrics';
import { observeHeapStats } from '../../../lib/monitor/otel';
import { type PrometheusOptions, collectHeapStats } from '../../../lib/monitor/prometheus';
import { onlyNative } from '../support/backend';
import { codeOf, expectCode } from '../support/codes';

const arenas: Arena[] = [];

function arenaNamed(name: string): Arena {
  const arena = new Arena({ name });
  arenas.push(arena);
  return arena;
}

afterEach(() => {
  for (const arena of arenas.splice(0)) arena.destroy();
});

function registryWith(options?: PrometheusOptions): Registry {
  const registry = new Registry();
  collectHeapStats(registry, options);
  return registry;
}

interface Value {
  readonly labels: Partial<Record<string, string | number>>;
  readonly value: number;
}

type Metrics = Registry<RegistryContentType>;

async function valuesOf(registry: Metrics, name: string): Promise<readonly Value[]> {
  const metric = await registry.getSingleMetric(`hakmem_arena_${name}`)!.get();
  return metric.values;
}

async function allocsOf(registry: Metrics, arena: string): Promise<number> {
  const values = await valuesOf(registry, 'allocations_total');
  return values
    .filter(({ labels }) => labels['arena'] === arena)
    .reduce((sum, { value }) => sum + value, 0);
}

describe('collectHeapStats()', () => {
  test('says the same in every scrape of a quiet process', async () => {
    arenaNamed('quiet').allocUnsafe(100);
    const registry = registryWith();
    expect(await registry.metrics()).toBe(await registry.metrics());
    expect(await allocsOf(registry, 'quiet')).toBe(1);
  });

  onlyNative('Buffers go to other threads with the addon only')(
    'says what is away, and what became of tickets',
    async () => {
      const arena = arenaNamed('lender');
      const registry = registryWith();
      const [refusedBefore] = await valuesOf(registry, 'tickets_refused_total');
      const tickets = [100, 1000, 5000].map((size) => arena.share(arena.alloc(size)));
      const adopted = tickets.slice(1).map((ticket) => adopt(ticket));
      arena.recall(tickets[0]!);
      release(adopted[0]!);
      arena.stats(); // collects what has come back
      expect(codeOf(() => adopt(tickets[1]!))).toBe('ERR_HAKMEM_TICKET');
      expect((await valuesOf(registry, 'away_blocks'))[0]!.value).toBe(1);
      expect((await valuesOf(registry, 'away_bytes'))[0]!.value).toBeGreaterThanOrEqual(5000);
      const events = (await valuesOf(registry, 'tickets_total')).map(
        ({ labels, value }) => [labels['event'], value] as const,
      );
      expect(Object.fromEntries(events)).toEqual({
        offered: 3,
        adopted: 2,
        recalled: 1,
        revoked: 0,
        returned: 1,
      });
      const [refused] = await valuesOf(registry, 'tickets_refused_total');
      expect(refused!.value - refusedBefore!.value).toBe(1);
      release(adopted[1]!);
    },
  );

  onlyNative('Buffers go to other threads with the addon only')(
    'says what channels have sent, and goes on counting those that are closed',
    async () => {
      const arena = arenaNamed('sender');
      const registry = registryWith();
      const read = async (): Promise<Record<string, number>> => {
        const all: Record<string, number> = {};
        for (const { name } of METRICS.filter(({ name }) => name.startsWith('channel_'))) {
          for (const { labels, value } of await valuesOf(registry, name)) {
            all[[name, ...Object.values(labels)].join(' ')] = value;
          }
        }
        return all;
      };
      const before = await read();
      const changes = async (): Promise<Record<string, number>> => {
        const now = Object.entries(await read());
        return Object.fromEntries(
          now.flatMap(([key, value]) => {
            const change = value - before[key]!;
            return change === 0 ? [] : [[key, change]];
          }),
        );
      };
      const [one, other] = new Channel({ threshold: 100 }).ends.map((it) =>
        Channel.open(it, arena),
      );
      for (const size of [10, 1000, 2000]) one!.send(arena.alloc(size));
      for await (const buffer of other!) if (buffer.length === 10) break;
      expect(await changes()).toEqual({
        channel_ends: 2,
        channel_depth: 2,
        'channel_sent_total copied': 1,
        'channel_sent_total handed_over': 2,
        channel_received_total: 1,
        'channel_bytes_total sent': 3010,
        'channel_bytes_total received': 10,
      });
      one!.close();
      other!.close();
      expect(await changes()).toEqual({
        'channel_sent_total copied': 1,
        'channel_sent_total handed_over': 2,
        channel_received_total: 1,
        'channel_bytes_total sent': 3010,
        'channel_bytes_total received': 10,
        'channel_unread_total recalled': 2,
      });
    },
  );

  test('called again on the same registry changes nothing', async () => {
    arenaNamed('again').allocUnsafe(100);
    const registry = registryWith();
    collectHeapStats(registry);
    expect(registry.getMetricsAsArray().length).toBe(METRICS.length);
    expect(await allocsOf(registry, 'again')).toBe(1);
  });

  test('every metric has a help text and only labels it declares', async () => {
    arenaNamed('labels').allocUnsafe(100);
    const registry = registryWith();
    for (const metric of METRICS) {
      expect(metric.help).toMatch(/^[A-Z0-9].*[^.]\.$/);
      for (const { labels } of await valuesOf(registry, metric.name)) {
        expect(metric.labels).toEqual(expect.arrayContaining(Object.keys(labels)));
      }
    }
  });

  test('tells limits, and how much of them is used', async () => {
    const limited = new Arena({ name: 'limited', maxBytes: 10_000_000 });
    arenas.push(limited);
    arenaNamed('unlimited').allocUnsafe(100);
    limited.allocUnsafe(100);
    const registry = registryWith();
    const limits = await valuesOf(registry, 'limit_bytes');
    expect(limits.filter(({ labels }) => String(labels['arena']).includes('limited'))).toEqual([
      { labels: { arena: 'limited' }, value: 10_000_000 },
    ]);
    const used = await valuesOf(registry, 'used_bytes');
    expect(used).toContainEqual({ labels: { arena: 'limited' }, value: 65_536 });
  });

  test('a new arena of the same name goes on where the ended one stopped', async () => {
    const registry = registryWith();
    const first = arenaNamed('worker');
    for (let i = 0; i < 5; i++) first.allocUnsafe(100);
    expect(await allocsOf(registry, 'worker')).toBe(5);
    first.destroy();
    expect(await allocsOf(registry, 'worker')).toBe(5);
    arenaNamed('worker').allocUnsafe(100);
    expect(await allocsOf(registry, 'worker')).toBe(6);
  });

  test('arenas beyond maxArenas share one label, for the life of the process', async () => {
    const registry = registryWith({ maxArenas: 3, arenaLabel: ({ name }) => name });
    const seen = new Set<unknown>();
    for (let i = 0; i < 20; i++) {
      const arena = arenaNamed(`many-${i}`);
      arena.allocUnsafe(100);
      for (const { labels } of await valuesOf(registry, 'allocations_total')) {
        seen.add(labels['arena']);
      }
      arena.destroy();
    }
    expect(seen.size).toBeLessThanOrEqual(4);
    expect(seen).toContain('other');
    const values = await valuesOf(registry, 'allocations_total');
    expect(values.reduce((sum, { value }) => sum + value, 0)).toBeGreaterThanOrEqual(20);
  });

  test('arenaLabel puts arenas together', async () => {
    const registry = registryWith({ arenaLabel: ({ name }) => name.replace(/\d+$/, '') });
    for (let i = 0; i < 4; i++) arenaNamed(`request-${i}`).allocUnsafe(50);
    expect(await allocsOf(registry, 'request-')).toBe(4);
  });

  test('processes of a cluster add up, the version does not', async () => {
    arenaNamed('clustered').allocUnsafe(100);
    const one = await registryWith().getMetricsAsJSON();
    const all = AggregatorRegistry.aggregate([one, structuredClone(one)]);
    expect(await allocsOf(all, 'clustered')).toBe(2);
    expect((await valuesOf(all, 'info')).map(({ value }) => value)).toEqual([1]);
  });

  test('a refused request is a failure with a reason', async () => {
    const arena = new Arena({ name: 'limited', maxBytes: 65_536 });
    arenas.push(arena);
    expectCode(() => arena.allocUnsafe(200_000), 'ERR_HAKMEM_OUT_OF_MEMORY');
    const values = await valuesOf(registryWith(), 'failures_total');
    const { value } = values.find(
      ({ labels }) => labels['arena'] === 'limited' && labels['reason'] === 'limit',
    )!;
    expect(value).toBeGreaterThanOrEqual(1);
  });

  test('another prefix', async () => {
    const registry = registryWith({ prefix: 'app_' });
    expect(await registry.metrics()).toContain('\napp_mapped_bytes ');
  });

  test('refuses what is no registry, and options that mean nothing', () => {
    const registry = new Registry();
    expectCode(() => collectHeapStats({} as never), 'ERR_INVALID_ARG_TYPE');
    for (const [options, code] of [
      [{ maxArenas: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ maxArenas: 1.5 }, 'ERR_OUT_OF_RANGE'],
      [{ maxArenas: '5' }, 'ERR_INVALID_ARG_TYPE'],
      [{ arenaLabel: 'name' }, 'ERR_INVALID_ARG_TYPE'],
      [{ prefix: 5 }, 'ERR_INVALID_ARG_TYPE'],
      [{ prefix: 'my app' }, 'ERR_INVALID_ARG_VALUE'],
      [null, 'ERR_INVALID_ARG_TYPE'],
    ] as const) {
      expectCode(() => collectHeapStats(registry, options as never), code);
    }
    expect(registry.getMetricsAsArray()).toEqual([]);
    expectCode(() => observeHeapStats({ meterProvider: 5 as never }), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => observeHeapStats({ maxArenas: 0 }), 'ERR_OUT_OF_RANGE');
  });
});
