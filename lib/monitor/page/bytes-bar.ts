/** Bytes bar: every byte mapped, under exactly one heading. */
import { html, setNumber, setText, swatch } from './dom.js';
import { bytes, exact, percent } from './format.js';
import type { ByteStats } from '../../stats/types.js';

interface Part {
  readonly key: keyof ByteStats;
  readonly name: string;
  /** Variable of theme.css. */
  readonly color: string;
  readonly meaning: string;
}

const PARTS: readonly Part[] = [
  { key: 'live', name: 'live', color: 'live', meaning: 'requested by live allocations' },
  { key: 'front', name: 'front', color: 'front', meaning: 'free blocks at hand in JavaScript' },
  {
    key: 'freeInSlab',
    name: 'free in slabs',
    color: 'free-in-slab',
    meaning: 'free blocks of slabs in use',
  },
  { key: 'slack', name: 'slack', color: 'slack', meaning: 'lost to rounding' },
  {
    key: 'freeSlabs',
    name: 'free slabs',
    color: 'free-slabs',
    meaning: 'slabs that serve no class',
  },
  {
    key: 'cached',
    name: 'cached',
    color: 'cached',
    meaning: 'SuperSlabs kept for any arena of the process',
  },
];

interface Shown {
  readonly stretch: HTMLElement;
  readonly value: HTMLElement;
  readonly share: HTMLElement;
}

export class BytesBar {
  readonly #shown = new Map<keyof ByteStats, Shown>();

  constructor(bar: HTMLElement, list: HTMLElement) {
    for (const { key, name, color, meaning } of PARTS) {
      const stretch = html('i');
      stretch.style.background = `var(--${color})`;
      const value = html('dd', { 'data-bytes': key }, '-');
      const share = html('dd');
      bar.append(stretch);
      const term = html('dt', { title: meaning }, name);
      list.append(html('div', {}, swatch(`var(--${color})`), term, value, share));
      this.#shown.set(key, { stretch, value, share });
    }
  }

  update(numbers: ByteStats): void {
    for (const [key, { stretch, value, share }] of this.#shown) {
      const part = numbers.mapped === 0 ? 0 : numbers[key] / numbers.mapped;
      stretch.style.flexBasis = `${part * 100}%`;
      setNumber(value, bytes(numbers[key]), `${exact(numbers[key])} bytes`);
      setText(share, percent(Math.round(part * 1000) / 1000));
    }
  }
}
