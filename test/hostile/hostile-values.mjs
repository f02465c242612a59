// Every kind of wrong value, by name. Each is made anew for every call, because a call may change it.

import vm from 'node:vm';

/** Thrown by hostile values themselves: whoever is called may let it through. */
export class Hostile extends Error {}

function hostile() {
  throw new Hostile('thrown by a hostile value');
}

const constant = (values) => Object.entries(values).map(([name, value]) => [name, () => value]);

const primitives = constant({
  undefined: undefined,
  null: null,
  true: true,
  false: false,
  NaN: NaN,
  '-0': -0,
  0: 0,
  1: 1,
  '-1': -1,
  1.5: 1.5,
  '1e-7': 1e-7,
  4096: 4096,
  65536: 65536,
  '2^31-1': 2 ** 31 - 1,
  '2^31': 2 ** 31,
  '-2^31': -(2 ** 31),
  '2^32-1': 2 ** 32 - 1,
  '2^32': 2 ** 32,
  '2^53-1': 2 ** 53 - 1,
  '2^53': 2 ** 53,
  '1e308': 1e308,
  Infinity: Infinity,
  '-Infinity': -Infinity,
  '5n': 5n,
  '-1n': -1n,
  '2n ** 64n': 2n ** 64n,
  "''": '',
  "'16'": '16',
  "'utf8'": 'utf8',
  "'hex'": 'hex',
  "'__proto__'": '__proto__',
  'a lone surrogate': '\ud800',
  'a zero character': 'a\0b',
  'a long string': 'x'.repeat(100_000),
  'Symbol()': Symbol('hostile'),
  'Symbol.iterator': Symbol.iterator,
});

const objects = Object.entries({
  '{}': () => ({}),
  '[]': () => [],
  '[1, 2, 3]': () => [1, 2, 3],
  'numbers out of range': () => [300, -1, NaN, 2 ** 53],
  'strings and holes': () => ['1', , 'x', {}, null], // eslint-disable-line no-sparse-arrays
  'a function': () => () => undefined,
  'a class': () => class {},
  'a throwing function': () => hostile,
  'a bare object': () => Object.create(null),
  'a frozen object': () => Object.freeze({ a: 1 }),
  'a frozen array': () => Object.freeze([8, 16]),
  'a Date': () => new Date(0),
  'a RegExp': () => /x/g,
  'a Map': () => new Map([[1, 2]]),
  'an Error': () => new Error('x'),
  'a promise': () => Promise.resolve(1),
  'a thenable': () => ({ then: (resolve) => resolve(1) }),
  'a throwing then': () => ({ get then() { return hostile(); } }), // prettier-ignore
  'new String': () => new String('text'),
  'new Number': () => new Number(7),
  'Object(5n)': () => Object(5n),
  'Object(Symbol())': () => Object(Symbol('hostile')),
  'valueOf throws': () => ({ valueOf: hostile, toString: hostile }),
  'valueOf 16': () => ({ valueOf: () => 16 }),
  'valueOf NaN': () => ({ valueOf: () => NaN }),
  'toPrimitive throws': () => ({ [Symbol.toPrimitive]: hostile }),
  'toPrimitive lies': () => ({ [Symbol.toPrimitive]: () => ({}) }),
  'length -1': () => ({ length: -1 }),
  'length NaN': () => ({ length: NaN }),
  'length that throws': () => ({ get length() { return hostile(); } }), // prettier-ignore
  'length 3, elements that throw': () => ({ length: 3, get 0() { return hostile(); } }), // prettier-ignore
  'byteLength that lies': () => ({ byteLength: 1e9, byteOffset: -5, buffer: {}, length: 4 }),
  'every key throws': () =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        ['name', 'maxBytes', 'views', 'guard', 'port', 'title', 'prefix', 'constructor'].map(
          (key) => [key, { get: hostile, enumerable: true }],
        ),
      ),
    ),
  'constructor that throws': () => ({ get constructor() { return hostile(); } }), // prettier-ignore
  'a type of Buffer only by name': () => Object.create(Buffer.prototype),
  arguments: () =>
    (function () {
      return arguments;
    })(1, 2),
  'a WeakRef': () => new WeakRef({}),
  globalThis: () => globalThis,
});

const trapsThrow = new Proxy({}, { get: hostile });

const proxies = Object.entries({
  'a proxy': () => new Proxy({}, {}),
  'a proxy of a Buffer': () => new Proxy(Buffer.from('abc'), {}),
  'a proxy of a function': () => new Proxy(() => 1, {}),
  'a proxy that throws': () => new Proxy({}, trapsThrow),
  'a proxy of an array that throws': () => new Proxy([1], trapsThrow),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'a revoked proxy of a function': () => {
    const { proxy, revoke } = Proxy.revocable(() => 1, {});
    revoke();
    return proxy;
  },
});

function detached() {
  const buffer = new ArrayBuffer(64);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

/** A view with an own property that lies. */
const withOwn = (view, name, descriptor) => Object.defineProperty(view, name, descriptor);

class LyingBytes extends Uint8Array {
  get length() {
    return 1e9;
  }
  get byteLength() {
    return 1e9;
  }
}

class ThrowingBytes extends Uint8Array {
  get length() {
    return hostile();
  }
  get buffer() {
    return hostile();
  }
}

/** Shorter than when the view was made: out of bounds. */
function shrunk(View) {
  const buffer = new ArrayBuffer(64, { maxByteLength: 128 });
  const view = new View(buffer, 16, 4);
  buffer.resize(8);
  return view;
}

const memory = Object.entries({
  'an ArrayBuffer': () => new ArrayBuffer(100),
  'an empty ArrayBuffer': () => new ArrayBuffer(0),
  'a detached ArrayBuffer': detached,
  'a resizable ArrayBuffer': () => new ArrayBuffer(8, { maxByteLength: 64 }),
  'a SharedArrayBuffer': () => new SharedArrayBuffer(64),
  'a growable SharedArrayBuffer': () => new SharedArrayBuffer(8, { maxByteLength: 64 }),
  'memory of WebAssembly': () => new globalThis.WebAssembly.Memory({ initial: 1 }).buffer,
  'a view on memory of WebAssembly': () =>
    new Uint8Array(new globalThis.WebAssembly.Memory({ initial: 1 }).buffer, 0, 10),
  'a Buffer of Node': () => Buffer.from('abc'),
  'a pooled Buffer': () => Buffer.allocUnsafe(10),
  'an empty Buffer': () => Buffer.alloc(0),
  'a detached Uint8Array': () => {
    const bytes = new Uint8Array(10);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    return bytes;
  },
  'a detached DataView': () => {
    const view = new DataView(new ArrayBuffer(10));
    structuredClone(view.buffer, { transfer: [view.buffer] });
    return view;
  },
  'a Uint8Array on shared memory': () => new Uint8Array(new SharedArrayBuffer(16)),
  'a Uint32Array': () => Uint32Array.of(16, 32, 65536),
  'a Uint32Array out of order': () => Uint32Array.of(9, 3, 0),
  'a Uint32Array on shared memory': () => new Uint32Array(new SharedArrayBuffer(16)),
  'an empty Uint32Array': () => new Uint32Array(0),
  'a Float64Array': () => Float64Array.of(1.5, NaN),
  'a large Float64Array': () => new Float64Array(100_000),
  'a BigInt64Array': () => new BigInt64Array(4),
  'a DataView': () => new DataView(new ArrayBuffer(16)),
  'a Uint8Array that tracks a length': () =>
    new Uint8Array(new ArrayBuffer(8, { maxByteLength: 64 })),
  'a Uint8Array out of bounds': () => shrunk(Uint8Array),
  'a Uint32Array out of bounds': () => shrunk(Uint32Array),
  'a DataView out of bounds': () => shrunk(DataView),
  'bytes whose length lies': () => new LyingBytes(10),
  'bytes whose length throws': () => new ThrowingBytes(10),
  'bytes with a length of their own: 1e9': () =>
    withOwn(new Uint8Array(10), 'length', { value: 1e9 }),
  'bytes with a length of their own: 2': () => withOwn(new Uint8Array(10), 'length', { value: 2 }),
  'bytes with a length of their own: -1': () =>
    withOwn(new Uint8Array(10), 'length', { value: -1 }),
  'bytes with a length of their own: 5n': () =>
    withOwn(new Uint8Array(10), 'length', { value: 5n }),
  'a Buffer with a length of its own: 1e9': () =>
    withOwn(Buffer.from('abc'), 'length', { value: 1e9 }),
  'bytes with a byteLength of their own: 1e6': () =>
    withOwn(new Uint8Array(10), 'byteLength', { value: 1e6 }),
  'bytes with a buffer of their own': () => withOwn(new Uint8Array(10), 'buffer', { get: hostile }),
  'bytes of no prototype': () => Object.setPrototypeOf(new Uint8Array(10), null),
  'a frozen empty Uint8Array': () => Object.freeze(new Uint8Array(0)),
  'a DataView of no prototype': () => Object.setPrototypeOf(new DataView(new ArrayBuffer(4)), null),
});

const realm = vm.createContext();
const inRealm = (source) => () => vm.runInContext(source, realm);

const foreign = Object.entries({
  'an object of another realm': inRealm('({ length: 2, 0: 1 })'),
  'an array of another realm': inRealm('[1, 2]'),
  'a Uint8Array of another realm': inRealm('new Uint8Array([1, 2, 3])'),
  'an ArrayBuffer of another realm': inRealm('new ArrayBuffer(8)'),
  'a DataView of another realm': inRealm('new DataView(new ArrayBuffer(8))'),
  'a Float64Array constructor of another realm': inRealm('Float64Array'),
  'an error of another realm': inRealm('new Error("x")'),
  'a function of another realm': inRealm('() => 1'),
});

const constructors = constant({
  Uint8Array,
  Float64Array,
  BigInt64Array,
  DataView,
  Buffer,
  'the class above typed arrays': Object.getPrototypeOf(Uint8Array),
  'a subclass of Uint8Array': LyingBytes,
});

/** [name, maker] of each. */
export const VALUES = [
  ...primitives,
  ...objects,
  ...proxies,
  ...memory,
  ...foreign,
  ...constructors,
];
