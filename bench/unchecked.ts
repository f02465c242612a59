// Unchecked: a front without counters and checks, to measure what they cost. It is made of the package's own front
// and tables: what differs stands here, and whatever else happens is the same. It must not be given what an arena
// would refuse, and its statistics mean nothing.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as Create from '../dist/arena/create';
import type * as Buckets from '../dist/front/buckets';
import type * as FrontModule from '../dist/front/front';
import type * as KitModule from '../dist/front/kit';
import type * as Geometry from '../dist/native/geometry';
import type * as ViewTable from '../dist/front/view-table';
import type * as ViewModule from '../dist/view/view';

/** A module of the package that it does not export. */
function inside(name: string): unknown {
  const require = createRequire(__filename);
  return require(join(dirname(require.resolve('hakmem-arena')), name));
}

const { makeParts } = inside('arena/create') as typeof Create;
const { HEAD, RECORD_BITS, bucketOfBuffers } = inside('front/buckets') as typeof Buckets;
const { Front } = inside('front/front') as typeof FrontModule;
const { newKit } = inside('front/kit') as typeof KitModule;
const { CLASS_SIZE_MAX } = inside('native/geometry') as typeof Geometry;
const { BUCKET, VIEW_SHIFT } = inside('front/view-table') as typeof ViewTable;
const { ARENA, idOf } = inside('view/view') as typeof ViewModule;

class UncheckedFront extends Front {
  /** Without a counter, and without a look whether the view has that length. */
  override alloc(size: number, owner: number): Buffer {
    if (typeof size !== 'number' || (size | 0) !== size || size <= 0 || size > CLASS_SIZE_MAX) {
      return super.alloc(size, owner);
    }
    const { ints } = this;
    const bucket = bucketOfBuffers(size);
    const at = bucket << RECORD_BITS;
    const id = ints[at + HEAD]!;
    if (id === 0) return this.allocFresh(size, bucket, owner);
    const view = this.views[id >> VIEW_SHIFT] as Buffer;
    ints[at + HEAD] = ints[id]!;
    ints[id] = -owner;
    return view;
  }

  /** Without counters, a look whether the view is live, and one whether its bucket is full. */
  override free(view: Buffer): void {
    const { ints } = this;
    const id = idOf(view, this.table.home);
    const bucket = ints[id + BUCKET]!;
    if (bucket === 0) {
      this.#freeFirst(id, view);
    } else {
      const at = bucket << RECORD_BITS;
      ints[id] = ints[at + HEAD]!;
      ints[at + HEAD] = id;
    }
  }

  /** Without counters nobody knows how full a bucket is: every view goes into its own that may have one. */
  #freeFirst(id: number, view: Buffer): void {
    const { buckets, ints, table } = this;
    const bucket = table.targetOf(id);
    if (!buckets.claim(bucket, table.viewKindOf(id), table.bytesOf(id))) {
      super.free(view);
      return;
    }
    table.keep(id, view);
    ints[id] = ints[(bucket << RECORD_BITS) + HEAD]!;
    ints[(bucket << RECORD_BITS) + HEAD] = id;
  }
}

/** What an arena does before its front does the work. */
export class UncheckedArena {
  readonly #front: InstanceType<typeof UncheckedFront>;

  constructor() {
    const { core, options } = makeParts({ name: 'bench' });
    this.#front = new UncheckedFront(core, options, newKit(options.strides));
  }

  allocUnsafe(size: number, alignment?: number): Buffer {
    if (alignment === undefined) return this.#front.alloc(size, ARENA);
    return this.#front.allocAligned(size, alignment, ARENA);
  }

  free(view: Buffer): void {
    this.#front.free(view);
  }
}
