/**
 * Geometry: sizes that the front and the core must agree on. test/unit/front/geometry.test.ts holds them
 * against the addon.
 */

/** A slab serves blocks of one size class, and is one ArrayBuffer. */
const SLAB_BYTES = 64 * 1024;

/** Slabs come from the operating system in SuperSlabs. */
const SUPERSLAB_BYTES = 2 * 1024 * 1024;

/** The largest request that a size class serves. What is longer has slabs, or a mapping, of its own. */
const CLASS_SIZE_MAX = SLAB_BYTES;

/** The largest block that is a run of slabs. What is longer is a mapping of its own. */
const RUN_SIZE_MAX = SUPERSLAB_BYTES;

/** A block reference is slab number << REF_INDEX_BITS | index of the block in its slab. */
const REF_INDEX_BITS = 13;
const REF_INDEX_MASK = (1 << REF_INDEX_BITS) - 1;

// Exported by name: see "What V8 asks of hot code" in docs/ARCHITECTURE.md.
export {
  CLASS_SIZE_MAX,
  REF_INDEX_BITS,
  REF_INDEX_MASK,
  RUN_SIZE_MAX,
  SLAB_BYTES,
  SUPERSLAB_BYTES,
};
