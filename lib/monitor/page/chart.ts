/**
 * Chart: lines over the last minutes, newest at the right. The pointer, or the arrow keys when it
 * has the focus, choose a moment whose values the legend shows.
 */
import { html, setText, svg } from './dom.js';
import type { Point } from './model.js';

export interface Line {
  readonly name: string;
  /** Variable of theme.css. */
  readonly color: string;
  /** Tells lines apart without colour; '' is a full line. */
  readonly dash: string;
  readonly read: (point: Point) => number;
}

/** The time across grows from the least with what there is to show. */
const LEAST_SPAN_MS = 60_000;

const HEIGHT = 150;
const TOP = 14;
const BOTTOM = 18;
const PLOT = HEIGHT - TOP - BOTTOM;

/** The least of 1, 2, 5 x 10^n that is no less than `value`; of 2^n for bytes. */
function roundUp(value: number, binary: boolean): number {
  if (value <= 1) return 1;
  if (binary) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}

function ago(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds === 0) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  const rest = seconds % 60;
  return `${Math.floor(seconds / 60)} min${rest === 0 ? '' : ` ${rest} s`} ago`;
}

export interface ChartOptions {
  readonly label: string;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** Round the scale to powers of two. */
  readonly binary: boolean;
}

export class Chart {
  readonly #options: ChartOptions;
  readonly #svg: SVGSVGElement;
  readonly #paths: SVGPathElement[];
  readonly #scale = [0, 0.5, 1].map(() => svg('text', { x: '0' }));
  readonly #cursor = svg('line', { class: 'cursor', y1: String(TOP), y2: String(TOP + PLOT) });
  readonly #past = svg('text', { x: '0' });
  readonly #values: HTMLElement[];
  readonly #when = html('li');
  #points: readonly Point[] = [];
  /** How long ago the chosen moment is; undefined: show the latest. */
  #chosenAgo: number | undefined;

  constructor(panel: HTMLElement, options: ChartOptions) {
    this.#options = options;
    this.#paths = options.lines.map(({ color, dash }) => {
      const path = svg('path', { 'stroke-dasharray': dash });
      path.style.stroke = `var(--${color})`;
      return path;
    });
    this.#svg = svg('svg', { class: 'chart', role: 'img', tabindex: '0' });
    this.#svg.append(...this.#grid(), ...this.#paths, this.#cursor, ...this.#labels());
    this.#values = options.lines.map(() => html('b', {}, '-'));
    const keys = options.lines.map((line, i) =>
      html('li', {}, keyOf(line), line.name, this.#values[i]!),
    );
    panel.append(this.#svg, html('ul', { class: 'keys' }, ...keys, this.#when));
    this.#listen();
  }

  update(points: readonly Point[]): void {
    this.#points = points;
    this.#draw();
  }

  #grid(): SVGElement[] {
    return [0, 0.5, 1].map((share) => {
      const y = String(TOP + PLOT * (1 - share) + 0.5);
      return svg('line', { class: 'grid', x1: '0', x2: '100%', y1: y, y2: y });
    });
  }

  /** Above the lines, so that they stay legible. */
  #labels(): SVGElement[] {
    this.#scale.forEach((text, i) => {
      text.setAttribute('y', String(TOP + PLOT * (1 - i / 2) - 3));
    });
    const y = String(HEIGHT - 4);
    this.#past.setAttribute('y', y);
    const now = svg('text', { x: '100%', y, 'text-anchor': 'end' }, 'now');
    return [...this.#scale, this.#past, now];
  }

  #listen(): void {
    this.#svg.addEventListener('pointermove', (event) => {
      const box = this.#svg.getBoundingClientRect();
      this.#choose((1 - (event.clientX - box.left) / box.width) * this.#span());
    });
    this.#svg.addEventListener('pointerleave', () => this.#choose(undefined));
    this.#svg.addEventListener('blur', () => this.#choose(undefined));
    this.#svg.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: 5000, ArrowRight: -5000 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.#choose((this.#chosenAgo ?? 0) + step);
    });
  }

  #choose(milliseconds: number | undefined): void {
    this.#chosenAgo =
      milliseconds === undefined ? undefined : Math.min(this.#span(), Math.max(0, milliseconds));
    this.#draw();
  }

  /** Milliseconds from the left edge to the right. */
  #span(): number {
    const first = this.#points[0];
    const last = this.#points.at(-1);
    if (first === undefined || last === undefined) return LEAST_SPAN_MS;
    return Math.max(LEAST_SPAN_MS, last.at - first.at);
  }

  #draw(): void {
    const last = this.#points.at(-1);
    if (last === undefined) return;
    const { lines, binary, format } = this.#options;
    const width = this.#svg.clientWidth;
    const span = this.#span();
    setText(this.#past, ago(span));
    const peak = Math.max(...lines.map(({ read }) => Math.max(...this.#points.map(read))));
    const top = roundUp(peak, binary);
    const xOf = ({ at }: Point): number => (1 - (last.at - at) / span) * width;
    const yOf = (value: number): number => TOP + PLOT * (1 - value / top);
    lines.forEach(({ read }, i) => {
      const path = this.#points.map((p) => `${xOf(p).toFixed(1)},${yOf(read(p)).toFixed(1)}`);
      this.#paths[i]!.setAttribute('d', `M${path.join('L')}`);
    });
    this.#scale.forEach((text, i) => setText(text, i === 0 ? '' : format((top * i) / 2)));
    this.#showValues(last, xOf);
  }

  #showValues(last: Point, xOf: (point: Point) => number): void {
    const { lines, format, label } = this.#options;
    const wanted = last.at - (this.#chosenAgo ?? 0);
    const shown = this.#points.find(({ at }) => at >= wanted) ?? last;
    const x = String(xOf(shown));
    this.#cursor.setAttribute('x1', x);
    this.#cursor.setAttribute('x2', x);
    this.#cursor.style.display = this.#chosenAgo === undefined ? 'none' : '';
    const texts = lines.map(({ read }) => format(read(shown)));
    texts.forEach((text, i) => setText(this.#values[i]!, text));
    setText(this.#when, this.#chosenAgo === undefined ? '' : ago(last.at - shown.at));
    const words = lines.map(({ name }, i) => `${name} ${texts[i]!}`).join(', ');
    this.#svg.setAttribute('aria-label', `${label}, ${ago(last.at - shown.at)}: ${words}`);
  }
}

/** A piece of the line, as it is drawn. */
function keyOf({ color, dash }: Line): SVGSVGElement {
  const line = svg('line', { x1: '0', x2: '18', y1: '5', y2: '5', 'stroke-dasharray': dash });
  line.style.stroke = `var(--${color})`;
  line.style.strokeWidth = '2';
  return svg('svg', { width: '18', height: '10', 'aria-hidden': 'true' }, line);
}
