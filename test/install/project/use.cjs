// What a first user of the package does, by require: allocate, free, a scope, statistics, a thread.
// Prints one line of JSON.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Worker, isMainThread } = require('node:worker_threads');
const { Arena, heapStats } = require('hakmem-arena');

function useArena() {
  const arena = new Arena({ name: 'use' });
  for (let size = 1; size <= 4 * 1024 * 1024; size *= 3) {
    const views = Array.from({ length: 20 }, (_, i) => arena.alloc(size, i + 1));
    views.forEach((view, i) => {
      assert.ok(Buffer.isBuffer(view));
      assert.equal(view.length, size);
      assert.ok(view.every((byte) => byte === i + 1));
    });
    views.forEach((view) => arena.free(view));
    assert.throws(() => arena.free(views[0]), { name: 'HakmemError' });
  }
  const kept = arena.scope((scope) => scope.keep(scope.allocTyped(Float64Array, 100)));
  assert.equal(kept.length, 100);
  arena.free(kept);
  assert.equal(heapStats().arenas.length, 1);
  const { live } = arena.stats().bytes;
  arena.destroy();
  return live;
}

async function main() {
  const live = useArena();
  if (!isMainThread) return;
  const addon = Object.keys(require.cache).find((file) => file.endsWith('.node'));
  if (process.argv.includes('--thread')) {
    const [code] = await once(new Worker(__filename), 'exit');
    assert.equal(code, 0);
  }
  const { version, platform, arch } = process;
  const { bun } = process.versions;
  const { backend } = heapStats();
  console.log(JSON.stringify({ live, version, bun, platform, arch, addon, backend }));
}

main();
