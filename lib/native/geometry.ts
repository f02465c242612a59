/**
 * Geometry: sizes that the front and the core must agree on. test/unit/front/geometry.test.ts holds them
 * against the addon.
 */

/** A slab serves blocks of one size class, and is one ArrayBuffer, alone or in a span. */
const SLAB_BYTES = 64 * 1024;

/** The longest span: neighbouring slabs that serve a class of long blocks as one. */
const SPAN_BYTES_MAX = 8 * SLAB_BYTES;

/** An arena has at most so many size classes. */
const CLASS_COUNT_MAX = 96;

/** Slabs come from the operating system in SuperSlabs. */
const SUPERSLAB_BYTES = 2 * 1024 * 1024;

/** The largest request that a size class serves. What is longer has slabs, or a mapping, of its own. */
const CLASS_SIZE_MAX = SLAB_BYTES;

/** The largest block that is a run of slabs. What is longer is a mapping of its own. */
const RUN_SIZE_MAX = SUPERSLAB_BYTES;

/** A block reference is slab number << REF_INDEX_BITS | index of the block in its slab, or in the span that begins there. */
const REF_INDEX_BITS = 13;
const REF_INDEX_MASK = (1 << REF_INDEX_BITS) - 1;

/** Blocks of longer strides may have spans. */
const SPAN_STRIDE_MIN = 8192;

/** Bytes of the span of a class: of the shortest whose blocks cost no more than those of the longest. */
function spanBytesOf(stride: number): number {
  if (stride <= SPAN_STRIDE_MIN) return SLAB_BYTES;
  let bytes = SPAN_BYTES_MAX;
  for (let blocks = Math.floor(bytes / stride); blocks % 2 === 0; blocks /= 2) {
    if (bytes === SLAB_BYTES) break;
    bytes /= 2;
  }
  return bytes;
}

// Exported by name: see "What V8 asks of hot code" in docs/ARCHITECTURE.md.
export {
  CLASS_COUNT_MAX,
  CLASS_SIZE_MAX,
  REF_INDEX_BITS,
  REF_INDEX_MASK,
  RUN_SIZE_MAX,
  SLAB_BYTES,
  SPAN_BYTES_MAX,
  SUPERSLAB_BYTES,
  spanBytesOf,
};
