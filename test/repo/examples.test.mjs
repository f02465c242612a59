import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Examples that run on an arena and on Buffer.allocUnsafe: how much each does when it is quick. */
const COMPARISONS = {
  broadcast: 500,
  'file-copy': 64,
  'frame-service': 20_000,
  'http-store': 400,
  msgpack: 5_000,
  relay: 600,
  'static-server': 400,
};

function example(name, ...args) {
  const main = join(ROOT, '.build', 'examples', name, 'main.js');
  return spawnSync(process.execPath, [main, ...args], { cwd: ROOT, encoding: 'utf8' });
}

describe('examples', () => {
  it('are all tested, and told of in their README', () => {
    const folders = readdirSync(join(ROOT, 'examples'), { withFileTypes: true });
    const names = folders.filter((it) => it.isDirectory()).map(({ name }) => name);
    const known = [...Object.keys(COMPARISONS), 'log-pipeline', 'monitored-service', 'support'];
    assert.deepEqual(names.sort(), known.sort());
    const readme = readFileSync(join(ROOT, 'examples', 'README.md'), 'utf8');
    for (const name of names) assert.ok(readme.includes(name), name);
  });

  for (const [name, operations] of Object.entries(COMPARISONS)) {
    it(`${name} gets every byte right on both sides, and forgets no memory`, () => {
      const { status, stdout, stderr } = example(name, '--quick', '--json');
      assert.equal(status, 0, stderr);
      const { ok, runs } = JSON.parse(stdout);
      assert.equal(ok, true);
      assert.deepEqual(
        runs.map(({ rival, client }) => [rival, client.operations]),
        [
          ['arena', operations],
          ['buffer', operations],
        ],
      );
      for (const { client, service } of runs) {
        assert.ok(client.bytes > operations);
        const { p50, p99, p999, max } = client.latencyUs;
        assert.ok(0 < p50 && p50 <= p99 && p99 <= p999 && p999 <= max);
        assert.ok(client.elapsedMs > 0 && service.cpuMs > 0 && service.rssPeakBytes > 0);
      }
      // The statistics are from before the end: what the arena gave, it gave to this example.
      const [arena, buffer] = runs.map(({ service }) => service.heapStats);
      const counts = [...arena.matchAll(/ (?:fast|slow)=(\d+)/g)].map(([, count]) => Number(count));
      assert.ok(counts.reduce((sum, count) => sum + count) > operations / 8);
      assert.equal(buffer, undefined);
    });

    it(`${name} fails when one byte is wrong`, () => {
      const fault = name === 'frame-service' ? ['--fault', 'digest'] : ['--fault'];
      const { status, stderr } = example(name, '--quick', ...fault);
      assert.equal(status, 1);
      assert.match(stderr, /wrong|not what was/);
    });
  }

  it('log-pipeline gets every byte right whichever way pieces take to their worker', () => {
    const { status, stdout, stderr } = example('log-pipeline', '--quick', '--json');
    assert.equal(status, 0, stderr);
    const { rows } = JSON.parse(stdout);
    assert.deepEqual(
      rows.map(({ way }) => way),
      ['channel', 'copy', 'transfer', 'shared'],
    );
    for (const { bytes, packedBytes, ms } of rows)
      assert.ok(0 < packedBytes && packedBytes < bytes && ms > 0);
  });

  it('log-pipeline fails when one byte is wrong', () => {
    const { status, stderr } = example('log-pipeline', '--quick', '--fault', '--way', 'channel');
    assert.equal(status, 1);
    assert.match(stderr, /wrong/);
  });

  it('monitored-service: every way of counting comes to the same', () => {
    const { status, stdout } = example('monitored-service', '--port', '0', '--seconds', '1');
    assert.equal(status, 0, stdout);
  });

  it('prints a table for people, medians of several runs', () => {
    const { status, stdout } = example('msgpack', '--quick', '--runs', '2');
    assert.equal(status, 0);
    assert.match(stdout, /records\/s +[\d,]+ +[\d,]+ /);
    assert.match(stdout, /every byte was right/);
  });

  it('says what is wrong with a command line', () => {
    const { status, stderr } = example('relay', '--runs', 'many');
    assert.equal(status, 2);
    assert.match(stderr, /--runs takes a whole number/);
  });
});
