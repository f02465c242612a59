/**
 * Slab grid: where the tiles of SuperSlabs and the cells of slabs lie, in CSS pixels.
 */
import type { SuperSlabCells } from '../wire.js';

export const COLUMNS = 8;
const ROWS = 4;
export const SLABS = COLUMNS * ROWS;
export const CELL = 11;
export const GAP = 1;
export const TILE_WIDTH = COLUMNS * (CELL + GAP) - GAP;
export const TILE_HEIGHT = ROWS * (CELL + GAP) - GAP;
const TILE_GAP = 9;
const STEP_X = TILE_WIDTH + TILE_GAP;
const STEP_Y = TILE_HEIGHT + TILE_GAP;
/** Margin for the cursor's frame. */
const MARGIN = 2;

/** A slab: which tile, and which of its cells. */
export interface Place {
  readonly tile: number;
  readonly slot: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A huge mapping has a tile without cells. */
export function isHuge({ slabs }: SuperSlabCells): boolean {
  return slabs.length < SLABS;
}

/** The grid on a canvas of some width. */
export class SlabGrid {
  readonly #tilesPerLine: number;

  constructor(width: number) {
    this.#tilesPerLine = Math.max(1, Math.floor((width - 2 * MARGIN + TILE_GAP) / STEP_X));
  }

  heightOf(tiles: number): number {
    const lines = Math.max(1, Math.ceil(tiles / this.#tilesPerLine));
    return lines * STEP_Y - TILE_GAP + 2 * MARGIN;
  }

  /** Upper left corner of a tile. */
  tileAt(tile: number): Point {
    return {
      x: MARGIN + (tile % this.#tilesPerLine) * STEP_X,
      y: MARGIN + Math.floor(tile / this.#tilesPerLine) * STEP_Y,
    };
  }

  /** The place under a point, whether there is a tile or not; undefined: between cells of no tile. */
  placeAt({ x, y }: Point): Place | undefined {
    const column = Math.floor((x - MARGIN) / STEP_X);
    const tile = Math.floor((y - MARGIN) / STEP_Y) * this.#tilesPerLine + column;
    const inX = Math.floor((x - MARGIN - column * STEP_X) / (CELL + GAP));
    const inY = Math.floor(((y - MARGIN) % STEP_Y) / (CELL + GAP));
    const isInTile = inX >= 0 && inX < COLUMNS && inY >= 0 && inY < ROWS;
    if (column >= this.#tilesPerLine || !isInTile) return undefined;
    return { tile, slot: inY * COLUMNS + inX };
  }
}

/** Upper left corner of a cell in a tile. */
export function cellAt(tile: Point, slot: number): Point {
  return {
    x: tile.x + (slot % COLUMNS) * (CELL + GAP),
    y: tile.y + Math.floor(slot / COLUMNS) * (CELL + GAP),
  };
}
