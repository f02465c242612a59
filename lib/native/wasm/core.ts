/**
 * Wasm core: the module, instantiated, as typed functions (csrc/wasm), and its memory.
 *
 * The memory is a shared one: the core makes it longer when it needs more, and whatever array was made over it stays
 * as it was. Nothing of it is data of a program. A pointer into it is a number.
 */
import { totalmem } from 'node:os';
import { nowMs } from '../../base/clock';
import { ensureCoreStack, setCoreRoom } from '../../base/stack';
import { invalidState } from '../../errors';
import { attempt } from '../identity';
import { WASM } from './module';

type Pointer = number;

/** What csrc/wasm exports; see there. */
export interface CoreExports {
  readonly exchange: () => Pointer;
  readonly settings: () => Pointer;
  readonly name: () => Pointer;
  readonly slabOut: () => Pointer;
  readonly created: () => Pointer;
  readonly create: (classCount: number, counters: Pointer) => number;
  readonly end: (arena: Pointer) => number;
  readonly reset: (arena: Pointer) => void;
  readonly trim: (arena: Pointer) => void;
  readonly addClass: (arena: Pointer, stride: number) => number;
  readonly retireClass: (arena: Pointer, index: number) => number;
  readonly setPolicy: (arena: Pointer, delayMs: number, ...values: readonly number[]) => number;
  readonly returned: (arena: Pointer) => number;
  readonly countersBytes: () => number;
  readonly dropCounters: (counters: Pointer) => void;
  readonly decay: (arena: Pointer) => number;
  readonly refill: (arena: Pointer, bin: number, want: number) => number;
  readonly flush: (arena: Pointer, bin: number, count: number) => number;
  readonly largeAlloc: (arena: Pointer, size: number) => number;
  readonly largeFree: (arena: Pointer, ref: number) => number;
  readonly noteRetry: (arena: Pointer, refusal: number, cured: number) => void;
  readonly noteRefusal: (arena: Pointer, status: number) => void;
  readonly slabInfo: (arena: Pointer, slab: number) => number;
  readonly setExposed: (arena: Pointer, slab: number, exposed: number) => void;
  readonly giveAway: (arena: Pointer, slab: number) => void;
  readonly nextRetirable: (arena: Pointer, keep: number) => number;
  readonly isRetirable: (arena: Pointer, slab: number) => number;
  readonly retire: (arena: Pointer, slab: number) => number;
  readonly buffer: (bytes: number) => Pointer;
  readonly processStats: (out: Pointer) => number;
  readonly arenaStats: (arena: Pointer, out: Pointer) => number;
  readonly heapStats: (out: Pointer, room: number) => number;
  readonly lengths: (serial: number, out: Pointer, room: number) => number;
  readonly trace: (arena: Pointer, out: Pointer, room: number) => number;
  readonly verify: (arena: Pointer, out: Pointer, max: number) => number;
  readonly strides: (arena: Pointer, evenIfDefault: number) => number;
  readonly superslabCount: (arena: Pointer) => number;
  readonly heapMapBytes: (count: number) => number;
  readonly heapMap: (arena: Pointer, rows: Pointer, count: number) => number;
  readonly tableName: (table: number, row: number) => Pointer;
  readonly tableValue: (table: number, row: number) => number;
  readonly arenaOptionText: (row: number, column: number) => Pointer;
  readonly arenaOptionMax: (row: number) => number;
  readonly optionText: (row: number, column: number) => Pointer;
  readonly optionNumber: (row: number, column: number) => number;
  readonly optionWarning: (row: number) => Pointer;
  readonly defaultStride: (row: number) => number;
}

interface Memory {
  readonly buffer: SharedArrayBuffer;
}

/** The part of the engine's WebAssembly that is used here. */
interface Engine {
  readonly Memory: new (of: { initial: number; maximum: number; shared: true }) => Memory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

/** In pages of 64 KB; the linker was told the same (tools/build/recipe.mjs). */
const MEMORY_MAX = 4096;
/** What a program that makes some arenas needs. */
const MEMORY_INITIAL = 16;

const OLDEST_CLOCK_MS = 1e3;

/** Frames of stack for an export, and for what stands between the caller's check and that. */
const CORE_ROOM = 70;
const BACKEND_ROOM = CORE_ROOM + 40;

/** No export has more parameters. */
type Export = (...parameters: Seven) => number;
type Seven = [a: number, b: number, c: number, d: number, e: number, f: number, g: number];

const INTERRUPTED =
  'A call of the core was interrupted (by a vm timeout, the end of the stack, or a check that failed), so that its ' +
  'books may be wrong. This thread can use no arena any more';

const LIMIT_VARIABLE = 'HAKMEM_MAX_MEMORY_MB';

/** What csrc/supply/superslabs.c makes of `auto`, which can ask no system here. */
function shareOfRamMb(): number {
  const groupBytes = process.constrainedMemory();
  const machineBytes = totalmem();
  const bytes = groupBytes > 0 ? Math.min(groupBytes, machineBytes) : machineBytes;
  return Math.floor((bytes / 1024 / 1024) * 0.75);
}

export class Core {
  readonly call: CoreExports;
  readonly #memory: Memory;
  #bytes: Uint8Array;
  /** A call is under way, or one has never come to its end: what stops WebAssembly runs no code of ours. */
  #isInside = false;

  /** @param forget - is told of slabs whose bytes nobody needs, by address. */
  constructor(forget: (address: number, bytes: number) => void) {
    setCoreRoom(BACKEND_ROOM);
    const { WebAssembly: engine } = globalThis as unknown as { WebAssembly?: Engine };
    if (engine === undefined) throw new Error('this engine has no WebAssembly');
    const { Memory, Module, Instance } = engine;
    // Without a prototype: the engine looks for more properties than these, and a program may have put some there.
    const limits = { initial: MEMORY_INITIAL, maximum: MEMORY_MAX, shared: true } as const;
    this.#memory = new Memory(Object.assign(Object.create(null) as typeof limits, limits));
    this.#bytes = new Uint8Array(this.#memory.buffer);
    const beginMs = nowMs() - OLDEST_CLOCK_MS;
    const host = {
      forget: (address: number, bytes: number) => forget(address >>> 0, bytes >>> 0),
      now: () => nowMs() - beginMs,
      env: (name: Pointer, out: Pointer, room: number) => this.#putVariable(name, out, room),
      fail: (condition: Pointer, file: Pointer, line: number) => {
        const where = `${this.text(file)}:${line}`;
        throw new Error(`hakmem-arena: check failed: ${this.text(condition)} (${where})`);
      },
    };
    const module = new Module(Buffer.from(WASM, 'base64'));
    const instance = new Instance(module, { host, env: { memory: this.#memory } });
    this.call = this.#guarded(instance.exports as Record<string, Export>);
  }

  /** Whether a call never came to its end. To be asked outside of calls. */
  get isBroken(): boolean {
    return this.#isInside;
  }

  /**
   * Exports that refuse to run after one that was interrupted. They make sure of their stack first: an overflow that
   * everybody survives must not count as an interruption.
   */
  #guarded(exports: Readonly<Record<string, Export>>): CoreExports {
    const guard =
      (run: Export): Export =>
      (a, b, c, d, e, f, g) => {
        if (this.#isInside) throw invalidState(INTERRUPTED);
        ensureCoreStack(CORE_ROOM);
        this.#isInside = true;
        const result = run(a, b, c, d, e, f, g);
        this.#isInside = false;
        return result;
      };
    const entries = Object.entries(exports).map(([name, run]) => [name, guard(run)] as const);
    return Object.fromEntries(entries) as unknown as CoreExports;
  }

  get memory(): SharedArrayBuffer {
    return this.#memory.buffer;
  }

  /** The text that ends with a zero at `at`. */
  text(at: Pointer): string {
    if (at >= this.#bytes.length) this.#bytes = new Uint8Array(this.#memory.buffer);
    const end = this.#bytes.indexOf(0, at);
    return Buffer.from(this.#bytes.subarray(at, end)).toString('utf8');
  }

  /** The same; undefined: there is none. */
  optionalText(at: Pointer): string | undefined {
    return at === 0 ? undefined : this.text(at);
  }

  /** Writes a text and a zero. */
  putText(text: string, at: Pointer): void {
    const bytes = Buffer.from(text);
    this.#bytes.set(bytes, at);
    this.#bytes[at + bytes.length] = 0;
  }

  #putVariable(name: Pointer, out: Pointer, room: number): number {
    const variable = this.text(name);
    const set = attempt(() => process.env[variable]);
    const value = variable === LIMIT_VARIABLE && set === 'auto' ? String(shareOfRamMb()) : set;
    if (value === undefined || Buffer.byteLength(value) >= room) return -1;
    this.putText(value, out);
    return Buffer.byteLength(value);
  }
}
