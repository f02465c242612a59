/**
 * Fresh path: a new Buffer on a free block at hand, and the way back of a Buffer that no bucket keeps.
 *
 * A length that does not repeat comes here with every allocation and every free. Hence `allocFresh` and
 * `freeFresh` do in one run what the slow path and the tables do step by step; test/unit/front/fresh-path.test.ts
 * holds them against those, to the last integer. Whatever needs more than what is at hand falls into the slow
 * path before anything is changed.
 *
 * Both are longer than what V8 inlines, on purpose: see "What V8 asks of hot code" in docs/ARCHITECTURE.md.
 *
 * Owns:      nothing; parts of the tables, one step closer.
 * Called by: the front, when a bucket has no view, or no room.
 * Calls:     the slow path, and the tables.
 */
import * as buckets from './buckets';
import * as frontCounters from './counters';
import * as freeBlocks from './free-blocks';
import * as geometry from '../native/geometry';
import type { Kit } from './kit';
import { Lending } from './lending';
import { type FrontOptions } from './tables';
import * as views from './view-table';
import type { NativeArena } from '../native/native';
import { FastBuffer, type View, stamp } from '../view/view';
import * as kinds from '../view/kinds';

const { CAP, EXACT, FULL_AT, HEAD, KEY, KIND_BITS, RECORD_BITS } = buckets;
const { BY_CLASS, FREES } = frontCounters;
const { LIMIT, NO_BLOCK, REFUSALS, STACK_BITS, STRIDE, TOP } = freeBlocks;
const { BYTES, CLASS_SHIFT, COUNTED, INFO, OTHER_THAN_BUFFER, REF, TARGET_BUCKET } = views;
const { REF_INDEX_BITS, REF_INDEX_MASK } = geometry;
const { sizeOf } = kinds;
const NewBuffer = FastBuffer;

export class FreshPath extends Lending {
  declare protected readonly counts: Float64Array;
  declare private readonly liveBytes: Float64Array;
  declare private readonly toStack: Float64Array;
  declare private readonly stacks: Int32Array;
  declare private readonly refs: Int32Array;
  declare private readonly buffers: readonly (ArrayBuffer | undefined)[];

  constructor(core: NativeArena, options: FrontOptions, kit: Kit) {
    super(core, options, kit);
    this.counts = this.counters.counts;
    this.liveBytes = this.counters.liveBytes;
    this.toStack = this.counters.toStack;
    this.stacks = this.blocks.stacks;
    this.refs = this.blocks.refs;
    this.buffers = this.slabs.buffers;
  }

  /** Whether what is freed is zeroed. */
  scrubs(): boolean {
    return false;
  }

  /** A live Buffer of `size` bytes (1 .. 64 KB) whose bucket has none, or none that is whole. */
  protected allocFresh(size: number, bucket: number, owner: number): Buffer {
    const { ints, stacks, table } = this;
    const index = this.classFor(size);
    const id = table.unused;
    const stack = index << STACK_BITS;
    const top = stacks[stack + TOP]!;
    const ref = this.refs[top]!;
    if (ref === NO_BLOCK || id === 0) return this.allocSlow(size, owner);
    const at = bucket << RECORD_BITS;
    const isCounted = size <= EXACT || ints[at + KEY] === size << KIND_BITS;
    // A view that is in its bucket in spite of all has lost its slab.
    if (isCounted && ints[at + HEAD] !== 0) return this.allocSlow(size, owner);
    const buffer = this.buffers[ref >>> REF_INDEX_BITS];
    // Not exposed, or detached. V8 would not inline what stands in a try block.
    if (buffer === undefined || sizeOf(buffer) === 0) return this.allocSlow(size, owner);
    const offset = (ref & REF_INDEX_MASK) * stacks[stack + STRIDE]!;
    // All calls come before the first change: the stack may end at any of them.
    const view = stamp(new NewBuffer(buffer, offset, size), table.home, id);
    stacks[stack + TOP] = top - 1;
    table.unused = ints[id]!;
    ints[id] = -owner;
    ints[id + REF] = ref;
    ints[id + BYTES] = size;
    ints[id + TARGET_BUCKET] = bucket;
    if (isCounted) {
      ints[id + INFO] = (index << CLASS_SHIFT) | COUNTED;
      ints[at + FULL_AT]!++;
      this.counts[bucket]!++;
    } else {
      ints[id + INFO] = index << CLASS_SHIFT;
      this.counts[BY_CLASS + index]!++;
      this.liveBytes[index]! += size;
    }
    return view;
  }

  /** Takes back a live Buffer that never was in a bucket, or whose bucket is full; or any other live view. */
  protected freeFresh(id: number, view: View): void {
    const { counts, ints, refs, stacks, table } = this;
    const info = ints[id + INFO]!;
    const bucket = ints[id + TARGET_BUCKET]!;
    if ((info & OTHER_THAN_BUFFER) !== 0 || bucket === 0) {
      this.freeSlow(id, view);
      return;
    }
    const at = bucket << RECORD_BITS;
    const index = info >> CLASS_SHIFT;
    const stack = index << STACK_BITS;
    const top = stacks[stack + TOP]! + 1;
    if ((info & COUNTED) === 0) {
      const bytes = ints[id + BYTES]!;
      const key = bytes << KIND_BITS;
      if (
        top > stacks[stack + LIMIT]! ||
        ints[at + KEY] === key ||
        buckets.noteClaim(ints, bucket, key, this.buckets.enough)
      ) {
        this.freeSlow(id, view);
        return;
      }
      refs[top] = table.remove(id, view);
      counts[BY_CLASS + FREES + index]!++;
      this.liveBytes[index]! -= bytes;
    } else {
      const frees = counts[bucket + FREES]!;
      if (counts[bucket]! - frees > ints[at + FULL_AT]!) {
        table.keep(id, view);
        ints[id] = ints[at + HEAD]!;
        ints[at + HEAD] = id;
        counts[bucket + FREES] = frees + 1;
        return;
      }
      const refusals = stacks[stack + REFUSALS]!;
      // A long bucket without a cap may have to be taken from its length.
      const isEnding = bucket > EXACT && ints[at + CAP] === 0;
      if (refusals === 0 || isEnding || top > stacks[stack + LIMIT]!) {
        this.freeSlow(id, view);
        return;
      }
      refs[top] = table.remove(id, view);
      stacks[stack + REFUSALS] = refusals - 1;
      ints[at + FULL_AT]!--;
      counts[bucket + FREES] = frees + 1;
    }
    stacks[stack + TOP] = top;
    this.toStack[index]!++;
  }
}
