/**
 * Slab map: every SuperSlab of an arena as a tile of 8 x 4 cells, on one canvas.
 *
 * A cell's colour says which class its slab serves; it is filled from below as far as its blocks are
 * taken. The pointer and the arrow keys choose a cell, which the page then describes in words.
 */
import { html, setText } from './dom.js';
import { bytes } from './format.js';
import { paintColor, themeColor } from './palette.js';
import type { ArenaCells, MapReply, SlabCell, SuperSlabCells } from '../wire.js';

const COLUMNS = 8;
const ROWS = 4;
const SLABS = COLUMNS * ROWS;
const CELL = 11;
const GAP = 1;
const TILE_WIDTH = COLUMNS * (CELL + GAP) - GAP;
const TILE_HEIGHT = ROWS * (CELL + GAP) - GAP;
const TILE_GAP = 9;
const STEP_X = TILE_WIDTH + TILE_GAP;
const STEP_Y = TILE_HEIGHT + TILE_GAP;
/** Margin for the cursor's frame. */
const MARGIN = 2;

type Tables = Pick<MapReply, 'codes' | 'classNames'>;

function isClass(cell: SlabCell): cell is Exclude<SlabCell, number> {
  return typeof cell !== 'number';
}

/** The cell that counts at a slot: a tail stands for the run it belongs to. */
function headOf({ slabs }: SuperSlabCells, slot: number, tables: Tables): SlabCell {
  let at = slot;
  while (at > 0 && !isClass(slabs[at]!) && tables.codes[slabs[at] as number] === 'tail') at--;
  return slabs[at]!;
}

/** 0..1: how full a slab is. Runs and huge mappings are. */
function fillOf([, , taken, capacity]: Exclude<SlabCell, number>): number {
  return capacity === 0 ? 1 : taken / capacity;
}

/** One slab in words. */
export function describeSlab(superslab: SuperSlabCells, slot: number, tables: Tables): string {
  const place = `SuperSlab ${superslab.index}, slab ${slot}`;
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
  const [index, blockSize, taken, capacity] = cell;
  const name = tables.classNames[index]!;
  if (name === 'huge') return `SuperSlab ${superslab.index}: huge, ${bytes(superslab.bytes)}`;
  if (capacity === 0) return `${place}: run`;
  return `${place}: ${name}, ${taken} of ${capacity} blocks of ${blockSize} B taken`;
}

interface Theme {
  readonly line: string;
  readonly alert: string;
  readonly text: string;
  readonly panel: string;
}

function readTheme(): Theme {
  return {
    line: themeColor('line'),
    alert: themeColor('alert'),
    text: themeColor('text'),
    panel: themeColor('panel'),
  };
}

interface Place {
  readonly tile: number;
  readonly slot: number;
}

export class SlabMap {
  readonly figure: HTMLElement;
  readonly #caption = html('figcaption');
  readonly #canvas = html('canvas', { tabindex: '0', role: 'img' });
  readonly #describe: (text: string) => void;
  #arena: ArenaCells;
  #tables: Tables;
  #marked: string | undefined;
  #cursor: Place | undefined;

  /** `describe` is told in words what the cursor is on. */
  constructor(arena: ArenaCells, tables: Tables, describe: (text: string) => void) {
    this.#arena = arena;
    this.#tables = tables;
    this.#describe = describe;
    this.figure = html('figure', { 'data-arena': String(arena.id) }, this.#caption, this.#canvas);
    this.#listen();
  }

  update(arena: ArenaCells, tables: Tables, marked: string | undefined): void {
    this.#arena = arena;
    this.#tables = tables;
    this.#marked = marked;
    const size = arena.superslabs.reduce((sum, superslab) => sum + superslab.bytes, 0);
    const many = arena.superslabs.length;
    const summary = `${many} SuperSlab${many === 1 ? '' : 's'}, ${bytes(size)}`;
    setText(this.#caption, `${arena.name}: ${summary}`);
    this.#canvas.setAttribute('aria-label', `Map of ${arena.name}: ${summary}`);
    this.draw();
    if (this.#cursor !== undefined) this.#tell();
  }

  draw(): void {
    const perLine = this.#tilesPerLine();
    const lines = Math.max(1, Math.ceil(this.#arena.superslabs.length / perLine));
    const height = lines * STEP_Y - TILE_GAP + 2 * MARGIN;
    const context = this.#prepare(height);
    const theme = readTheme();
    this.#arena.superslabs.forEach((superslab, tile) => {
      const x = MARGIN + (tile % perLine) * STEP_X;
      const y = MARGIN + Math.floor(tile / perLine) * STEP_Y;
      this.#drawTile(context, theme, superslab, x, y);
    });
    this.#drawCursor(context, theme, perLine);
  }

  #tilesPerLine(): number {
    const width = this.#canvas.clientWidth - 2 * MARGIN;
    return Math.max(1, Math.floor((width + TILE_GAP) / STEP_X));
  }

  /** A cleared canvas in CSS pixels, sharp on any screen. */
  #prepare(height: number): CanvasRenderingContext2D {
    const canvas = this.#canvas;
    const ratio = devicePixelRatio;
    const [width, tall] = [canvas.clientWidth * ratio, height * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== tall) {
      canvas.width = width!;
      canvas.height = tall!;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext('2d')!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, height);
    return context;
  }

  #drawTile(
    context: CanvasRenderingContext2D,
    theme: Theme,
    superslab: SuperSlabCells,
    x: number,
    y: number,
  ): void {
    if (superslab.slabs.length < SLABS) {
      this.#drawHuge(context, theme, superslab, x, y);
      return;
    }
    for (let slot = 0; slot < SLABS; slot++) {
      const left = x + (slot % COLUMNS) * (CELL + GAP);
      const top = y + Math.floor(slot / COLUMNS) * (CELL + GAP);
      const joined = slot % COLUMNS !== COLUMNS - 1 && this.#isTail(superslab, slot + 1);
      this.#drawSlab(context, theme, headOf(superslab, slot, this.#tables), left, top, joined);
    }
  }

  #isTail({ slabs }: SuperSlabCells, slot: number): boolean {
    const cell = slabs[slot];
    return typeof cell === 'number' && this.#tables.codes[cell] === 'tail';
  }

  /** `joined`: the next cell belongs to the same run, so there is no gap between them. */
  #drawSlab(
    context: CanvasRenderingContext2D,
    theme: Theme,
    cell: SlabCell,
    x: number,
    y: number,
    joined: boolean,
  ): void {
    context.globalAlpha = 1;
    if (!isClass(cell)) {
      drawFree(context, theme, this.#tables.codes[cell]!, x, y);
      return;
    }
    const color = paintColor(cell[0]);
    const dim = this.#marked !== undefined && this.#tables.classNames[cell[0]] !== this.#marked;
    const fill = Math.round(fillOf(cell) * CELL);
    const width = CELL + (joined ? GAP : 0);
    context.fillStyle = color;
    context.globalAlpha = dim ? 0.06 : 0.28;
    context.fillRect(x, y, width, CELL);
    context.globalAlpha = dim ? 0.16 : 1;
    context.fillRect(x, y + CELL - fill, width, fill);
    context.strokeStyle = color;
    if (!joined && cell[3] > 0) context.strokeRect(x + 0.5, y + 0.5, CELL - 1, CELL - 1);
  }

  #drawHuge(
    context: CanvasRenderingContext2D,
    theme: Theme,
    superslab: SuperSlabCells,
    x: number,
    y: number,
  ): void {
    const cell = superslab.slabs[0]!;
    context.globalAlpha = this.#marked === undefined || this.#marked === 'huge' ? 1 : 0.16;
    context.fillStyle = isClass(cell) ? paintColor(cell[0]) : theme.line;
    context.fillRect(x, y, TILE_WIDTH, TILE_HEIGHT);
    context.globalAlpha = 1;
    context.fillStyle = theme.panel;
    context.font = '12px system-ui, sans-serif';
    context.textAlign = 'center';
    context.fillText(bytes(superslab.bytes), x + TILE_WIDTH / 2, y + TILE_HEIGHT / 2 + 4);
  }

  #drawCursor(context: CanvasRenderingContext2D, theme: Theme, perLine: number): void {
    const superslab = this.#cursor && this.#arena.superslabs[this.#cursor.tile];
    if (this.#cursor === undefined || superslab === undefined) return;
    const { tile, slot } = this.#cursor;
    const huge = superslab.slabs.length < SLABS;
    const x = MARGIN + (tile % perLine) * STEP_X + (huge ? 0 : (slot % COLUMNS) * (CELL + GAP));
    const down = huge ? 0 : Math.floor(slot / COLUMNS) * (CELL + GAP);
    const y = MARGIN + Math.floor(tile / perLine) * STEP_Y + down;
    context.globalAlpha = 1;
    context.strokeStyle = theme.text;
    context.lineWidth = 2;
    context.strokeRect(
      x - 1,
      y - 1,
      (huge ? TILE_WIDTH : CELL) + 2,
      (huge ? TILE_HEIGHT : CELL) + 2,
    );
    context.lineWidth = 1;
  }

  #listen(): void {
    const point = (event: PointerEvent): void => {
      const box = this.#canvas.getBoundingClientRect();
      this.#moveTo(this.#placeAt(event.clientX - box.left, event.clientY - box.top));
    };
    this.#canvas.addEventListener('pointermove', point);
    this.#canvas.addEventListener('pointerdown', point);
    this.#canvas.addEventListener('pointerleave', () => this.#moveTo(undefined));
    this.#canvas.addEventListener('blur', () => this.#moveTo(undefined));
    this.#canvas.addEventListener('keydown', (event) => {
      const next = this.#afterKey(event.key);
      if (next === undefined) return;
      event.preventDefault();
      this.#moveTo(next);
    });
  }

  #placeAt(x: number, y: number): Place | undefined {
    const perLine = this.#tilesPerLine();
    const column = Math.floor((x - MARGIN) / STEP_X);
    const tile = Math.floor((y - MARGIN) / STEP_Y) * perLine + column;
    const inX = Math.floor((x - MARGIN - column * STEP_X) / (CELL + GAP));
    const inY = Math.floor(((y - MARGIN) % STEP_Y) / (CELL + GAP));
    if (column >= perLine || inX < 0 || inX >= COLUMNS || inY < 0 || inY >= ROWS) return undefined;
    return this.#inside(tile, inY * COLUMNS + inX);
  }

  #inside(tile: number, slot: number): Place | undefined {
    const slabs = this.#arena.superslabs[tile]?.slabs.length;
    if (slabs === undefined) return undefined;
    return { tile, slot: Math.min(slabs - 1, slot) };
  }

  /** Left and right go slab by slab, through all SuperSlabs; up and down by a row of slabs. */
  #afterKey(key: string): Place | undefined {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS };
    const last = this.#arena.superslabs.length - 1;
    if (key === 'Home') return this.#inside(0, 0);
    if (key === 'End') return this.#inside(last, SLABS - 1);
    const step = steps[key as keyof typeof steps] as number | undefined;
    if (step === undefined || last < 0) return undefined;
    if (this.#cursor === undefined) return this.#inside(0, 0);
    const { tile, slot } = this.#cursor;
    const huge = this.#arena.superslabs[tile]?.slabs.length === 1;
    const to = huge ? tile * SLABS + (step < 0 ? -1 : SLABS) : tile * SLABS + slot + step;
    const bounded = Math.max(0, Math.min(last * SLABS + SLABS - 1, to));
    return this.#inside(Math.floor(bounded / SLABS), bounded % SLABS);
  }

  #moveTo(place: Place | undefined): void {
    this.#cursor = place;
    this.draw();
    this.#tell();
  }

  #tell(): void {
    const superslab = this.#cursor && this.#arena.superslabs[this.#cursor.tile];
    if (this.#cursor === undefined || superslab === undefined) {
      this.#describe('');
      return;
    }
    const words = describeSlab(superslab, this.#cursor.slot, this.#tables);
    this.#describe(`${this.#arena.name}, ${words}`);
  }
}

function drawFree(
  context: CanvasRenderingContext2D,
  theme: Theme,
  code: MapReply['codes'][number],
  x: number,
  y: number,
): void {
  context.strokeStyle = code === 'lost' ? theme.alert : theme.line;
  context.fillStyle = theme.line;
  if (code === 'touched') context.fillRect(x, y, CELL, CELL);
  else context.strokeRect(x + 0.5, y + 0.5, CELL - 1, CELL - 1);
  if (code !== 'lost') return;
  context.beginPath();
  context.moveTo(x + 1, y + CELL - 1);
  context.lineTo(x + CELL - 1, y + 1);
  context.stroke();
}
