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

interface Resting {
  readonly buffer: ArrayBuffer;
  readonly bytes: number;
  readonly untilMs: number;
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

/** 0: it is detached. */
export function lengthOf(buffer: ArrayBuffer): number {
  return apply(byteLength, buffer, []);
}

/** Zeroes all of it. */
export function zero(buffer: ArrayBuffer): void {
  apply(fill, new Uint8Array(buffer), [0]);
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

export class SlabMemory {
  /** Bytes of concealed slabs, by address / 64 KB. */
  readonly #concealed = new Map<number, ArrayBuffer>();
  /** Oldest first. */
  #resting: Resting[] = [];
  #isTimed = false;

  /**
   * Memory for a slab, run or huge mapping, attached and nobody else's. It holds what it held, or zeroes.
   *
   * @throws RangeError: the engine has no more.
   */
  take(address: number, bytes: number): ArrayBuffer {
    const key = address / SLAB_BYTES;
    if (bytes !== SLAB_BYTES) this.forget(address, bytes);
    const concealed = this.#concealed.get(key);
    if (concealed === undefined) return this.#takeResting(bytes) ?? new ArrayBuffer(bytes);
    this.#concealed.delete(key);
    return concealed;
  }

  /** Takes over what {@link moved} made of the ArrayBuffer of `address`. */
  conceal(address: number, buffer: ArrayBuffer): void {
    if (lengthOf(buffer) === SLAB_BYTES) this.#concealed.set(address / SLAB_BYTES, buffer);
    else this.#rest(buffer);
  }

  /** The bytes of a range of whole slabs are zeroes from now on. */
  forget(address: number, bytes: number): void {
    const from = address / SLAB_BYTES;
    const end = from + bytes / SLAB_BYTES;
    if (end - from > this.#concealed.size) {
      for (const key of this.#concealed.keys()) if (key >= from && key < end) this.#forgetSlab(key);
    } else {
      for (let key = from; key < end; key++) this.#forgetSlab(key);
    }
  }

  #forgetSlab(key: number): void {
    const buffer = this.#concealed.get(key);
    if (buffer === undefined) return;
    this.#concealed.delete(key);
    zero(buffer);
    this.#rest(buffer);
  }

  #rest(buffer: ArrayBuffer): void {
    this.#resting.push({ buffer, bytes: lengthOf(buffer), untilMs: nowMs() + REST_MS });
    this.#wait();
  }

  /** Of exactly this length, which says how long the block is. The core asks for few different ones. */
  #takeResting(bytes: number): ArrayBuffer | undefined {
    const at = this.#resting.findIndex((one) => one.bytes === bytes);
    if (at < 0) return undefined;
    const [{ buffer }] = this.#resting.splice(at, 1) as [Resting];
    zero(buffer);
    return buffer;
  }

  #wait(): void {
    const oldest = this.#resting[0];
    if (this.#isTimed || oldest === undefined) return;
    this.#isTimed = true;
    startTimer(() => this.#letGo(), Math.max(1, oldest.untilMs - nowMs()));
  }

  #letGo(): void {
    const ms = nowMs();
    this.#isTimed = false;
    this.#resting = this.#resting.filter(({ untilMs }) => untilMs > ms);
    this.#wait();
  }
}
