/**
 * `zero: 'free'`: what was written is nowhere in the process once its arena has let go of it. A process of its own
 * writes a secret, lets go of it in one way or another, and searches all of its own memory.
 */
import { expect, test } from '@jest/globals';
import { IS_WASM } from '../unit/support/backend';
import { resultOf } from '../unit/support/child';

/** Counts the secrets in the memory of the process. Nothing here ever has one in one piece, but the arenas. */
const SEARCH = `
  const fs = require('node:fs');
  const { Worker } = require('node:worker_threads');
  const { Arena } = require('hakmem-arena');
  const HALVES = [0x5eadbeef, 0x0ddba11d];
  function write(view) {
    for (let at = 0; at + 8 <= view.length; at += 8) {
      view.writeUInt32LE(HALVES[0], at);
      view.writeUInt32LE(HALVES[1], at + 4);
    }
    return view;
  }
  function secrets() {
    const memory = fs.openSync('/proc/self/mem', 'r');
    const part = Buffer.allocUnsafeSlow(1 << 20);
    let found = 0;
    for (const line of fs.readFileSync('/proc/self/maps', 'utf8').split('\\n')) {
      const [, from, to, name] = /^(\\w+)-(\\w+) rw.. \\S+ \\S+ \\d+ *(.*)$/.exec(line) ?? [];
      if (from === undefined || name.startsWith('[v')) continue;
      for (let at = parseInt(from, 16); at < parseInt(to, 16); at += part.length) {
        let read = 0;
        try {
          read = fs.readSync(memory, part, 0, Math.min(part.length, parseInt(to, 16) - at), at);
        } catch {}
        for (let i = 0; i + 8 <= read; i += 8) {
          if (part[i] === 0xef && part.readUInt32LE(i) === HALVES[0] && part.readUInt32LE(i + 4) === HALVES[1]) found++;
        }
        part.fill(0);
      }
    }
    fs.closeSync(memory);
    return found;
  }
  const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
  const SIZES = [24, 100, 1000, 5000, 60000, 200000, 3000000];
  const make = (options) => new Arena({ policy: 'keep', zero: 'free', ...options });
  const fill = (arena) => SIZES.flatMap((size) => [0, 1, 2].map(() => write(arena.alloc(size))));
`;

const WAYS: Record<string, string> = {
  'freed one by one': `const a = make(); for (const v of fill(a)) a.free(v); return [a];`,
  'freed by a scope': `
    const a = make();
    a.scope((scope) => { for (const size of SIZES) write(scope.alloc(size)); });
    return [a];`,
  reallocated: `
    const a = make();
    for (const v of fill(a)) a.free(a.realloc(v, 7));
    return [a];`,
  reset: `const a = make(); fill(a); a.reset(); return [a];`,
  destroyed: `const a = make(); fill(a); a.destroy();`,
  'reset around retained views': `
    const a = make();
    const views = fill(a).map((v, i) => (i % 3 === 1 ? a.retain(v) : undefined));
    a.reset();
    for (const v of views) if (v !== undefined && v.length !== 0) a.release(v);
    return [a];`,
  'destroyed around retained views, all but one released': `
    const a = make();
    const views = fill(a);
    const kept = a.retain(a.alloc(24).fill(1));
    for (const v of views) a.retain(v);
    a.destroy();
    for (const v of views) a.release(v);
    return [kept];`,
  'in custody: guarded, fresh and watched': `
    const a = make({ guard: { sampleRate: 2 }, leaks: 'all', views: 'fresh' });
    const views = fill(a);
    a.free(views[0]); a.free(views[1]); a.free(views[8]);
    a.reset();
    fill(a);
    a.destroy();`,
  'dropped with its arena': `(() => { fill(make()); })();`,
  'of a worker that has ended': `
    const source = \`const worker = \${JSON.stringify(SEARCH)}; eval(worker + 'fill(make());');\`;
    await new Promise((resolve) => new Worker(source, { eval: true }).on('exit', resolve));`,
  'given away by a byte stream': `
    const a = make();
    (() => {
      const v = write(a.alloc(1000));
      new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(v) });
    })();
    a.alloc(1000); a.reset();
    return [a];`,
  'given away, written by its taker, and let go of': `
    const a = make();
    await (async () => {
      for (const v of fill(a)) {
        if (v.length === 0) continue; // its slab has gone with another one's
        const pull = (it) => it.byobRequest.respond(it.byobRequest.view.byteLength);
        const { value } = await new ReadableStream({ type: 'bytes', pull }).getReader({ mode: 'byob' }).read(v);
        write(Buffer.from(value.buffer));
      }
    })();
    return [a];`,
};

const onLinux = process.platform === 'linux' ? test : test.skip;

/** On WebAssembly this memory is not the arena's any more, and nobody else zeroes it. */
const LEFT = [
  'of a worker that has ended',
  'dropped with its arena',
  'given away by a byte stream',
  'given away, written by its taker, and let go of',
];

onLinux.each(Object.keys(WAYS).filter((name) => !IS_WASM || !LEFT.includes(name)))(
  '%s',
  async (name) => {
    const found = await resultOf<{ before: number; after: number }>(
      `const SEARCH = ${JSON.stringify(SEARCH)};
    ${SEARCH}
    process.removeAllListeners('warning');
    (async () => {
      const plain = new Arena();
      const view = write(plain.alloc(800));
      const before = secrets();
      view.fill(0);
      const kept = await (async () => { ${WAYS[name]!} })();
      for (let i = 0; i < 8; i++) { gc(); await turn(); }
      const after = secrets();
      console.log(JSON.stringify({ before, after, kept: kept?.length }));
    })();`,
      { nodeArguments: ['--expose-gc'] },
    );
    // Those of the control were found, so the search does find.
    expect(found.before).toBe(100);
    expect(found.after).toBe(0);
  },
);

onLinux('views that are retained keep theirs, and nothing around them', async () => {
  const found = await resultOf<number[]>(
    `${SEARCH}
    const a = make();
    const views = [3, 5, 4, 6, 2].map((n) => write(a.alloc(n * 8)));
    const other = write(a.alloc(30000));
    a.retain(views[1]);
    a.retain(views[3]);
    const counts = [];
    a.reset();
    counts.push(secrets());
    a.release(views[3]);
    counts.push(secrets());
    a.release(views[1]);
    counts.push(secrets());
    console.log(JSON.stringify(counts));`,
  );
  expect(found).toEqual([11, 5, 0]);
});
