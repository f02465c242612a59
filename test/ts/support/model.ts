/**
 * Model: what a test knows about an arena, to compare with what the arena says.
 *
 * Every live view has shadow bytes; the model knows which scope owns it and what statistics must say.
 */
import { type Arena, type ArenaOptions, type Scope, type View } from '../../../lib/index';
import { LiveRanges } from './live-ranges';
import { rowOf, totalsOf } from './sums';
import { bytesOf } from './views';

interface Holding {
  readonly view: View;
  readonly bytes: Buffer;
  /** Number of the open scope that frees it; undefined: nobody but us. */
  scope: number | undefined;
}

interface OpenScope {
  readonly id: number;
  readonly scope: Scope;
}

const CODE_OUT_OF_MEMORY = 'ERR_HAKMEM_OUT_OF_MEMORY';

function fail(what: string): never {
  throw new Error(what);
}

export class Model {
  readonly options: ArenaOptions;
  holdings: Holding[] = [];
  scopes: OpenScope[] = [];
  steps = 0;
  #allocs = 0;
  #frees = 0;
  #nextScope = 1;
  #nextByte = 0;
  #ranges = new LiveRanges();

  constructor(options: ArenaOptions) {
    this.options = options;
  }

  /** Runs an allocation. Out of memory is allowed where there is a limit, and must change nothing. */
  allocate(arena: Arena, scope: OpenScope | undefined, make: () => View): void {
    const view = this.#orOutOfMemory(make);
    if (view !== undefined) this.#hold(arena, view, scope?.id);
  }

  /** Checks that new contents are what they should be. */
  expectBytes(view: View, expected: Uint8Array): void {
    if (Buffer.compare(bytesOf(view), expected) !== 0) fail('wrong contents on allocation');
  }

  free(arena: Arena, at: number): void {
    const holding = this.#holdingAt(at);
    this.#verify(holding);
    this.#letGo(arena, holding);
    arena.free(holding.view);
    if (arena.owns(holding.view)) fail('a freed view is still owned');
  }

  realloc(arena: Arena, at: number, size: number): void {
    const holding = this.#holdingAt(at);
    const { view, bytes, scope } = holding;
    this.#verify(holding);
    const usable = arena.usableSize(view);
    const next = this.#orOutOfMemory(() => arena.realloc(view, size));
    if (next === undefined) return;
    if (next === view) {
      if (size !== view.byteLength) fail('realloc returned the same view for another size');
      return;
    }
    this.#ranges.release(view, usable);
    this.#forget(holding);
    if (arena.owns(view)) fail('the view before a realloc is still owned');
    const kept = Math.min(size, bytes.length);
    if (Buffer.compare(bytesOf(next).subarray(0, kept), bytes.subarray(0, kept)) !== 0) {
      fail(`realloc from ${bytes.length} to ${size} bytes lost contents`);
    }
    this.#hold(arena, next, scope);
  }

  openScope(arena: Arena): void {
    this.scopes.push({ id: this.#nextScope++, scope: arena.openScope() });
  }

  /** An open scope, or none when there is none. */
  scopeAt(at: number): OpenScope | undefined {
    return this.scopes.length === 0 ? undefined : this.scopes[at % this.scopes.length];
  }

  endScope(arena: Arena, at: number): void {
    const ended = this.scopeAt(at)!;
    for (const holding of this.#ownedBy(ended.id)) {
      this.#verify(holding);
      this.#letGo(arena, holding);
    }
    ended.scope.end();
    this.scopes = this.scopes.filter((scope) => scope !== ended);
  }

  /** Takes one view out of a scope, if it has any. */
  keepOne(at: number): void {
    const open = this.scopeAt(at)!;
    const owned = this.#ownedBy(open.id);
    if (owned.length === 0) return;
    const holding = owned[at % owned.length]!;
    if (open.scope.keep(holding.view) !== holding.view) fail('keep returned another view');
    holding.scope = undefined;
  }

  reset(arena: Arena): void {
    const stale = this.holdings;
    for (const holding of stale) this.#verify(holding);
    this.holdings = [];
    this.#frees = this.#allocs;
    this.#ranges = new LiveRanges();
    arena.reset();
    for (const { view } of stale) {
      if (arena.owns(view)) fail('a view is owned after a reset');
      if (view.buffer.byteLength !== 0) fail('a view has bytes after a reset');
    }
  }

  trim(arena: Arena): void {
    const bytes = arena.trim();
    if (!(Number.isSafeInteger(bytes) && bytes >= 0)) fail(`trim returned ${bytes}`);
    if (totalsOf(arena.stats()).live === 0 && arena.stats().bytes.used !== 0) {
      fail('an empty arena uses memory after a trim');
    }
  }

  /** Compares statistics with the model, and the bytes of one view. */
  check(arena: Arena): void {
    this.steps++;
    const stats = arena.stats();
    const totals = totalsOf(stats);
    const counted = this.holdings.filter(({ bytes }) => bytes.length > 0);
    const liveBytes = counted.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const expected = { allocs: this.#allocs, frees: this.#frees, live: counted.length, liveBytes };
    for (const [name, value] of Object.entries(expected)) {
      const actual = totals[name as keyof typeof expected];
      if (actual !== value) fail(`${name} is ${actual}, expected ${value}`);
    }
    const limit = this.options.maxBytes ?? 0;
    if (limit > 0 && stats.bytes.used > limit) fail('more bytes used than maxBytes');
    if (this.holdings.length > 0) this.#verify(this.#holdingAt(this.steps));
    if (this.steps % 16 === 0) this.#checkRows(arena);
  }

  /** Checks every view, then frees all there is. */
  finish(arena: Arena): void {
    while (this.scopes.length > 0) this.endScope(arena, 0);
    while (this.holdings.length > 0) this.free(arena, 0);
    this.check(arena);
    this.trim(arena);
  }

  /** Live blocks and bytes per class. */
  #checkRows(arena: Arena): void {
    const stats = arena.stats();
    const live = new Map<string, { blocks: number; bytes: number }>();
    for (const { view, bytes } of this.holdings) {
      if (bytes.length === 0) continue;
      const usable = arena.usableSize(view);
      const name = stats.classes.find((row) => usable <= row.maxSize)!.name;
      const row = live.get(name) ?? { blocks: 0, bytes: 0 };
      live.set(name, { blocks: row.blocks + 1, bytes: row.bytes + bytes.length });
    }
    for (const { name } of stats.classes) {
      const { blocks, bytes } = live.get(name) ?? { blocks: 0, bytes: 0 };
      const row = rowOf(stats, name);
      if (row.live !== blocks) fail(`${name}: ${row.live} blocks live, expected ${blocks}`);
      if (row.liveBytes !== bytes) fail(`${name}: ${row.liveBytes} bytes, expected ${bytes}`);
    }
  }

  #holdingAt(at: number): Holding {
    return this.holdings[at % this.holdings.length]!;
  }

  #ownedBy(scope: number): Holding[] {
    return this.holdings.filter((holding) => holding.scope === scope);
  }

  #orOutOfMemory<T>(make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === CODE_OUT_OF_MEMORY && this.options.maxBytes !== undefined) return undefined;
      throw error;
    }
  }

  /** Enters a live view and fills it with bytes of its own. */
  #hold(arena: Arena, view: View, scope: number | undefined): void {
    if (!arena.owns(view)) fail('a new view is not owned');
    this.#ranges.claim(view, arena.usableSize(view));
    const bytes = Buffer.alloc(view.byteLength, 1 + (this.#nextByte++ % 255));
    bytesOf(view).set(bytes);
    this.holdings.push({ view, bytes, scope });
    if (bytes.length > 0) this.#allocs++;
  }

  #letGo(arena: Arena, holding: Holding): void {
    this.#ranges.release(holding.view, arena.usableSize(holding.view));
    this.#forget(holding);
  }

  #forget(holding: Holding): void {
    this.holdings = this.holdings.filter((one) => one !== holding);
    if (holding.bytes.length > 0) this.#frees++;
  }

  #verify({ view, bytes }: Holding): void {
    if (view.byteLength !== bytes.length) fail('a live view changed its length');
    if (Buffer.compare(bytesOf(view), bytes) !== 0) fail('a live view was overwritten');
  }
}
