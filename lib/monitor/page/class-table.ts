/** Class table: one row for each size class; its name is a button that marks the class on the map. */
import { html, setData, setNumber, swatch } from './dom.js';
import { bytes, count, exact, percent } from './format.js';
import type { Row } from './model.js';
import { classColor } from './palette.js';

interface Column {
  readonly key: string;
  readonly heading: string;
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly exact: (row: Row) => number;
  /** Length of a bar beside the number, 0..1. */
  readonly meter?: (row: Row, rows: readonly Row[]) => number;
}

function trendText({ trend }: Row): string {
  if (trend === undefined) return '-';
  if (Math.round(trend) === 0) return 'steady';
  return `${trend > 0 ? '▲ +' : '▼ '}${count(trend)}/min`;
}

function busiest(rows: readonly Row[]): number {
  return Math.max(1, ...rows.map((row) => row.allocRate));
}

const COLUMNS: readonly Column[] = [
  {
    key: 'allocRate',
    heading: 'Allocs/s',
    title: 'allocations per second; the bar compares classes',
    text: (row) => count(row.allocRate),
    exact: (row) => row.allocRate,
    meter: (row, rows) => row.allocRate / busiest(rows),
  },
  {
    key: 'freeRate',
    heading: 'Frees/s',
    title: 'frees per second',
    text: (row) => count(row.freeRate),
    exact: (row) => row.freeRate,
  },
  {
    key: 'allocs',
    heading: 'Allocs',
    title: 'allocations so far',
    text: ({ stats }) => count(stats.allocs),
    exact: ({ stats }) => stats.allocs,
  },
  {
    key: 'fast',
    heading: 'Fast',
    title: 'share of all allocations that needed no native call',
    text: ({ stats }) => percent(stats.fast / stats.allocs),
    exact: ({ stats }) => stats.fast,
  },
  {
    key: 'live',
    heading: 'Live',
    title: 'blocks allocated and not freed',
    text: ({ stats }) => count(stats.live),
    exact: ({ stats }) => stats.live,
  },
  {
    key: 'trend',
    heading: 'Trend',
    title: 'change of live blocks over the last minute',
    text: trendText,
    exact: (row) => row.trend ?? 0,
  },
  {
    key: 'liveBytes',
    heading: 'Live bytes',
    title: 'bytes requested for live blocks',
    text: ({ stats }) => bytes(stats.liveBytes),
    exact: ({ stats }) => stats.liveBytes,
  },
  {
    key: 'heldBytes',
    heading: 'Held',
    title: 'bytes in slabs of the class that are not live',
    text: (row) => bytes(row.heldBytes),
    exact: (row) => row.heldBytes,
  },
  {
    key: 'slabs',
    heading: 'Slabs',
    title: 'slabs of 64 KB',
    text: ({ stats }) => count(stats.slabs),
    exact: ({ stats }) => stats.slabs,
  },
  {
    key: 'occupancy',
    heading: 'In use',
    title: 'live blocks of all blocks in its slabs',
    text: ({ stats }) => percent(stats.live / stats.capacity),
    exact: ({ stats }) => stats.capacity,
    meter: ({ stats }) => (stats.capacity === 0 ? 0 : stats.live / stats.capacity),
  },
];

interface Cell {
  readonly column: Column;
  readonly cell: HTMLElement;
  readonly number: HTMLElement;
  readonly bar: HTMLElement | undefined;
}

interface Line {
  readonly line: HTMLTableRowElement;
  readonly button: HTMLButtonElement;
  readonly cells: readonly Cell[];
}

function isUsed({ stats }: Row): boolean {
  return stats.allocs > 0 || stats.capacity > 0;
}

function makeCell(column: Column): Cell {
  const number = html('span');
  const bar = column.meter === undefined ? undefined : html('i');
  const cell = html('td', { 'data-column': column.key }, number);
  if (bar !== undefined) cell.append(html('span', { class: 'meter', 'aria-hidden': 'true' }, bar));
  return { column, cell, number, bar };
}

export class ClassTable {
  readonly #body = html('tbody');
  readonly #lines: Line[] = [];
  readonly #onMark: (name: string | undefined) => void;
  #marked: string | undefined;
  showUnused = false;

  /** `onMark` is told which class is marked, or that none is. */
  constructor(table: HTMLElement, onMark: (name: string | undefined) => void) {
    this.#onMark = onMark;
    const headings = COLUMNS.map(({ heading, title }) =>
      html('th', { scope: 'col', title }, heading),
    );
    const first = html('th', { scope: 'col' }, 'Class');
    table.append(html('thead', {}, html('tr', {}, first, ...headings)), this.#body);
  }

  update(rows: readonly Row[]): void {
    rows.forEach((row, index) => {
      const line = (this.#lines[index] ??= this.#addLine(row, index));
      line.line.hidden = !this.showUnused && !isUsed(row);
      setData(line.line, 'idle', String(row.allocRate === 0 && row.freeRate === 0));
      for (const cell of line.cells) updateCell(cell, row, rows);
    });
  }

  #addLine({ stats }: Row, index: number): Line {
    const button = html(
      'button',
      { type: 'button', 'aria-pressed': 'false', title: 'find this class on the map' },
      swatch(classColor(index)),
      stats.name,
    );
    button.addEventListener('click', () => this.#toggle(stats.name));
    const limit = stats.name === 'huge' ? 'larger' : `≤ ${bytes(stats.maxSize)}`;
    const name = html('th', { scope: 'row' }, button, ' ', html('small', {}, limit));
    const cells = COLUMNS.map(makeCell);
    const line = html('tr', { 'data-class': stats.name }, name, ...cells.map(({ cell }) => cell));
    this.#body.append(line);
    return { line, button, cells };
  }

  #toggle(name: string): void {
    this.#marked = this.#marked === name ? undefined : name;
    for (const { line, button } of this.#lines) {
      button.setAttribute('aria-pressed', String(line.dataset['class'] === this.#marked));
    }
    this.#onMark(this.#marked);
  }
}

function updateCell({ column, cell, number, bar }: Cell, row: Row, rows: readonly Row[]): void {
  setNumber(number, column.text(row), exact(column.exact(row)));
  if (bar !== undefined) bar.style.width = `${column.meter!(row, rows) * 100}%`;
  if (column.key === 'trend') {
    setData(cell, 'trend', Math.round(row.trend ?? 0) > 0 ? 'up' : 'other');
  }
}
