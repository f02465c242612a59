/**
 * Buckets: the free views of one exact length and one kind, each bucket a record of four integers.
 *
 *   bucket 1 .. 1024  Buffers of so many bytes
 *   1025 .. 2048      longer Buffers: a length has one of these by its hash, and owns it while it repeats
 *   2049 .. 2560      typed arrays and DataViews, likewise
 *
 * The number of a bucket is also the index of its counters, and the counters tell how full it is. A view that is
 * freed goes into its bucket; so the views in a bucket and the live views that it counts add up to the same
 * number, until something unusual happens. Hence one number is enough to know that a bucket is full: how many
 * views are live then.
 *
 *   ints[at + HEAD]     at = bucket x 4; number of the first free view, or 0
 *   ints[at + FULL_AT]  the bucket is full when so many of its views are live; it has room while more are
 *   ints[at + CAP]      most views in the bucket. The size class lends it, so that the caps of a class never add
 *                       up to more than its budget
 *   ints[at + KEY]      length and kind that own the bucket; or, negative, a candidate and how often it came in
 *                       a row (buckets 1 .. 1024: always 0)
 *
 * Invariant: live views - FULL_AT = room, and CAP - room = views in the bucket.
 *
 * `alloc` and `free` of the front, and the fresh path, change HEAD, FULL_AT and the counters themselves.
 */
import type { Records } from './records';
import { EXACT_LENGTH_MAX, FREES, type FrontCounters, slotCount } from './counters';

const HEAD = 0;
const FULL_AT = 1;
const CAP = 2;
const KEY = 3;
const RECORD_BITS = 2;

const EXACT_BITS = 10;
/** Lengths up to this one have buckets of their own. */
const EXACT = 1 << EXACT_BITS;
const LONG_BUCKETS = 1024;
const TYPED_BITS = 9;
const FIRST_TYPED = EXACT + 1 + LONG_BUCKETS;
const BUCKET_COUNT = FIRST_TYPED + (1 << TYPED_BITS);
if (EXACT_LENGTH_MAX !== EXACT || slotCount !== BUCKET_COUNT - EXACT - 1) {
  throw new Error('the counters of the native addon do not fit the buckets of the front');
}

/** Integers of all records. */
const TABLE_INTEGERS = BUCKET_COUNT << RECORD_BITS;

/** Chosen so that lengths services often use, and all multiples of 1 KB, have buckets of their own. */
const LONG_SPREAD = 613;
const TYPED_SPREAD = 0x9e3779b1;
/** The key of a bucket is length << KIND_BITS | kind; Buffers are kind 0. */
const KIND_BITS = 4;

/**
 * A candidate owns the bucket when it was freed so many times with no other length of the bucket between.
 * Lengths that never come back must not get buckets: they would push out those that do, and whoever asks for another
 * length would look at their views. With 24 lengths to a bucket, as in 8 to 32 KB, four times happen by chance.
 */
const TIMES_TO_OWN = 6;
/** The same where a learner looks on, which sees only lengths that own one. */
const TIMES_IF_LEARNED = 4;
const TIMES_SHIFT = 22;
const KEY_MASK = (1 << TIMES_SHIFT) - 1;

// Exported by name: see "What V8 asks of hot code" in docs/ARCHITECTURE.md.
export { CAP, EXACT, FULL_AT, HEAD, KEY, KIND_BITS, RECORD_BITS, TABLE_INTEGERS };

/** The bucket of Buffers of a length; without a branch, which would be mispredicted. */
export function bucketOfBuffers(bytes: number): number {
  const last = bytes - 1;
  const isLong = (EXACT - bytes) >>> 31;
  const spread = last ^ Math.imul(last >>> EXACT_BITS, LONG_SPREAD);
  return (spread & (EXACT - 1)) + 1 + (isLong << EXACT_BITS);
}

/** The bucket of views of a kind and length. */
export function bucketOf(kind: number, bytes: number): number {
  if (kind === 0) return bucketOfBuffers(bytes);
  return FIRST_TYPED + (Math.imul(keyOf(kind, bytes), TYPED_SPREAD) >>> (32 - TYPED_BITS));
}

function keyOf(kind: number, bytes: number): number {
  return (bytes << KIND_BITS) | kind;
}

/** Notes a claim to a long bucket. true: `key`, which does not own it yet, may do so now, after `enough` of them. */
export function noteClaim(ints: Int32Array, bucket: number, key: number, enough: number): boolean {
  const at = (bucket << RECORD_BITS) + KEY;
  const known = ints[at]!;
  if (known > 0) return false;
  const times = (-known & KEY_MASK) === key ? (-known >> TIMES_SHIFT) + 1 : 1;
  ints[at] = -((times << TIMES_SHIFT) | key);
  return times >= enough;
}

export class BucketTable {
  readonly #records: Records;
  readonly #counters: FrontCounters;
  readonly #counts: Float64Array;
  /** See {@link noteClaim}. */
  readonly enough: number;

  constructor(records: Records, counters: FrontCounters, learns: boolean) {
    this.enough = learns ? TIMES_IF_LEARNED : TIMES_TO_OWN;
    this.#records = records;
    this.#counters = counters;
    this.#counts = counters.counts;
  }

  /** Whether a bucket serves exactly these views, and counts them. */
  isOwnedBy(bucket: number, kind: number, bytes: number): boolean {
    return bucket <= EXACT ? bucket !== 0 : this.#get(bucket, KEY) === keyOf(kind, bytes);
  }

  /**
   * Asks for a bucket on behalf of a view that is freed. true: the bucket serves its length, now at the
   * latest. Views that are live at that moment were counted by class, and still are.
   */
  claim(bucket: number, kind: number, bytes: number): boolean {
    if (this.isOwnedBy(bucket, kind, bytes)) return true;
    if (bucket <= EXACT) return false;
    if (!noteClaim(this.#records.ints, bucket, keyOf(kind, bytes), this.enough)) return false;
    this.#set(bucket, KEY, keyOf(kind, bytes));
    this.#counters.lendSlot(bucket, bytes);
    return true;
  }

  /** Takes a long bucket from its length if it has no cap and no live views. */
  disownIfUnused(bucket: number, classIndex: number): void {
    if (
      bucket <= EXACT ||
      this.#get(bucket, KEY) <= 0 ||
      this.capOf(bucket) !== 0 ||
      this.#liveOf(bucket) !== 0
    )
      return;
    this.#set(bucket, KEY, 0);
    this.#set(bucket, FULL_AT, 0);
    this.#counters.takeBackSlot(bucket, classIndex);
  }

  /** Bytes of the views that a bucket serves; 0: it serves none. */
  lengthOf(bucket: number): number {
    return bucket <= EXACT ? bucket : Math.max(this.#get(bucket, KEY), 0) >> KIND_BITS;
  }

  /** Takes from some lengths the buckets that they own, which have no cap; from now on they are counted by class. */
  disownAll(isOne: (bytes: number) => boolean, classIndex: number): void {
    for (let bucket = 1; bucket < BUCKET_COUNT; bucket++) {
      const bytes = this.lengthOf(bucket);
      if (bytes === 0 || !isOne(bytes)) continue;
      this.#set(bucket, FULL_AT, 0);
      if (bucket <= EXACT) {
        this.#counters.carryOver(bucket, bytes, classIndex);
      } else {
        this.#set(bucket, KEY, 0);
        this.#counters.takeBackSlot(bucket, classIndex);
      }
    }
  }

  /** Counts a new view of a bucket's length. */
  countFresh(bucket: number): void {
    this.#counts[bucket]!++;
    this.#add(bucket, FULL_AT, 1);
  }

  /** Counts the end of a view of a bucket's length. */
  countDropped(bucket: number): void {
    this.#counts[bucket + FREES]!++;
    this.#add(bucket, FULL_AT, -1);
  }

  /** Puts a live view in, which the bucket counts; it has room. */
  put(bucket: number, id: number): void {
    this.#link(bucket, id);
    this.#counts[bucket + FREES]!++;
  }

  /** Puts in a view whose life was counted by class; the bucket has room. */
  putUncounted(bucket: number, id: number): void {
    this.#link(bucket, id);
    this.#add(bucket, FULL_AT, 1);
  }

  /** Takes the first view out, to be dropped; the bucket has one. */
  take(bucket: number): number {
    const id = this.#get(bucket, HEAD);
    this.#set(bucket, HEAD, this.#records.ints[id]!);
    this.#add(bucket, FULL_AT, -1);
    return id;
  }

  roomOf(bucket: number): number {
    return this.#liveOf(bucket) - this.#get(bucket, FULL_AT);
  }

  /** Allocations that a bucket has counted. */
  allocsOf(bucket: number): number {
    return this.#counts[bucket]!;
  }

  capOf(bucket: number): number {
    return this.#get(bucket, CAP);
  }

  isEmpty(bucket: number): boolean {
    return this.#get(bucket, HEAD) === 0;
  }

  /** Views in a bucket. */
  countOf(bucket: number): number {
    return this.capOf(bucket) - this.roomOf(bucket);
  }

  addCap(bucket: number, more: number): void {
    this.#add(bucket, CAP, more);
    this.#add(bucket, FULL_AT, -more);
  }

  #liveOf(bucket: number): number {
    return this.#counts[bucket]! - this.#counts[bucket + FREES]!;
  }

  #link(bucket: number, id: number): void {
    this.#records.ints[id] = this.#get(bucket, HEAD);
    this.#set(bucket, HEAD, id);
  }

  #get(bucket: number, field: number): number {
    return this.#records.ints[(bucket << RECORD_BITS) + field]!;
  }

  #set(bucket: number, field: number, value: number): void {
    this.#records.ints[(bucket << RECORD_BITS) + field] = value;
  }

  #add(bucket: number, field: number, more: number): void {
    this.#records.ints[(bucket << RECORD_BITS) + field]! += more;
  }
}
