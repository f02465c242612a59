/** Tiles: the few numbers to look at first. */
import { html, setData, setNumber, setText } from './dom.js';
import { bytes, count, exact, percent } from './format.js';
import type { View } from './model.js';

interface Tile {
  readonly box: HTMLElement;
  readonly value: HTMLElement;
  readonly note: HTMLElement;
}

interface Shown {
  readonly text: string;
  readonly exact: string;
  readonly note: string;
  readonly alert?: boolean;
}

const exactBytes = (value: number): string => `${exact(value)} bytes`;

function failuresOf({ totals }: View): Shown {
  const { os, limit, doubleFrees, staleFrees, foreignFrees } = totals.failures;
  const refused = doubleFrees + staleFrees + foreignFrees;
  const { detachedSlabs, leakedBlocks } = totals;
  const sum = os + limit + refused + detachedSlabs + leakedBlocks;
  const parts = [
    os > 0 ? `${count(os)} by the system` : '',
    limit > 0 ? `${count(limit)} at the limit` : '',
    refused > 0 ? `${count(refused)} frees refused` : '',
    detachedSlabs > 0 ? `${count(detachedSlabs)} slabs detached` : '',
    leakedBlocks > 0 ? `${count(leakedBlocks)} blocks leaked` : '',
    totals.os.purgeDisabled ? 'purging is disabled' : '',
  ].filter((part) => part !== '');
  const note = parts.join(', ') || 'refused, misused, detached';
  return { text: count(sum), exact: exact(sum), note, alert: parts.length > 0 };
}

const limitOf = (maxBytes: number): string => (maxBytes > 0 ? `, limit ${bytes(maxBytes)}` : '');

/** Name and content of each tile, in order. */
const TILES: Readonly<Record<string, (view: View, rssBytes: number) => Shown>> = {
  Live: ({ totals }) => {
    const blocks = totals.classes.reduce((sum, row) => sum + row.live, 0);
    const note = `in ${count(blocks)} blocks`;
    return { text: bytes(totals.bytes.live), exact: exactBytes(totals.bytes.live), note };
  },
  Allocations: ({ allocRate, freeRate }) => ({
    text: `${count(allocRate)}/s`,
    exact: `${exact(allocRate)} per second`,
    note: `${count(freeRate)} frees/s`,
  }),
  'Fast path': ({ fastShare, totals }) => {
    const slow = totals.classes.reduce((sum, row) => sum + row.slow, 0);
    return {
      text: percent(fastShare),
      exact: String(fastShare),
      note: `${count(slow)} slow so far`,
    };
  },
  Overhead: ({ totals }) => {
    const { committed, live } = totals.bytes;
    const share = committed === 0 ? 0 : (committed - live) / committed;
    const note = `${bytes(committed - live)} of ${bytes(committed)} not live`;
    return { text: percent(share), exact: exactBytes(committed - live), note };
  },
  Mapped: ({ totals }, rssBytes) => ({
    text: bytes(totals.bytes.mapped),
    exact: exactBytes(totals.bytes.mapped),
    note: `process RSS ${bytes(rssBytes)}${limitOf(totals.maxBytes)}`,
  }),
  Failures: failuresOf,
};

export class Tiles {
  readonly #tiles = new Map<string, Tile>();

  constructor(list: HTMLElement) {
    for (const name of Object.keys(TILES)) {
      const value = html('dd', {}, '-');
      const note = html('dd');
      const box = html('div', { 'data-tile': name }, html('dt', {}, name), value, note);
      this.#tiles.set(name, { box, value, note });
      list.append(box);
    }
  }

  update(view: View, rssBytes: number): void {
    for (const [name, content] of Object.entries(TILES)) {
      const { box, value, note } = this.#tiles.get(name)!;
      const shown = content(view, rssBytes);
      setNumber(value, shown.text, shown.exact);
      setText(note, shown.note);
      setData(box, 'alert', String(shown.alert ?? false));
    }
  }
}
