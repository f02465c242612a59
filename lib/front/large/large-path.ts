/**
 * Large path: allocates and frees views beyond 64 KB.
 *
 *   alloc: a view of that length that is kept -> a kept block that fits -> one from the core -> give all free blocks
 *          back and try again -> ERR_HAKMEM_OUT_OF_MEMORY
 *   free:  the view is kept with its block, as far as the demand goes
 *
 * Owns:      nothing.
 * Called by: the slow path, which extends it.
 * Calls:     the tables.
 */
import { CLASS_SIZE_MAX } from '../../native/geometry';
import { OUT_OF_MEMORY_OS } from '../../native/native';
import { FrontTables } from '../tables';
import type { ViewMaker } from '../../view/kinds';
import type { View } from '../../view/view';
import { Kind, infoOf } from '../view-table';

export class LargePath extends FrontTables {
  /** A kept view of what is asked for, whatever that is, live from now on; undefined: there is none. */
  protected takeLarge(kind: number, bytes: number, owner: number): View | undefined {
    if (typeof bytes !== 'number' || bytes <= CLASS_SIZE_MAX || this.isEnding) return undefined;
    return this.large.takeView(kind, bytes, owner);
  }

  protected allocLarge<V extends View>(maker: ViewMaker<V>, bytes: number, owner: number): V {
    const ref = this.blockFor(bytes, () => this.large.take(bytes));
    return this.viewOnLarge(maker, ref, bytes, owner);
  }

  /** Makes and counts a view on a run or huge mapping; a block that cannot be shown goes back. */
  protected viewOnLarge<V extends View>(
    maker: ViewMaker<V>,
    ref: number,
    bytes: number,
    owner: number,
  ): V {
    const view = this.makeView(maker, ref, 0, bytes);
    if (view === undefined) {
      this.large.drop(ref);
      throw this.outOfMemory(OUT_OF_MEMORY_OS, bytes);
    }
    this.large.countAlloc(ref, maker.kind, bytes);
    return this.enter(view, infoOf(Kind.Large, 0, 0), ref, 0, 0, owner);
  }
}
