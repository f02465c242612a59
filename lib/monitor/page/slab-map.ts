/**
 * Slab map: every SuperSlab of an arena as a tile of 8 x 4 cells, on one canvas.
 *
 * The pointer and the arrow keys choose a cell, which the page then describes in words.
 */
import { html, setText } from './dom.js';
import { bytes } from './format.js';
import { COLUMNS, type Place, SLABS, SlabGrid, isHuge } from './slab-grid.js';
import { SlabPainter } from './slab-paint.js';
import { type Tables, describeSlab } from './slab-words.js';
import type { ArenaCells, SuperSlabCells } from '../wire.js';

/** How many are of the tiers that a reader may wonder about. */
function tiersOf({ superslabs }: ArenaCells): string {
  const words = (['draining', 'free'] as const).map((tier) => {
    const count = superslabs.filter((superslab) => superslab.tier === tier).length;
    return count === 0 ? '' : `, ${count} ${tier}`;
  });
  return words.join('');
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
    const summary = `${many} SuperSlab${many === 1 ? '' : 's'}, ${bytes(size)}${tiersOf(arena)}`;
    setText(this.#caption, `${arena.name}: ${summary}`);
    this.#canvas.setAttribute('aria-label', `Map of ${arena.name}: ${summary}`);
    this.draw();
    if (this.#cursor !== undefined) this.#tell();
  }

  draw(): void {
    const { superslabs } = this.#arena;
    const grid = this.#grid();
    const context = this.#prepare(grid.heightOf(superslabs.length));
    const painter = new SlabPainter(context, grid, this.#tables, this.#marked);
    superslabs.forEach((superslab, tile) => painter.drawTile(superslab, tile));
    const chosen = this.#chosen();
    if (chosen !== undefined) painter.drawCursor(this.#cursor!, chosen);
  }

  #grid(): SlabGrid {
    return new SlabGrid(this.#canvas.clientWidth);
  }

  /** The SuperSlab under the cursor. */
  #chosen(): SuperSlabCells | undefined {
    return this.#cursor && this.#arena.superslabs[this.#cursor.tile];
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

  #listen(): void {
    const point = (event: PointerEvent): void => {
      const box = this.#canvas.getBoundingClientRect();
      const at = { x: event.clientX - box.left, y: event.clientY - box.top };
      const place = this.#grid().placeAt(at);
      this.#moveTo(place && this.#inside(place.tile, place.slot));
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
    const superslab = this.#arena.superslabs[tile];
    const huge = superslab !== undefined && isHuge(superslab);
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
    const chosen = this.#chosen();
    if (chosen === undefined) {
      this.#describe('');
      return;
    }
    const words = describeSlab(chosen, this.#cursor!.slot, this.#tables);
    this.#describe(`${this.#arena.name}, ${words}`);
  }
}
