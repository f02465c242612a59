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
  set(header: readonly number[] = NOTHING, tag = ''): void {
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
    if (tag !== this.#tag) this.#encode(tag);
    this.count = count;
    this.tagBytes = lengthOf(this.#tagBytes);
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

  /** Writes it at a multiple of 8. */
  write(numbers: Float64Array, ring: Uint8Array, at: number): void {
    const first = at / 8;
    for (let i = 0; i < this.count; i++) numbers[first + i] = this.#numbers[i]!;
    if (this.tagBytes > 0) setBytes(ring, this.#tagBytes, at + this.count * 8);
  }
}

export function readNumbers(numbers: Float64Array, at: number, count: number): readonly number[] {
  if (count === 0) return NOTHING;
  const first = at / 8;
  return Array.from({ length: count }, (_, i) => numbers[first + i]!);
}

/** The bytes are copied before they are looked at: whoever shares the ring can change them. */
export function readTag(ring: Uint8Array, at: number, bytes: number): string {
  if (bytes === 0) return '';
  return Buffer.from(ring.subarray(at, at + bytes)).toString();
}
