/**
 * Envelope: what goes with a message beside its bytes, a few numbers and a tag.
 */
import { invalidArgType, invalidArgValue } from '../errors';
import { lengthOf, setBytes } from '../view/kinds';
import { NUMBERS_MAX, TAG_BYTES_MAX } from './memory';

const NOTHING: readonly number[] = Object.freeze([]);
const NO_BYTES = Buffer.alloc(0);

/** Checks and keeps the envelope of the message that is sent next. One is reused for all of them. */
export class Envelope {
  readonly #numbers = new Float64Array(NUMBERS_MAX);
  /** Tags repeat, and are encoded once. */
  #tag = '';
  #tagBytes: Buffer = NO_BYTES;
  count = 0;
  tagBytes = 0;

  /** Throws when it cannot go with a message. */
  set(header?: readonly number[], tag?: string): void {
    const count = header === undefined ? 0 : this.#take(header);
    if (tag === undefined || tag === '') {
      this.tagBytes = 0;
    } else {
      if (tag !== this.#tag) this.#encode(tag);
      this.tagBytes = lengthOf(this.#tagBytes);
    }
    this.count = count;
  }

  /** How many numbers it has. */
  #take(header: readonly number[]): number {
    if (!Array.isArray(header)) throw invalidArgType('header', 'an array of numbers', header);
    const count = header.length;
    if (count > NUMBERS_MAX) {
      throw invalidArgValue('header', `must have at most ${NUMBERS_MAX} numbers`, header);
    }
    for (let i = 0; i < count; i++) {
      const value: unknown = header[i];
      if (typeof value !== 'number') throw invalidArgType(`header[${i}]`, 'of type number', value);
      this.#numbers[i] = value;
    }
    return count;
  }

  #encode(tag: unknown): void {
    if (typeof tag !== 'string') throw invalidArgType('tag', 'of type string', tag);
    // Every unit of UTF-16 takes a byte or more.
    const bytes = tag.length > TAG_BYTES_MAX ? undefined : Buffer.from(tag);
    if (bytes === undefined || lengthOf(bytes) > TAG_BYTES_MAX) {
      throw invalidArgValue('tag', `must have at most ${TAG_BYTES_MAX} bytes of UTF-8`, tag);
    }
    this.#tag = tag;
    this.#tagBytes = bytes;
  }

  /** Writes it at a multiple of 8, around so many bytes. */
  write(numbers: Float64Array, ring: Uint8Array, at: number, bytes: number): void {
    const first = at >> 3;
    for (let i = 0; i < this.count; i++) numbers[first + i] = this.#numbers[i]!;
    if (this.tagBytes > 0) setBytes(ring, this.#tagBytes, at + this.count * 8 + bytes);
  }
}

export function readNumbers(numbers: Float64Array, at: number, count: number): readonly number[] {
  if (count === 0) return NOTHING;
  const first = at >> 3;
  return Array.from({ length: count }, (_, i) => numbers[first + i]!);
}

/** Reads tags. They repeat, and are decoded once. */
export class TagReader {
  #last = '';
  #bytes: Buffer = NO_BYTES;

  /** The bytes are copied before they are decoded, and each is looked at once: whoever shares the ring can change them. */
  read(ring: Uint8Array, at: number, length: number): string {
    if (!this.#isLast(ring, at, length)) {
      this.#bytes = Buffer.from(ring.subarray(at, at + length));
      this.#last = this.#bytes.toString();
    }
    return this.#last;
  }

  #isLast(ring: Uint8Array, at: number, length: number): boolean {
    const bytes = this.#bytes;
    if (bytes.length !== length) return false;
    for (let i = 0; i < length; i++) if (bytes[i] !== ring[at + i]) return false;
    return true;
  }
}
