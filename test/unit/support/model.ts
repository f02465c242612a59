/**
 * Model: what a test knows about an arena, to compare with what the arena says.
 *
 * Every view has shadow bytes, from its allocation until nobody can see it any more. A view is live; or
 * freed by its owner and still retained; or retained beyond a reset or the end of its arena.
 */
import { Arena, type ArenaOptions, type Scope, type View, heapStats } from '../../../lib/index';
import type { Learnable } from '../../../lib/arena/learning';
import { codeOf } from './codes';
import { learningArena } from './learning-arena';
import { LiveRanges } from './live-ranges';
import { rowOf, totalsOf } from './sums';
import { bytesOf } from './views';

export interface Holding {
  readonly arena: Arena;
  readonly view: View;
  readonly bytes: Buffer;
  /** The open scope that frees it; undefined: nobody but us. */
  scope: Scope | undefined;
  holders: number;
  /** Bytes that count as pinned while it is retained. */
  block: number;
  /** Its owner has freed it, or its arena was reset or destroyed. */
  isFreed: boolean;
  isStale: boolean;
  /** Where it is in the model's list. */
  at: number;
}

interface Pending {
  readonly holding: Holding;
  readonly settle: (how: 'resolve' | 'reject') => void;
  readonly done: Promise<unknown>;
}

const CODE_OUT_OF_MEMORY = 'ERR_HAKMEM_OUT_OF_MEMORY';

/** Steps between two looks at all statistics, and between two at every view. */
const STATS_INTERVAL = 32;
const ALL_VIEWS_INTERVAL = 256;

/** Beyond this, contents are compared now and then only. */
const LARGE_BYTES = 16 * 1024;

/** More than so many live views make a run slow, and find nothing more. */
const VIEWS_MAX = 400;

export function fail(what: string): never {
  throw new Error(what);
}

export class Model {
  readonly options: ArenaOptions;
  arena: Arena;
  /** Those that are live. */
  readonly live: Holding[] = [];
  /** Retained ones that are not live any more. */
  readonly held: Holding[] = [];
  readonly pending: Pending[] = [];
  scopes: Scope[] = [];
  steps = 0;
  #allocs = 0;
  #frees = 0;
  /** Texts taken: one that is not ASCII may be given a block that turns out too short, and goes back. */
  #texts = 0;
  #liveCount = 0;
  #liveBytes = 0;
  #pinned = 0;
  #nextByte = 0;
  #ghost: View | undefined;
  #learnable: Learnable | undefined;
  #ranges = new LiveRanges();

  constructor(options: ArenaOptions) {
    this.options = options;
    this.arena = this.#makeArena();
  }

  #makeArena(): Arena {
    if (this.options.learn !== 'learn') return new Arena(this.options);
    const { arena, learnable } = learningArena(this.options);
    this.#learnable = learnable;
    return arena;
  }

  get isFull(): boolean {
    return this.live.length + this.held.length >= VIEWS_MAX;
  }

  // --- Allocate -----------------------------------------------------------------------------------

  /** An open scope by number, or none. */
  scopeAt(at: number): Scope | undefined {
    return at % 2 === 0 ? undefined : this.scopes[at % this.scopes.length];
  }

  /** Allocates; out of memory is allowed where there is a limit. `expected`: what the bytes have to be. */
  allocate(scope: Scope | undefined, make: (from: Arena | Scope) => View, expected?: Buffer): void {
    const view = this.#orOutOfMemory(() => make(scope ?? this.arena));
    if (view === undefined) return;
    const known = expected ?? (this.options.zero === 'free' ? Buffer.alloc(view.byteLength) : null);
    if (known !== null && known.compare(bytesOf(view)) !== 0) fail('wrong contents on allocation');
    this.#hold(view, scope);
  }

  // --- Free ---------------------------------------------------------------------------------------

  free(holding: Holding): void {
    this.#verify(holding);
    this.#leave(holding);
    this.arena.free(holding.view);
    if (this.arena.owns(holding.view)) fail('a freed view is still owned');
  }

  /** Frees once more what was freed last, unless somebody has it again. */
  freeAgain(): void {
    const ghost = this.#ghost;
    if (ghost === undefined || this.arena.owns(ghost)) return;
    const code = codeOf(() => this.arena.free(ghost));
    const allowed = ['ERR_HAKMEM_DOUBLE_FREE', 'ERR_HAKMEM_STALE_VIEW', 'ERR_HAKMEM_NOT_OWNED'];
    if (code === undefined || !allowed.includes(code)) fail(`a second free: ${String(code)}`);
  }

  /** Frees what is no view of the arena at all. */
  freeWrong({ view }: Holding): void {
    const part = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
    for (const wrong of [part, Buffer.alloc(8)]) {
      const code = codeOf(() => this.arena.free(wrong));
      if (code !== 'ERR_HAKMEM_NOT_OWNED') fail(`the free of another view: ${String(code)}`);
    }
  }

  realloc(holding: Holding, size: number): void {
    const { arena } = this;
    const { view, bytes, scope } = holding;
    this.#verify(holding);
    const next = this.#orOutOfMemory(() => arena.realloc(view, size));
    if (next === undefined) return;
    if (next === view) {
      if (size !== view.byteLength) fail('realloc returned the same view for another size');
      return;
    }
    const kept = Math.min(size, bytes.length);
    this.#leave(holding);
    if (arena.owns(view)) fail('the view before a realloc is still owned');
    if (bytes.subarray(0, kept).compare(bytesOf(next).subarray(0, kept)) !== 0) {
      fail(`realloc from ${bytes.length} to ${size} bytes lost contents`);
    }
    this.#hold(next, scope);
  }

  // --- Scopes -------------------------------------------------------------------------------------

  openScope(): void {
    if (this.scopes.length < 8) this.scopes.push(this.arena.openScope());
  }

  endScope(scope: Scope): void {
    for (const holding of this.live.filter((one) => one.scope === scope)) {
      this.#verify(holding);
      this.#leave(holding);
    }
    scope.end();
    this.scopes = this.scopes.filter((one) => one !== scope);
  }

  /** Takes a view out of its scope, or is refused when it is in none. */
  keep(holding: Holding, scope: Scope): void {
    const keep = (): View => scope.keep(holding.view);
    if (holding.scope === scope) {
      if (keep() !== holding.view) fail('keep returned another view');
      holding.scope = undefined;
    } else if (codeOf(keep) !== 'ERR_HAKMEM_NOT_OWNED') {
      fail('keep took a view of another scope');
    }
  }

  /** `arena.scope(fn)`: what is allocated in it is gone behind it. */
  runScope(sizes: readonly number[]): void {
    let views: View[] = [];
    const inside = (scope: Scope): void => {
      views = sizes.map((size) => scope.alloc(size, 0xa5));
    };
    const isDone = this.#orOutOfMemory(() => {
      this.arena.scope(inside);
      return true;
    });
    const counted = sizes.filter((size) => size > 0).length;
    if (isDone === undefined) {
      this.recount();
      return;
    }
    this.#allocs += counted;
    this.#frees += counted;
    if (views.some((view) => this.arena.owns(view))) fail('a view outlived its scope');
  }

  /** After a failure in the middle of something: the arena's own counts. */
  recount(): void {
    const { allocs, frees } = totalsOf(this.arena.stats(), this.#lostBytes());
    this.#allocs = allocs;
    this.#frees = frees;
  }

  // --- Hold ---------------------------------------------------------------------------------------

  retain(holding: Holding): void {
    this.#addHolder(holding);
    if (holding.arena.retain(holding.view) !== holding.view) fail('retain returned another view');
  }

  release(holding: Holding): void {
    if (holding.holders === 0) {
      const code = codeOf(() => this.arena.release(holding.view));
      if (code !== 'ERR_INVALID_STATE') fail(`release of a view nobody retains: ${String(code)}`);
      return;
    }
    this.#verify(holding);
    const isGone = holding.arena.release(holding.view);
    this.#released(holding);
    if (isGone !== (holding.isFreed && holding.holders === 0)) fail(`release said ${isGone}`);
  }

  freeAfter(holding: Holding): void {
    let settle!: Pending['settle'];
    const promise = new Promise<string>((resolve, reject) => {
      settle = (how) => (how === 'resolve' ? resolve('done') : reject(new Error('mine')));
    });
    this.#addHolder(holding);
    const done = this.arena.freeAfter(holding.view, promise).catch((error: unknown) => error);
    this.#leave(holding);
    this.pending.push({ holding, settle, done });
  }

  /** Lets one of the promises settle, and waits until the arena has noticed. */
  async settle(at: number, how: 'resolve' | 'reject'): Promise<void> {
    const [{ holding, settle, done }] = this.pending.splice(at % this.pending.length, 1) as [
      Pending,
    ];
    this.#verify(holding);
    settle(how);
    const result = await done;
    if ((result === 'done') !== (how === 'resolve')) fail('freeAfter settled in another way');
    this.#released(holding);
  }

  // --- All at once --------------------------------------------------------------------------------

  reset(): void {
    for (const holding of this.live) this.#verify(holding);
    this.#end(() => this.arena.reset());
    this.recount();
  }

  /** Ends the arena and goes on with another. */
  destroy(): void {
    const old = this.arena;
    this.#end(() => old.destroy());
    for (const scope of this.scopes) scope.end();
    this.scopes = [];
    if (codeOf(() => old.alloc(1)) !== 'ERR_HAKMEM_ARENA_DESTROYED') fail('alive after its end');
    this.arena = this.#makeArena();
    this.#allocs = this.#frees = this.#texts = this.#pinned = 0;
    this.#ghost = undefined;
  }

  trim(): void {
    const bytes = this.arena.trim();
    if (!(Number.isSafeInteger(bytes) && bytes >= 0)) fail(`trim returned ${bytes}`);
    const { live, slabs } = this.#totals();
    if (live === 0 && slabs !== 0) fail('an empty arena uses slabs after a trim');
  }

  // --- Learn --------------------------------------------------------------------------------------

  get learns(): boolean {
    return this.#learnable !== undefined;
  }

  /** Adds a size class in the middle of everything, or retires one that was added. */
  learn(stride: number, at: number): void {
    const learnable = this.#learnable!;
    const { learned } = this.arena.policy();
    if (at % 2 === 0 || learned.length === 0) learnable.addClass(stride, 0);
    else learnable.retireClass(learned[at % learned.length]!.size);
    const { differences } = this.arena.verify();
    if (differences.length > 0) fail(`the books differ: ${JSON.stringify(differences)}`);
  }

  // --- Ask ----------------------------------------------------------------------------------------

  ask(holding: Holding): void {
    const { arena } = this;
    const { view, bytes } = holding;
    const copy = arena.copyOut(view);
    if (copy.compare(bytes) !== 0) fail('copyOut gave other bytes');
    if (copy.buffer === view.buffer) fail('copyOut copied nothing');
    if (!arena.owns(view)) fail('a live view is not owned');
    if (arena.usableSize(view) < view.byteLength) fail('usableSize is less than the size');
    if (this.options.leaks !== 'all') return;
    arena.tag(view, 'asked for');
    const blocks = arena.liveBlocks();
    if (blocks.length !== this.#liveCount) fail(`${blocks.length} blocks listed`);
    const isTagged = blocks.some(({ size, tag }) => size === bytes.length && tag === 'asked for');
    if (bytes.length > 0 && !isTagged) fail('a tag is not listed');
  }

  /** After every step. Dearer looks are taken now and then. */
  check(): void {
    this.steps++;
    const { live, held, steps } = this;
    if (live.length > 0) this.#verify(live[steps % live.length]!);
    if (held.length > 0) this.#verify(held[steps % held.length]!);
    if (steps % STATS_INTERVAL === 0) this.checkStats();
    if (steps % ALL_VIEWS_INTERVAL === 0) this.#checkAll();
  }

  countText(): void {
    this.#texts++;
  }

  /** Compares statistics with the model. */
  checkStats(): void {
    const totals = this.#totals();
    const returned = totals.allocs - this.#allocs;
    if (returned < 0 || returned > this.#texts) fail(`${returned} allocations too many`);
    const expected = {
      frees: this.#frees + returned,
      live: this.#liveCount,
      liveBytes: this.#liveBytes,
    };
    for (const [name, value] of Object.entries(expected)) {
      const actual = totals[name as keyof typeof expected];
      if (actual !== value) fail(`${name} is ${actual}, expected ${value}`);
    }
    const { bytes } = totals.stats;
    const limit = this.options.maxBytes ?? 0;
    if (limit > 0 && bytes.used > limit) fail('more bytes used than maxBytes');
    if (bytes.pinned !== this.#pinned) fail(`pinned is ${bytes.pinned}, expected ${this.#pinned}`);
  }

  /** Settles, ends and frees all there is: then nothing is left. */
  async finish(): Promise<void> {
    this.#checkAll();
    while (this.pending.length > 0) await this.settle(0, 'resolve');
    while (this.scopes.length > 0) this.endScope(this.scopes[0]!);
    while (this.live.length > 0) {
      const [holding] = this.live as [Holding];
      while (holding.holders > 0) this.release(holding);
      this.free(holding);
    }
    while (this.held.length > 0) this.release(this.held[0]!);
    this.checkStats();
    this.trim();
    if (this.arena.stats().bytes.used !== 0) fail('an empty arena uses memory after a trim');
    this.arena.destroy();
  }

  // --- Inside -------------------------------------------------------------------------------------

  #totals(): { stats: ReturnType<Arena['stats']>; slabs: number } & ReturnType<typeof totalsOf> {
    const stats = this.arena.stats();
    const slabs = stats.classes.reduce((sum, row) => sum + row.slabs, 0);
    // Guarded views do not tell which slab stays for them.
    const lost =
      this.options.guard === undefined ? this.#lostBytes() : stats.bytes.used - slabs * 65_536;
    return { ...totalsOf(stats, lost), stats, slabs };
  }

  /** Bytes of slabs that a reset left behind, because a view of them was retained. */
  #lostBytes(): number {
    if (this.options.guard !== undefined) {
      const { bytes, classes } = this.arena.stats();
      return bytes.used - classes.reduce((sum, row) => sum + row.slabs, 0) * 65_536;
    }
    const buffers = new Set<ArrayBufferLike>();
    for (const { arena, isStale, view } of this.held) {
      if (isStale && arena === this.arena && view.byteLength > 0) buffers.add(view.buffer);
    }
    // Of a short slab all is lost, too.
    return [...buffers].reduce((sum, { byteLength }) => sum + Math.max(byteLength, 65_536), 0);
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

  /** Only a live view gets its first one. */
  #addHolder(holding: Holding): void {
    if (holding.holders++ > 0) return;
    holding.block = this.arena.usableSize(holding.view);
    this.#pinned += holding.block;
  }

  /** Enters a live view and fills it with bytes of its own. */
  #hold(view: View, scope: Scope | undefined): void {
    const { arena, live } = this;
    if (!arena.owns(view)) fail('a new view is not owned');
    this.#ranges.claim(view, view.byteLength);
    const bytes = Buffer.alloc(view.byteLength, 1 + (this.#nextByte++ % 255));
    bytesOf(view).set(bytes);
    const at = live.length;
    const state = { holders: 0, block: 0, isFreed: false, isStale: false };
    live.push({ arena, view, bytes, scope, at, ...state });
    if (bytes.length === 0) return;
    this.#allocs++;
    this.#liveCount++;
    this.#liveBytes += bytes.length;
  }

  /** A live view is so no more; it stays with those who retain it. */
  #leave(holding: Holding): void {
    removeFrom(this.live, holding);
    holding.isFreed = true;
    this.#ghost = holding.view;
    if (holding.holders > 0) addTo(this.held, holding);
    else this.#gone(holding);
  }

  #released(holding: Holding): void {
    if (--holding.holders > 0) return;
    if (holding.arena === this.arena) this.#pinned -= holding.block;
    if (!holding.isFreed) return;
    removeFrom(this.held, holding);
    this.#gone(holding);
  }

  /** Nobody sees the view any more: its bytes are free, unless a reset has taken them before. */
  #gone({ view, bytes, isStale }: Holding): void {
    if (isStale) return;
    this.#ranges.release(view, bytes.length);
    if (bytes.length === 0) return;
    this.#frees++;
    this.#liveCount--;
    this.#liveBytes -= bytes.length;
  }

  /** Ends all views but those that are retained. */
  #end(act: () => void): void {
    const all = [...this.live, ...this.held.filter(({ arena }) => arena === this.arena)];
    act();
    const stay = all.filter(({ holders }) => holders > 0);
    const pinned = new Set(stay.map(({ view }) => view.buffer));
    this.live.length = 0;
    this.#liveCount = this.#liveBytes = 0;
    for (const holding of all) {
      const { view, bytes, arena } = holding;
      if (arena.owns(view)) fail('a view is owned after the end');
      const isKept = holding.holders > 0 || pinned.has(view.buffer);
      if (!isKept && bytes.length > 0 && view.buffer.byteLength !== 0)
        fail('a view has bytes left');
      holding.isStale = true;
      if (holding.holders > 0 && !holding.isFreed) {
        holding.isFreed = true;
        addTo(this.held, holding);
      }
    }
  }

  /** Every view, live blocks and bytes per class, and this arena among all. */
  #checkAll(): void {
    for (const holding of [...this.live, ...this.held]) this.#compare(holding);
    const stats = this.arena.stats();
    const liveByName = new Map<string, number>();
    for (const { view, bytes, isStale, arena, isFreed } of [...this.live, ...this.held]) {
      if (bytes.length === 0 || isStale || arena !== this.arena) continue;
      // What is freed and retained does not tell its class.
      if (isFreed) return;
      const usable = arena.usableSize(view);
      const { name } = stats.classes.find((row) => usable <= row.maxSize)!;
      liveByName.set(name, (liveByName.get(name) ?? 0) + 1);
    }
    for (const { name } of stats.classes) {
      const { live } = rowOf(stats, name);
      const expected = liveByName.get(name) ?? 0;
      if (live !== expected) fail(`${name}: ${live} blocks live, expected ${expected}`);
    }
    const heap = heapStats();
    const ours = heap.arenas.find(({ id }) => id === this.arena.id);
    if (ours?.bytes.live !== stats.bytes.live) fail('heapStats() says something else');
    const sum = heap.arenas.reduce((total, { bytes }) => total + bytes.live, 0);
    if (sum !== heap.totals.bytes.live) fail('the sum over all arenas is wrong');
  }

  #verify(holding: Holding): void {
    const { view, bytes } = holding;
    if (view.byteLength !== bytes.length) fail('a view changed its length');
    if (bytes.length <= LARGE_BYTES || this.steps % 16 === 0) this.#compare(holding);
  }

  #compare({ view, bytes }: Holding): void {
    if (bytes.compare(bytesOf(view)) !== 0) fail('a view was overwritten');
  }
}

function addTo(list: Holding[], holding: Holding): void {
  holding.at = list.length;
  list.push(holding);
}

/** The last one takes its place. */
function removeFrom(list: Holding[], holding: Holding): void {
  if (list[holding.at] !== holding) fail('the model lost a view');
  const last = list.pop()!;
  if (last === holding) return;
  list[holding.at] = last;
  last.at = holding.at;
}
