import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRICS } from '../../../lib/monitor/metrics';

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly gridPos: Record<'x' | 'y' | 'w' | 'h', number>;
    readonly title: string;
    readonly description: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
  readonly templating: {
    readonly list: readonly { readonly type: string; readonly query: string }[];
  };
}

const FILE = join(__dirname, '..', '..', '..', 'grafana', 'hakmem-arena.json');
const dashboard = JSON.parse(readFileSync(FILE, 'utf8')) as Dashboard;
const labelsOf = new Map(
  METRICS.map(({ name, labels }) => [`hakmem_arena_${name}`, new Set<string>(labels)]),
);

/** Metrics in a query, each with the labels that select by it; `job` comes from Prometheus. */
function usesOf(query: string): { metric: string; labels: string[] }[] {
  return [...query.matchAll(/\b(hakmem_arena_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, metric, selector]) => {
      const labels = [...(selector ?? '').matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)].map(
        ([, name]) => name!,
      );
      return { metric: metric!, labels: labels.filter((name) => name !== 'job') };
    },
  );
}

describe('the Grafana dashboard', () => {
  const queries = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...dashboard.templating.list.filter(({ type }) => type === 'query').map(({ query }) => query),
  ];

  test.each(queries)('asks only for metrics and labels that there are: %s', (query) => {
    const uses = usesOf(query);
    expect(uses.length).toBeGreaterThan(0);
    for (const { metric, labels } of uses) {
      expect([...labelsOf.keys()]).toContain(metric);
      for (const label of labels) expect([...labelsOf.get(metric)!]).toContain(label);
    }
    for (const [, names] of query.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const name of names!.split(', '))
        expect([...labelsOf.get(uses[0]!.metric)!]).toContain(name);
    }
  });

  test('shows every metric but the version', () => {
    const shown = new Set(queries.flatMap(usesOf).map(({ metric }) => metric));
    expect([...labelsOf.keys()].filter((metric) => !shown.has(metric))).toEqual([
      'hakmem_arena_info',
    ]);
  });

  test('draws no panel over another', () => {
    const taken = new Set<string>();
    for (const { gridPos, id } of dashboard.panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x).toBeLessThan(24);
          expect(taken).not.toContain(`${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
      }
      expect(dashboard.panels.filter((panel) => panel.id === id).length).toBe(1);
    }
  });

  test('says in every panel what it shows', () => {
    for (const { title, description } of dashboard.panels) {
      expect(title).not.toBe('');
      expect(description).not.toBe('');
    }
  });
});
