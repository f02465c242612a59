/**
 * Slab words: what a cell of the map says of its slab.
 */
import { bytes } from './format.js';
import type { MapReply, SlabCell, SuperSlabCells } from '../wire.js';

/** What the numbers in the cells mean. */
export type Tables = Pick<MapReply, 'codes' | 'classNames'>;

/** A cell of a slab that serves a class. */
export type ClassCell = Exclude<SlabCell, number>;

export function isClass(cell: SlabCell): cell is ClassCell {
  return typeof cell !== 'number';
}

/** Whether another thread has blocks of the slab, or may get them. */
export function isAway(cell: ClassCell): boolean {
  return cell[4] > 0;
}

/** The cell that counts at a slot: a tail stands for the run it belongs to. */
export function headOf({ slabs }: SuperSlabCells, slot: number, tables: Tables): SlabCell {
  let at = slot;
  while (at > 0 && !isClass(slabs[at]!) && tables.codes[slabs[at] as number] === 'tail') at--;
  return slabs[at]!;
}

/** One slab in words. */
export function describeSlab(superslab: SuperSlabCells, slot: number, tables: Tables): string {
  const place = `SuperSlab ${superslab.index}, ${superslab.tier}, slab ${slot}`;
  const cell = headOf(superslab, slot, tables);
  if (!isClass(cell)) {
    const words = {
      untouched: 'free, takes up no memory',
      touched: 'free, pages not given back',
      lost: 'lost until JavaScript lets go of its ArrayBuffer',
      tail: 'part of a run',
    };
    return `${place}: ${words[tables.codes[cell]!]}`;
  }
  const [index, blockSize, taken, capacity, away] = cell;
  const name = tables.classNames[index]!;
  if (name === 'huge')
    return `SuperSlab ${superslab.index}: huge, ${bytes(superslab.bytes)}${isAway(cell) ? ', away' : ''}`;
  if (capacity === 0) return `${place}: run${isAway(cell) ? ', away' : ''}`;
  const lent = away === 0 ? '' : `, ${away} of them away`;
  return `${place}: ${name}, ${taken} of ${capacity} blocks of ${blockSize} B taken${lent}`;
}
