/**
 * Live ranges: which bytes of which ArrayBuffer are handed out, to catch an address given twice.
 */

/** Blocks begin at multiples of 8. */
const GRANULE_SHIFT = 3;

export class LiveRanges {
  readonly #taken = new WeakMap<ArrayBufferLike, Uint8Array>();
  readonly #ofViews = new WeakMap<ArrayBufferView, Uint8Array>();

  /** Claims the whole block of a view: `bytes` from its start. Throws when a part of it is taken. */
  claim(view: ArrayBufferView, bytes: number): void {
    const granules = this.#granulesOf(view, bytes);
    if (granules.includes(1)) {
      throw new Error(`${bytes} bytes at offset ${view.byteOffset} are live already`);
    }
    granules.fill(1);
    this.#ofViews.set(view, granules);
  }

  /** Gives them up; the slab of the view may be gone by now. */
  release(view: ArrayBufferView, bytes: number): void {
    (this.#ofViews.get(view) ?? this.#granulesOf(view, bytes)).fill(0);
  }

  #granulesOf(view: ArrayBufferView, bytes: number): Uint8Array {
    const { buffer, byteOffset } = view;
    let taken = this.#taken.get(buffer);
    if (taken === undefined) {
      taken = new Uint8Array(Math.ceil(buffer.byteLength / (1 << GRANULE_SHIFT)));
      this.#taken.set(buffer, taken);
    }
    const end = Math.ceil((byteOffset + bytes) / (1 << GRANULE_SHIFT));
    if (byteOffset + bytes > buffer.byteLength) throw new Error('the block ends behind its slab');
    return taken.subarray(byteOffset >> GRANULE_SHIFT, end);
  }
}
