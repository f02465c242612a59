/** Main: asks the server twice a second, and hands what it says to the parts of the page. */
import { BytesBar } from './bytes-bar.js';
import { Chart } from './chart.js';
import { ClassTable } from './class-table.js';
import { byId, html, setData, setText, swatch } from './dom.js';
import { bytes, count, duration } from './format.js';
import { Model, type Selection } from './model.js';
import { classColor, onThemeChange } from './palette.js';
import { SlabMap } from './slab-map.js';
import { Tiles } from './tiles.js';
import type { MapReply, StatsReply } from '../wire.js';
import type { HeapStats } from '../../stats/types.js';

const EVERY_MS = 500;
const RETRY_MS = 2_000;

const model = new Model();
const tiles = new Tiles(byId('tiles'));
const bytesBar = new BytesBar(byId('bar'), byId('parts'));
const throughput = new Chart(byId('throughput'), {
  label: 'Calls per second',
  format: (value) => `${count(value)}/s`,
  binary: false,
  lines: [
    { name: 'allocations', color: 'first', dash: '', read: (point) => point.allocRate },
    { name: 'frees', color: 'second', dash: '5 3', read: (point) => point.freeRate },
  ],
});
const memory = new Chart(byId('memory'), {
  label: 'Memory',
  format: bytes,
  binary: true,
  lines: [
    { name: 'committed', color: 'third', dash: '', read: (point) => point.committed },
    { name: 'live', color: 'first', dash: '5 3', read: (point) => point.live },
    { name: 'RSS of the process', color: 'second', dash: '2 2', read: (point) => point.rss },
  ],
});
const table = new ClassTable(byId('table'), (name) => {
  marked = name;
  drawMaps();
});
const arenaChoice = byId('arena') as HTMLSelectElement;
const pauseButton = byId('pause');
const maps = new Map<number, SlabMap>();

let selection: Selection = 'all';
let marked: string | undefined;
let lastMap: MapReply | undefined;
let paused = false;

function showStatus(state: 'live' | 'paused' | 'lost', text: string): void {
  const status = byId('status');
  setData(status, 'state', state);
  setText(status, text);
}

/** What does the bookkeeping; why, where that is not the usual one. */
function backendText({ backend: { name, reason } }: HeapStats): string {
  return name === 'native' ? 'native core' : `WebAssembly core (${reason})`;
}

function showProcess({ title, process, stats }: StatsReply): void {
  setText(byId('title'), title);
  if (document.title !== title) document.title = title;
  const up = duration(process.uptimeSeconds);
  const { pid, node } = process;
  setText(byId('process'), `process ${pid}, Node ${node}, ${backendText(stats)}, up ${up}`);
}

/** Keeps the list of arenas in step; one that has ended is no longer chosen. */
function showArenas({ stats }: StatsReply): void {
  const wanted = ['all', ...stats.arenas.map(({ id }) => String(id))];
  const present = [...arenaChoice.options].map(({ value }) => value);
  if (wanted.join() === present.join()) return;
  const options = stats.arenas.map(({ id, name }) => html('option', { value: String(id) }, name));
  arenaChoice.replaceChildren(html('option', { value: 'all' }, 'All arenas'), ...options);
  if (!wanted.includes(String(selection))) selection = 'all';
  arenaChoice.value = String(selection);
}

function show(): void {
  const { reply } = model;
  const view = model.view(selection);
  if (reply === undefined || view === undefined) return;
  showProcess(reply);
  tiles.update(view, reply.process.rssBytes);
  bytesBar.update(view.totals.bytes);
  table.update(view.rows);
  const history = model.history(selection);
  throughput.update(history);
  memory.update(history);
}

function describe(text: string): void {
  setText(byId('readout'), text);
}

function mapOf(arena: MapReply['arenas'][number], tables: MapReply): SlabMap {
  const known = maps.get(arena.id);
  if (known !== undefined) return known;
  const map = new SlabMap(arena, tables, describe);
  maps.set(arena.id, map);
  byId('maps').append(map.figure);
  return map;
}

function drawMaps(): void {
  if (lastMap === undefined) return;
  const { arenas } = lastMap;
  for (const arena of arenas) {
    const map = mapOf(arena, lastMap);
    map.figure.hidden = selection !== 'all' && selection !== arena.id;
    if (!map.figure.hidden) map.update(arena, lastMap, marked);
  }
  for (const [id, map] of maps) {
    if (arenas.some((arena) => arena.id === id)) continue;
    map.figure.remove();
    maps.delete(id);
  }
}

function fillLegend({ classNames }: MapReply): void {
  const legend = byId('legend');
  if (legend.childElementCount > 0) return;
  const classes = classNames.map((name, i) => html('li', {}, swatch(classColor(i)), name));
  const others = [
    ['untouched', 'free'],
    ['touched', 'free, pages kept'],
    ['lost', 'lost'],
    ['away', 'in another thread'],
  ].map(([kind, text]) =>
    html('li', {}, html('i', { class: `swatch ${kind!}`, 'aria-hidden': 'true' }), text!),
  );
  legend.append(...classes, ...others);
}

/** The monitor has used its share of the thread's time. */
class Busy extends Error {}

async function ask<T>(path: string): Promise<T> {
  const response = await fetch(path, { cache: 'no-store' });
  if (response.status === 503) throw new Busy(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json()) as T;
}

async function refresh(): Promise<void> {
  const [stats, map] = await Promise.all([
    ask<StatsReply>('stats.json'),
    ask<MapReply>('map.json'),
  ]);
  if (paused) return;
  model.add(stats);
  lastMap = map;
  showArenas(stats);
  show();
  fillLegend(map);
  drawMaps();
  showStatus('live', 'live');
}

/** Asks again only after the answer, and not at all while nobody looks. */
async function loop(): Promise<void> {
  let wait = EVERY_MS;
  if (!paused && !document.hidden) {
    await refresh().catch((error: unknown) => {
      showStatus('lost', error instanceof Busy ? 'busy, retrying' : 'not reachable, retrying');
      wait = RETRY_MS;
    });
  }
  setTimeout(() => void loop(), wait);
}

arenaChoice.addEventListener('change', () => {
  selection = arenaChoice.value === 'all' ? 'all' : Number(arenaChoice.value);
  show();
  drawMaps();
});
pauseButton.addEventListener('click', () => {
  paused = !paused;
  pauseButton.setAttribute('aria-pressed', String(paused));
  setText(pauseButton, paused ? 'Resume' : 'Pause');
  showStatus(paused ? 'paused' : 'live', paused ? 'paused' : 'live');
});
byId('unused').addEventListener('change', (event) => {
  table.showUnused = (event.target as HTMLInputElement).checked;
  show();
});
addEventListener('resize', () => {
  show();
  drawMaps();
});
onThemeChange(drawMaps);
void loop();
