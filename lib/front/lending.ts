/**
 * Lending: blocks that leave a front for another thread, and those that are recalled before anybody has adopted them.
 *
 * Owns:      nothing.
 * Called by: the front, which extends it by way of the fresh path.
 * Calls:     the slow path and the tables.
 */
import { HakmemError, invalidArgValue, invalidState } from '../errors';
import { type Ticket, badTicket, validateTicket } from '../letters/ticket';
import { SLAB_BUSY, native } from '../native/native';
import { Room, Way, ensureWholeStack } from '../base/stack';
import { ARENA, NO_OWNER, type View, idOf } from '../view/view';
import { bufferMaker, isGone, lengthOf, rangeOf } from '../view/kinds';
import { REF_INDEX_BITS } from '../native/geometry';
import { SlowPath } from './slow-path';
import * as viewTable from './view-table';

const { BYTES, INFO, Kind, OTHER_THAN_BUFFER } = viewTable;

const lending = new Way();

export class Lending extends SlowPath {
  /** Blocks of a class that the front has out of the core, by its own count. */
  ownedOf(classIndex: number): number {
    return this.blocks.ownedOf(classIndex);
  }

  /** Whether a view is a live Buffer on a block of a class, whose memory is there. The getter is the engine's. */
  protected isWholeBuffer(id: number, view: View): boolean {
    const { ints } = this;
    if (ints[id]! >= 0 || (ints[id + INFO]! & OTHER_THAN_BUFFER) !== 0) return false;
    return lengthOf(view as Buffer) === ints[id + BYTES];
  }

  /** Bytes of a view that {@link isWholeBuffer}; -1: it is not. */
  plainBytes(view: View): number {
    const id = idOf(view, this.table.home);
    return this.isWholeBuffer(id, view) ? this.ints[id + BYTES]! : -1;
  }

  /** Ends a live view and hands its bytes over. Throws, and changes nothing, when that cannot be. */
  lend(view: View): Ticket {
    this.finish();
    const id = idOf(view, this.table.home);
    if (this.table.ownerOf(id) === NO_OWNER) throw this.counted(this.refusal(view));
    if (this.table.isHeld(id)) throw invalidState('The view is retained');
    if (this.table.kindOf(id) === Kind.Empty) {
      throw invalidArgValue('view', 'has no bytes to hand over', view);
    }
    if (isGone(view)) throw new HakmemError('ERR_HAKMEM_STALE_VIEW');
    return this.lendBlock(id, view);
  }

  /** The block leaves first: what is refused has changed nothing. */
  private lendBlock(id: number, view: View): Ticket {
    const { table } = this;
    const [begin, end] = rangeOf(view);
    const bytes = end - begin;
    const isLarge = table.kindOf(id) === Kind.Large;
    lending.ensureStack(isLarge ? Room.Call : Room.Step);
    if (isLarge) this.large.fetch();
    const ticket = native.offer(this.arena, table.refOf(id), bytes);
    if (ticket < 0) throw this.outOfMemory(ticket, bytes);
    if (isLarge) {
      this.large.lend(table.refOf(id));
    } else {
      this.blocks.countLent(table.classOf(id), 1);
      this.countEnd(id);
    }
    table.remove(id, view);
    return ticket;
  }

  /** A Buffer on what a ticket of this front was for; undefined: somebody has adopted it. */
  takeLent(ticket: Ticket): Buffer | undefined {
    validateTicket(ticket);
    this.assertOpen();
    ensureWholeStack();
    const recalled = native.recall(this.arena, ticket);
    if (recalled === SLAB_BUSY) return undefined;
    if (typeof recalled === 'number') throw badTicket();
    const ref = recalled[0]!;
    const bin = recalled[1]!;
    const bytes = recalled[2]!;
    const isLarge = bin >= native.tables.runBin;
    if (isLarge) this.large.recall(ref);
    else this.blocks.countLent(bin, -1);
    if (this.slabs.isGivenAway(ref >>> REF_INDEX_BITS)) {
      if (isLarge) this.large.drop(ref);
      else this.blocks.drop(bin, ref);
      throw new HakmemError('ERR_HAKMEM_STALE_VIEW');
    }
    return isLarge
      ? this.viewOnLarge(bufferMaker, ref, bytes, ARENA)
      : this.viewOn(bufferMaker, ref, bytes, bin, ARENA);
  }
}
