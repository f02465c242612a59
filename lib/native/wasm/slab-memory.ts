/**
 * Slab memory: the bytes of slabs, as ArrayBuffers of the engine's own, by the address that the core has for them.
 *
 * An ArrayBuffer is concealed by moving its memory to another one (`transfer`): views of the first have length 0
 * from then on. Detaching does not stop an operation of the system that is still under way (a read of a file), and the
 * engine would free the memory under it. So what is not needed any more rests for a while, and may be used again.
 */
import { nowMs, startTimer } from '../../base/clock';

const SLAB_BYTES = 65_536;

/** As long as the addresses of native SuperSlabs stay mapped; csrc/cache/cache.h. */
const REST_MS = 10_000;

/** Memory that rests, in a list from the oldest to the newest. */
interface Resting {
  readonly buffer: ArrayBuffer;
  readonly bytes: number;
  readonly untilMs: number;
  next: Resting | undefined;
}

const { apply } = Reflect;
const getter = (of: object, name: string): unknown =>
  Reflect.getOwnPropertyDescriptor(of, name)?.get;

const byteLength = getter(ArrayBuffer.prototype, 'byteLength') as () => number;

/** The engine's own, which runs no code of the program. What a program has put in its place is left alone. */
function ownTransfer(): (() => ArrayBuffer) | undefined {
  const { transfer } = ArrayBuffer.prototype as { transfer?: () => ArrayBuffer };
  if (typeof transfer !== 'function') return undefined;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called by apply
  const text: string = apply(Function.prototype.toString, transfer, []);
  return /^function transfer\(\)\s*\{\s*\[native code\]\s*\}$/.test(text) ? transfer : undefined;
}

const transfer = ownTransfer();
const clone = structuredClone;
// eslint-disable-next-line @typescript-eslint/unbound-method -- called by apply
const { fill } = Uint8Array.prototype;
const Bytes = Uint8Array;
const { max } = Math;

/** 0: it is detached. */
export function lengthOf(buffer: ArrayBuffer): number {
  return apply(byteLength, buffer, []);
}

/** Zeroes all of it. */
export function zero(buffer: ArrayBuffer): void {
  apply(fill, new Bytes(buffer), [0]);
}

/** Another ArrayBuffer with its memory. undefined: it has to stay as it is, or is detached already. */
export function moved(buffer: ArrayBuffer): ArrayBuffer | undefined {
  try {
    const next =
      transfer === undefined ? clone(buffer, { transfer: [buffer] }) : apply(transfer, buffer, []);
    return lengthOf(buffer) === 0 && lengthOf(next) !== 0 ? next : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The core itself calls {@link SlabMemory.forget}, and what throws there leaves the core in the middle of its work. So
 * nothing is called that a program can replace: there is a dictionary without prototype, and a list of plain objects.
 */
export class SlabMemory {
  /** Bytes of concealed slabs, by address / 64 KB. */
  readonly #concealed = Object.create(null) as Record<number, ArrayBuffer | undefined>;
  #oldest: Resting | undefined;
  #newest: Resting | undefined;
  #isTimed = false;

  /**
   * Memory for a slab, run or huge mapping, attached and nobody else's. It holds what it held, or zeroes.
   *
   * @throws RangeError: the engine has no more.
   */
  take(address: number, bytes: number): ArrayBuffer {
    if (bytes !== SLAB_BYTES) this.forget(address, bytes);
    const concealed = this.#takeConcealed(address / SLAB_BYTES);
    return concealed ?? this.#takeResting(bytes) ?? new ArrayBuffer(bytes);
  }

  /** Takes over what {@link moved} made of the ArrayBuffer of `address`. */
  conceal(address: number, buffer: ArrayBuffer): void {
    if (lengthOf(buffer) === SLAB_BYTES) this.#concealed[address / SLAB_BYTES] = buffer;
    else this.#rest(buffer);
  }

  /** The bytes of a range of whole slabs are zeroes from now on. */
  forget(address: number, bytes: number): void {
    const end = (address + bytes) / SLAB_BYTES;
    for (let key = address / SLAB_BYTES; key < end; key++) {
      const buffer = this.#takeConcealed(key);
      if (buffer === undefined) continue;
      zero(buffer);
      this.#rest(buffer);
    }
  }

  #takeConcealed(key: number): ArrayBuffer | undefined {
    const buffer = this.#concealed[key];
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a Map would call functions
    if (buffer !== undefined) delete this.#concealed[key];
    return buffer;
  }

  #rest(buffer: ArrayBuffer): void {
    const resting: Resting = {
      buffer,
      bytes: lengthOf(buffer),
      untilMs: nowMs() + REST_MS,
      next: undefined,
    };
    if (this.#newest === undefined) this.#oldest = resting;
    else this.#newest.next = resting;
    this.#newest = resting;
    this.#wait();
  }

  /** Of exactly this length, which says how long the block is. The core asks for few different ones. */
  #takeResting(bytes: number): ArrayBuffer | undefined {
    let before: Resting | undefined;
    let one = this.#oldest;
    while (one !== undefined && one.bytes !== bytes) {
      before = one;
      one = one.next;
    }
    if (one === undefined) return undefined;
    if (before === undefined) this.#oldest = one.next;
    else before.next = one.next;
    if (this.#newest === one) this.#newest = before;
    zero(one.buffer);
    return one.buffer;
  }

  #wait(): void {
    if (this.#isTimed || this.#oldest === undefined) return;
    this.#isTimed = true;
    startTimer(() => this.#letGo(), max(1, this.#oldest.untilMs - nowMs()));
  }

  #letGo(): void {
    const ms = nowMs();
    this.#isTimed = false;
    while (this.#oldest !== undefined && this.#oldest.untilMs <= ms)
      this.#oldest = this.#oldest.next;
    if (this.#oldest === undefined) this.#newest = undefined;
    this.#wait();
  }
}
