import assert from 'node:assert/strict';
import { test } from 'node:test';
import { geometricMeanOf, tableOf } from '../../bench/c/report.mjs';

/** A rival whose runs did a thousand operations in so many microseconds each, computing half the time. */
function rival(...microseconds) {
  const runs = microseconds.map((us) => ({
    operations: 1000,
    ns: us * 1000,
    cpuNs: us * 500,
    rssPeak: 2 ** 20,
    allocs: 500,
    slow: 1,
  }));
  return { runs };
}

function column(table, title) {
  const at = table[0].indexOf(title);
  return Object.fromEntries(table.slice(1).map((row) => [row[0], row[at]]));
}

test('speeds are medians, and nobody is compared with a build of ours', () => {
  const table = tableOf({}, { hakmem: rival(10, 20), 'hakmem-linked': rival(5), glibc: rival(20) });
  assert.deepEqual(column(table, 'M/s'), {
    hakmem: '75.00',
    'hakmem-linked': '200.0',
    glibc: '50.00',
  });
  assert.deepEqual(column(table, 'to best'), {
    hakmem: '1.50x',
    'hakmem-linked': '4.00x',
    glibc: '1.00x',
  });
});

test('processor time is that of the run that took least', () => {
  const table = tableOf({}, { hakmem: rival(30, 10, 20), glibc: rival(20, 90, 99) });
  assert.deepEqual(column(table, 'cpu ns'), { hakmem: '5.000', glibc: '10.00' });
  assert.deepEqual(column(table, 'to best cpu'), { hakmem: '2.00x', glibc: '1.00x' });
});

test('what was not counted is not shown as none', () => {
  const traced = { operations: 2000, systemCalls: 3 };
  const table = tableOf({}, { glibc: rival(10), mimalloc: { ...rival(10), traced } });
  assert.deepEqual(column(table, 'calls/M'), { glibc: '?', mimalloc: '1500.0' });
});

test('a case can have columns of its own', () => {
  const one = { columns: { freed: 'rssFreed' } };
  const runs = rival(10).runs.map((run) => ({ ...run, rssFreed: 3 * 2 ** 20 }));
  assert.deepEqual(column(tableOf(one, { glibc: { runs } }), 'freed'), { glibc: '3.0 MB' });
});

test('a curve shows the dearest length of each doubling, and the greatest step of all', () => {
  const runs = [{ 'ps 65536': 1000, 'ps 73728': 4000, 'ps 131072': 2000, 'ps 1048576': 2500 }];
  const table = tableOf({ isCurve: true }, { glibc: { runs } });
  assert.deepEqual(table, [
    ['', '64 KB', '128 KB', '1 MB', 'greatest step'],
    ['glibc', '4.00', '2.00', '2.50', '4.00x'],
  ]);
});

test('the geometric mean is of cases that a rival plays, against the best of them', () => {
  const cases = [
    { name: 'a' },
    { name: 'b' },
    { name: 'c', isCurve: true },
    { name: 'd', only: [] },
  ];
  const results = {
    a: { hakmem: rival(10), glibc: rival(20), jemalloc: rival(40) },
    b: { hakmem: rival(40), glibc: rival(320), 'hakmem-linked': rival(1) },
    c: { hakmem: rival(1), glibc: rival(1) },
    d: { hakmem: rival(1) },
  };
  const { mean, of } = geometricMeanOf(cases, results, 'hakmem');
  assert.equal(of, 2);
  assert.ok(Math.abs(mean - 4) < 1e-9);
});
