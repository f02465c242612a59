// Child: every method of an arena and of its scopes with every wrong value in every place, in the modes that
// a group of calls names. After each call: nothing leaked, nothing lost, the sums hold.
//
//   node hostile-api.mjs '<arena options as JSON>'

import * as api from 'hakmem-arena';
import { announce, complain, countCall, finish } from './report.mjs';
import { Hostile, VALUES } from './hostile-values.mjs';

const { Arena, heapStats } = api;
const options = JSON.parse(process.argv[2] ?? '{}');
const MAX_BYTES = 32 * 1024 * 1024;
const TEXT = 'kept from harm';

// What is reported is not the matter here.
process.on('warning', () => undefined);
process.on('unhandledRejection', () => undefined);

let arena = new Arena({ ...options, maxBytes: MAX_BYTES });
const other = new Arena({ name: 'other' });
let witness = arena.from(TEXT);

/** Views that are no business of a call, made anew for each. */
const VIEWS = Object.entries({
  'a view of another arena': () => other.alloc(10),
  'a freed view': () => {
    const view = arena.alloc(77);
    arena.free(view);
    return view;
  },
  'part of a view': () => witness.subarray(0, 4),
  'the witness by another name': () => new Uint8Array(witness.buffer, witness.byteOffset, 3),
  'a proxy of the witness': () => new Proxy(witness, {}),
  'an object above the witness': () => Object.create(witness),
  "the witness's ArrayBuffer": () => witness.buffer,
  'a stale view': () => {
    const old = new Arena();
    const view = old.alloc(10);
    old.reset();
    return view;
  },
  'a view of a destroyed arena': () => {
    const old = new Arena();
    const view = old.alloc(10);
    old.destroy();
    return view;
  },
});
const ALL = [...VALUES, ...VIEWS];

/** Every number that a refused call must leave as it is. */
function fingerprint() {
  const { bytes, classes } = arena.stats();
  const sum = (field) => classes.reduce((total, row) => total + row[field], 0);
  return {
    live: sum('live'),
    liveBytes: bytes.live,
    pinned: bytes.pinned,
    listed: arena.liveBlocks().length,
  };
}

function sumsHold() {
  const { bytes, classes } = arena.stats();
  const rows = classes.every(
    (row) =>
      row.allocs - row.frees === row.live &&
      row.live + row.frontBlocks + row.freeBlocks + row.remoteBlocks === row.capacity,
  );
  const { live, front, freeInSlab, freeSlabs, slack, committed } = bytes;
  return rows && live + front + freeInSlab + freeSlabs + slack === committed;
}

/** Ours have a code; the others are those that hostile values throw themselves. */
const isCoded = (error) =>
  typeof error?.code === 'string' || error instanceof Hostile || /revoked/.test(error?.message);

/** What core does with the same arguments: its own errors without a code are ours as well. */
function throwsIn(core, values) {
  try {
    core(...values);
    return false;
  } catch {
    return true;
  }
}

function same(a, b) {
  return Object.keys(a).every((key) => a[key] === b[key]);
}

/** Judges one call. `core`: the function of Node that takes the same arguments. */
function attempt(call, act, values, core) {
  announce(call);
  countCall();
  const before = fingerprint();
  let result;
  try {
    result = act(...values);
  } catch (error) {
    if (!isCoded(error) && !(core !== undefined && throwsIn(core, values))) {
      complain(call, `threw without a code: ${String(error?.stack ?? error).slice(0, 300)}`);
    }
    if (!same(before, fingerprint())) {
      complain(call, `was refused, and left its mark: ${JSON.stringify([before, fingerprint()])}`);
    }
    return;
  }
  if (result instanceof Promise) {
    result.catch((error) => {
      if (!isCoded(error)) complain(call, `rejected without a code: ${String(error?.stack)}`);
    });
  }
  judge(call, result, before, values, core);
}

function judge(call, result, before, values, core) {
  if (ArrayBuffer.isView(result) && arena.owns(result) && result !== witness) {
    const expected = core !== undefined && !throwsIn(core, values) ? core(...values) : undefined;
    // Node believes a Uint8Array that lies about its length.
    if (
      expected !== undefined &&
      !call.includes('of their own') &&
      Buffer.compare(result, expected) !== 0
    ) {
      complain(call, 'gave other bytes than Node does');
    }
    arena.free(result);
    const { live, liveBytes, pinned } = fingerprint();
    if (!same({ live, liveBytes, pinned }, before)) complain(call, 'leaked');
  }
  if (!arena.owns(witness) || witness.toString() !== TEXT) {
    complain(call, 'took away a live view');
    arena.destroy();
    arena = new Arena({ ...options, maxBytes: MAX_BYTES });
    witness = arena.from(TEXT);
  }
  if (!sumsHold()) complain(call, 'broke the sums');
}

/** Each wrong value in each place, the others being right; then every pair of places at once. */
function tryEverywhere(name, act, right, core) {
  for (let place = 0; place < right.length; place++) {
    for (const [valueName, make] of ALL) {
      const values = right.map((makeRight, i) => (i === place ? make() : makeRight()));
      attempt(`${name}, argument ${place}: ${valueName}`, act, values, core);
    }
  }
  if (right.length < 2) return;
  for (let i = 0; i < ALL.length * 5; i++) {
    const chosen = right.map(
      (_, place) => ALL[(i + place * (3 + 7 * Math.floor(i / ALL.length))) % ALL.length],
    );
    const names = chosen.map(([valueName]) => valueName).join('; ');
    attempt(`${name}, arguments: ${names}`, act, chosen.map(([, make]) => make()), core); // prettier-ignore
  }
}

/** With a live view in front, which is ended when its call fails. */
function withView(act) {
  return (...values) => {
    const view = arena.alloc(100);
    try {
      return act(view, ...values);
    } catch (error) {
      arena.free(view);
      throw error;
    }
  };
}

const size = () => 100;
const text = () => 'text';
// Core has no limit of 32 MB, and would take its time with 2 GB.
const small = (value) => typeof value !== 'number' || !(value > 1e6);
const coreAlloc = (length, ...fill) => Buffer.alloc(small(length) ? length : 1, ...fill);
const coreFrom = (...values) => Buffer.from(...values);

tryEverywhere(
  'alloc',
  (...values) => arena.alloc(...values),
  [size, text, () => 'utf8'],
  coreAlloc,
);
tryEverywhere('allocUnsafe', (...values) => arena.allocUnsafe(...values), [size, () => 64]);
tryEverywhere('from', (...values) => arena.from(...values), [text, () => 'utf8'], coreFrom);
tryEverywhere(
  'from(ArrayBuffer)',
  (...values) => arena.from(...values),
  [() => new ArrayBuffer(64), () => 8, () => 16],
  coreFrom,
);
tryEverywhere('allocTyped', (...values) => arena.allocTyped(...values), [() => Int32Array, size]);
tryEverywhere('free', (view) => arena.free(view), [() => arena.alloc(10)]);
tryEverywhere('realloc', (view, bytes) => arena.realloc(view, bytes), [
  () => other.alloc(10),
  size,
]);
tryEverywhere('realloc of a live view', withView((view, bytes) => arena.realloc(view, bytes)), [size]); // prettier-ignore
for (const method of ['owns', 'usableSize', 'copyOut', 'liveBlocks', 'stats', 'openScope']) {
  tryEverywhere(method, (value) => void arena[method](value), [() => witness]);
}
tryEverywhere('retain and release', (view) => { arena.retain(view); arena.release(view); }, [() => witness]); // prettier-ignore
tryEverywhere('release', (view) => arena.release(view), [() => witness]);
tryEverywhere('tag', (view, tag) => void arena.tag(view, tag), [() => witness, text]);
tryEverywhere(
  'scope',
  (fn) => void arena.scope(fn),
  [() => () => undefined],
  (fn) => fn(),
);
tryEverywhere('Scope', (host) => void new api.Scope(host), [() => undefined]);
tryEverywhere('trim', (value) => void arena.trim(value), [() => undefined]);
tryEverywhere('a promise to free after', (view, promise) => arena.freeAfter(view, promise), [
  () => other.alloc(5),
  () => Promise.resolve(),
]);
tryEverywhere('a stream to write to', (...values) => arena.freeAfterWrite(...values), [
  () => ({ write: () => true, once: () => undefined }),
  () => other.alloc(5),
  () => ({ zeroCopy: true }),
]);
tryEverywhere('a stream to write to and forget', (...values) => arena.writeAndFree(...values), [
  () => ({ write: () => true, once: () => undefined }),
  () => other.alloc(5),
  () => ({ zeroCopy: true }),
]);
tryEverywhere('a target of a scope', (target) => arena.scopeUntil(target).end(), [
  () => Promise.resolve(),
]);

const scope = arena.openScope();
const scoped =
  (method) =>
  (...values) => {
    // prettier-ignore
    const view = scope[method](...values);
    return scope.keep(view);
  };
tryEverywhere('scope.alloc', scoped('alloc'), [size, text, () => 'utf8'], coreAlloc);
tryEverywhere('scope.allocUnsafe', scoped('allocUnsafe'), [size, () => 64]);
tryEverywhere('scope.from', scoped('from'), [text, () => 'utf8'], coreFrom);
tryEverywhere('scope.allocTyped', scoped('allocTyped'), [() => Int32Array, size]);
tryEverywhere('scope.keep', (view) => void scope.keep(view), [() => witness]);
scope.end();

tryEverywhere('formatHeapStats', (stats) => void api.formatHeapStats(stats), [heapStats]);
tryEverywhere('heapRates', (a, b) => void api.heapRates(a, b), [heapStats, heapStats]);
tryEverywhere('heapStats', (value) => void heapStats(value), [() => undefined]);
tryEverywhere('heapMap', (value) => void api.heapMap(value), [() => undefined]);
tryEverywhere('HakmemError', (code) => void new api.HakmemError(code), [() => 'ERR_HAKMEM_NOT_OWNED'], (value) => String(value)); // prettier-ignore
tryEverywhere('new Arena', (value) => new Arena(value).destroy(), [() => ({})]);
for (const option of [
  'name',
  'maxBytes',
  'sizeClasses',
  'views',
  'guard',
  'leaks',
  'reclaim',
  'zero',
]) {
  tryEverywhere(`new Arena({ ${option} })`, (value) => new Arena({ [option]: value }).destroy(), [() => undefined]); // prettier-ignore
}
tryEverywhere('guard.sampleRate', (sampleRate) => new Arena({ guard: { sampleRate } }).destroy(), [() => 1]); // prettier-ignore

// Methods on the wrong object: the engine's TypeError is as good as a code.
const METHODS = [...Object.getOwnPropertyNames(Arena.prototype), Symbol.dispose];
for (const method of METHODS.filter((name) => name !== 'constructor')) {
  for (const [name, make] of ALL) {
    const call = `Arena.prototype.${String(method)} on ${name}`;
    announce(call);
    countCall();
    try {
      const { value, get } = Object.getOwnPropertyDescriptor(Arena.prototype, method);
      const result = Reflect.apply(value ?? get, make(), [witness, 10]);
      if (result instanceof Promise) result.catch(() => undefined);
    } catch (error) {
      if (!(error instanceof TypeError) && !isCoded(error))
        complain(call, `threw ${String(error)}`);
    }
  }
}

// Rejections arrive in a later turn.
setTimeout(() => {
  if (!arena.owns(witness) || !sumsHold()) complain('all of it', 'harmed the arena');
  finish();
}, 50);
