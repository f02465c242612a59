/**
 * Slab paint: draws tiles, cells and the cursor on a canvas.
 *
 * A cell's colour says which class its slab serves; it is filled from below as far as its blocks are
 * taken. A dark corner: some of them are in another thread.
 */
import { bytes } from './format.js';
import { paintColor, themeColor } from './palette.js';
import type { SlabGrid } from './slab-grid.js';
import {
  CELL,
  COLUMNS,
  GAP,
  type Place,
  type Point,
  SLABS,
  TILE_HEIGHT,
  TILE_WIDTH,
  cellAt,
  isHuge,
} from './slab-grid.js';
import { type ClassCell, type Tables, headOf, isAway, isClass } from './slab-words.js';
import type { SlabCode, SuperSlabCells } from '../wire.js';

/** How strongly a cell shows, and its filling; and both where another class is marked. */
const SHADE = { cell: 0.28, fill: 1, dimCell: 0.06, dimFill: 0.16 };

/** 0..1: how full a slab is. Runs and huge mappings are. */
function fillOf([, , taken, capacity]: ClassCell): number {
  return capacity === 0 ? 1 : taken / capacity;
}

export class SlabPainter {
  readonly #context: CanvasRenderingContext2D;
  readonly #grid: SlabGrid;
  readonly #tables: Tables;
  readonly #marked: string | undefined;
  readonly #line = themeColor('line');
  readonly #alert = themeColor('alert');
  readonly #text = themeColor('text');
  readonly #panel = themeColor('panel');

  /** `marked`: the name of the one class that is to stand out. */
  constructor(
    context: CanvasRenderingContext2D,
    grid: SlabGrid,
    tables: Tables,
    marked: string | undefined,
  ) {
    this.#context = context;
    this.#grid = grid;
    this.#tables = tables;
    this.#marked = marked;
  }

  drawTile(superslab: SuperSlabCells, tile: number): void {
    const corner = this.#grid.tileAt(tile);
    if (isHuge(superslab)) {
      this.#drawHuge(superslab, corner);
      return;
    }
    if (superslab.tier === 'draining') this.#drawDraining(corner);
    for (let slot = 0; slot < SLABS; slot++) {
      const cell = headOf(superslab, slot, this.#tables);
      const at = cellAt(corner, slot);
      if (isClass(cell)) this.#drawClass(cell, at, this.#isJoined(superslab, slot));
      else this.#drawFree(this.#tables.codes[cell]!, at);
    }
  }

  drawCursor({ tile, slot }: Place, superslab: SuperSlabCells): void {
    const context = this.#context;
    const corner = this.#grid.tileAt(tile);
    const huge = isHuge(superslab);
    const { x, y } = huge ? corner : cellAt(corner, slot);
    const width = huge ? TILE_WIDTH : CELL;
    const height = huge ? TILE_HEIGHT : CELL;
    context.globalAlpha = 1;
    context.strokeStyle = this.#text;
    context.lineWidth = 2;
    context.strokeRect(x - 1, y - 1, width + 2, height + 2);
    context.lineWidth = 1;
  }

  /** true: the next cell of the line belongs to the same run, so there is no gap between them. */
  #isJoined({ slabs }: SuperSlabCells, slot: number): boolean {
    const next = slabs[slot + 1];
    if (slot % COLUMNS === COLUMNS - 1 || typeof next !== 'number') return false;
    return this.#tables.codes[next] === 'tail';
  }

  #drawClass(cell: ClassCell, { x, y }: Point, joined: boolean): void {
    const context = this.#context;
    const color = paintColor(cell[0]);
    const dim = this.#marked !== undefined && this.#tables.classNames[cell[0]] !== this.#marked;
    const fill = Math.round(fillOf(cell) * CELL);
    const width = CELL + (joined ? GAP : 0);
    context.fillStyle = color;
    context.globalAlpha = dim ? SHADE.dimCell : SHADE.cell;
    context.fillRect(x, y, width, CELL);
    context.globalAlpha = dim ? SHADE.dimFill : SHADE.fill;
    context.fillRect(x, y + CELL - fill, width, fill);
    context.strokeStyle = color;
    if (!joined && cell[3] > 0) context.strokeRect(x + 0.5, y + 0.5, CELL - 1, CELL - 1);
    if (isAway(cell)) this.#drawAway({ x, y });
  }

  /** A corner: blocks of it are in another thread. */
  #drawAway({ x, y }: Point): void {
    const context = this.#context;
    context.globalAlpha = 1;
    context.fillStyle = this.#text;
    context.beginPath();
    context.moveTo(x + CELL / 2, y);
    context.lineTo(x + CELL, y);
    context.lineTo(x + CELL, y + CELL / 2);
    context.fill();
  }

  #drawFree(code: SlabCode, { x, y }: Point): void {
    const context = this.#context;
    context.globalAlpha = 1;
    context.strokeStyle = code === 'lost' ? this.#alert : this.#line;
    context.fillStyle = this.#line;
    if (code === 'touched') context.fillRect(x, y, CELL, CELL);
    else context.strokeRect(x + 0.5, y + 0.5, CELL - 1, CELL - 1);
    if (code !== 'lost') return;
    context.beginPath();
    context.moveTo(x + 1, y + CELL - 1);
    context.lineTo(x + CELL - 1, y + 1);
    context.stroke();
  }

  /** A line at its side: it is on its way out. */
  #drawDraining({ x, y }: Point): void {
    const context = this.#context;
    context.globalAlpha = 1;
    context.fillStyle = this.#alert;
    context.fillRect(x + TILE_WIDTH + 2, y, 2, TILE_HEIGHT);
  }

  #drawHuge({ slabs, bytes: size }: SuperSlabCells, { x, y }: Point): void {
    const context = this.#context;
    const cell = slabs[0]!;
    const dim = this.#marked !== undefined && this.#marked !== 'huge';
    context.globalAlpha = dim ? SHADE.dimFill : SHADE.fill;
    context.fillStyle = isClass(cell) ? paintColor(cell[0]) : this.#line;
    context.fillRect(x, y, TILE_WIDTH, TILE_HEIGHT);
    if (isClass(cell) && isAway(cell)) this.#drawAway({ x: x + TILE_WIDTH - CELL, y });
    context.globalAlpha = 1;
    context.fillStyle = this.#panel;
    context.font = '12px system-ui, sans-serif';
    context.textAlign = 'center';
    context.fillText(bytes(size), x + TILE_WIDTH / 2, y + TILE_HEIGHT / 2 + 4);
  }
}
