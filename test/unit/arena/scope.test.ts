import { describe, expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Front } from '../../../lib/front/front';
import { Arena, Scope, type View } from '../../../lib/index';
import { errorOf, expectCode } from '../support/codes';
import { checkSums, totalsOf } from '../support/sums';

function liveOf(arena: Arena): number {
  return totalsOf(arena.stats()).live;
}

/** One view of each kind that a scope hands out. */
function oneOfEach(scope: Scope): (Buffer | Float64Array | DataView)[] {
  return [
    scope.alloc(100),
    scope.alloc(100, 'fill'),
    scope.allocUnsafe(200),
    scope.allocUnsafe(200, 1024),
    scope.from('text'),
    scope.allocTyped(Float64Array, 10),
    scope.allocTyped(DataView, 10),
    scope.allocUnsafe(100_000),
    scope.allocUnsafe(3_000_000),
  ];
}

describe('scope(fn)', () => {
  test('frees all it took when fn returns, and returns what fn returned', () => {
    const arena = new Arena();
    const outside = arena.alloc(10, 1);
    const result = arena.scope((scope) => {
      expect(scope).toBeInstanceOf(Scope);
      const views = oneOfEach(scope);
      expect(views.every((view) => arena.owns(view))).toBe(true);
      expect(liveOf(arena)).toBe(views.length + 1);
      return { views };
    });
    expect(result.views.some((view) => arena.owns(view))).toBe(false);
    expect(totalsOf(arena.stats())).toMatchObject({ live: 1, liveBytes: 10 });
    expect(outside.equals(Buffer.alloc(10, 1))).toBe(true);
    arena.destroy();
  });

  test('frees all it took when fn throws, and passes the error on', () => {
    const arena = new Arena();
    const error = errorOf(() =>
      arena.scope((scope) => {
        oneOfEach(scope);
        throw new Error('mine');
      }),
    );
    expect(error).toMatchObject({ message: 'mine' });
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('frees when a promise resolves, not before', async () => {
    const arena = new Arena();
    let release = (_value: string): void => {};
    const gate = new Promise<string>((resolve) => (release = resolve));
    const promise = arena.scope(async (scope) => {
      const view = scope.alloc(100, 7);
      const text = await gate;
      expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
      oneOfEach(scope);
      return text;
    });
    expect(promise).toBeInstanceOf(Promise);
    await sleep(1);
    expect(liveOf(arena)).toBe(1);
    release('done');
    await expect(promise).resolves.toBe('done');
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('frees when a promise rejects, and rejects the same way', async () => {
    const arena = new Arena();
    const promise = arena.scope(async (scope) => {
      oneOfEach(scope);
      await sleep(1);
      throw new Error('later');
    });
    expect(liveOf(arena)).toBeGreaterThan(0);
    await expect(promise).rejects.toThrow('later');
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('waits for any thenable', async () => {
    const arena = new Arena();
    const thenable = {
      then(resolve: (value: number) => void): void {
        setImmediate(() => resolve(5));
      },
    };
    const result = arena.scope((scope) => {
      scope.alloc(10);
      return thenable;
    });
    expect(liveOf(arena)).toBe(1);
    expect(await result).toBe(5);
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('many at once end one by one', async () => {
    const arena = new Arena();
    const tasks = Array.from({ length: 50 }, (_, i) =>
      arena.scope(async (scope) => {
        const view = scope.alloc(100 + i, i);
        await sleep(i % 7);
        expect(view.equals(Buffer.alloc(100 + i, i))).toBe(true);
        return i;
      }),
    );
    expect(liveOf(arena)).toBe(50);
    expect(await Promise.all(tasks)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(totalsOf(arena.stats())).toMatchObject({ live: 0, liveBytes: 0 });
    arena.destroy();
  });

  test.each([undefined, null, 5, 'fn', {}, Promise.resolve()])('refuses %p for fn', (fn) => {
    const arena = new Arena();
    expectCode(() => arena.scope(fn as never), 'ERR_INVALID_ARG_TYPE');
    arena.destroy();
  });
});

describe('openScope', () => {
  test('lives until its end, which may be called twice', () => {
    const arena = new Arena();
    const scope = arena.openScope();
    const views = oneOfEach(scope);
    expect(liveOf(arena)).toBe(views.length);
    scope.end();
    expect(liveOf(arena)).toBe(0);
    const next = arena.alloc(100);
    scope.end();
    expect(arena.owns(next)).toBe(true);
    expect(totalsOf(arena.stats())).toMatchObject({ live: 1, frees: views.length });
    arena.destroy();
  });

  test('is disposable', () => {
    const arena = new Arena();
    const scope = arena.openScope();
    scope.alloc(10);
    scope[Symbol.dispose]();
    expect(liveOf(arena)).toBe(0);
    expectCode(() => scope.alloc(10), 'ERR_INVALID_STATE');
    arena.destroy();
  });

  test('hands out nothing after its end', () => {
    const arena = new Arena();
    const scope = arena.openScope();
    const view = scope.alloc(10);
    scope.end();
    for (const use of [
      () => scope.alloc(10),
      () => scope.allocUnsafe(10),
      () => scope.allocUnsafe(10, 64),
      () => scope.from('x'),
      () => scope.allocTyped(Int8Array, 10),
      () => scope.keep(view),
    ]) {
      expectCode(use, 'ERR_INVALID_STATE');
    }
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('checks its arguments like the arena', () => {
    const arena = new Arena();
    const scope = arena.openScope();
    expectCode(() => scope.alloc(-1), 'ERR_OUT_OF_RANGE');
    expectCode(() => scope.alloc(5, 'zz', 'hex'), 'ERR_INVALID_ARG_VALUE');
    expectCode(() => scope.from(5), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => scope.allocTyped(Array as never, 5), 'ERR_INVALID_ARG_TYPE');
    scope.end();
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 0, frees: 0 });
    arena.destroy();
  });

  test('a scope that took nothing ends quietly', () => {
    const arena = new Arena();
    arena.openScope().end();
    expect(arena.scope(() => 1)).toBe(1);
    arena.destroy();
  });
});

describe('nested scopes', () => {
  test('end from the inside out', () => {
    const arena = new Arena();
    arena.scope((outer) => {
      const first = outer.alloc(100, 1);
      arena.scope((inner) => {
        inner.alloc(100, 2);
        outer.alloc(100, 3);
        expect(liveOf(arena)).toBe(3);
      });
      expect(liveOf(arena)).toBe(2);
      expect(first.equals(Buffer.alloc(100, 1))).toBe(true);
    });
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('may end in any order', () => {
    const arena = new Arena();
    const scopes = Array.from({ length: 10 }, () => arena.openScope());
    const views = scopes.map((scope, i) => scope.alloc(64, i));
    for (const at of [3, 9, 0, 5, 1, 2, 8, 4, 7, 6]) {
      expect(views[at]!.equals(Buffer.alloc(64, at))).toBe(true);
      scopes[at]!.end();
      expect(arena.owns(views[at])).toBe(false);
    }
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('that ended in any order leave to the others what is reallocated', () => {
    const arena = new Arena();
    const scopes = Array.from({ length: 10 }, () => arena.openScope());
    const views = scopes.map((scope) => scope.alloc(64));
    const order = [3, 9, 0, 5, 1, 2, 8, 4, 7, 6];
    order.forEach((at, ended) => {
      for (const open of order.slice(ended))
        views[open] = arena.realloc(views[open]!, 200 * ended + 100);
      scopes[at]!.end();
      expect(liveOf(arena)).toBe(order.length - ended - 1);
    });
    arena.destroy();
  });
});

describe('keep', () => {
  test('takes a view out of the scope', () => {
    const arena = new Arena();
    const kept = arena.scope((scope) => {
      scope.alloc(100);
      return scope.keep(scope.alloc(100, 9));
    });
    expect(arena.owns(kept)).toBe(true);
    expect(kept.equals(Buffer.alloc(100, 9))).toBe(true);
    expect(liveOf(arena)).toBe(1);
    arena.free(kept);
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('returns the same view, of any kind', () => {
    const arena = new Arena();
    const scope = arena.openScope();
    const views = [...oneOfEach(scope), scope.alloc(0)];
    for (const view of views) expect(scope.keep(view)).toBe(view);
    scope.end();
    for (const view of views) {
      expect(arena.owns(view)).toBe(true);
      arena.free(view);
    }
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('refuses what is not a live view of this scope', () => {
    const arena = new Arena();
    const other = new Arena();
    const scope = arena.openScope();
    const kept = scope.keep(scope.alloc(10));
    const freed = scope.alloc(10);
    arena.free(freed);
    for (const view of [
      kept,
      freed,
      arena.alloc(10),
      arena.openScope().alloc(10),
      other.openScope().alloc(10),
      Buffer.alloc(10),
      scope.alloc(10).subarray(),
    ]) {
      expectCode(() => scope.keep(view), 'ERR_HAKMEM_NOT_OWNED');
    }
    for (const value of [null, undefined, 5, {}, new ArrayBuffer(4)]) {
      expectCode(() => scope.keep(value as never), 'ERR_INVALID_ARG_TYPE');
    }
    arena.destroy();
    other.destroy();
  });
});

describe('a view freed by hand', () => {
  test('is not freed again by the end of its scope', () => {
    const arena = new Arena();
    arena.scope((scope) => {
      for (const view of oneOfEach(scope)) arena.free(view);
      expect(liveOf(arena)).toBe(0);
    });
    const { allocs, frees } = totalsOf(arena.stats());
    expect(frees).toBe(allocs);
    arena.destroy();
  });

  test('and recycled outside stays with its new owner', () => {
    const arena = new Arena();
    let recycled: Buffer = Buffer.alloc(0);
    arena.scope((scope) => {
      const view = scope.alloc(100);
      arena.free(view);
      recycled = arena.alloc(100, 5);
      expect(recycled).toBe(view);
    });
    expect(arena.owns(recycled)).toBe(true);
    expect(recycled.equals(Buffer.alloc(100, 5))).toBe(true);
    arena.free(recycled);
    arena.destroy();
  });

  test('and recycled by another scope stays with that one', () => {
    const arena = new Arena();
    const [a, b] = [arena.openScope(), arena.openScope()];
    const view = a.alloc(100);
    arena.free(view);
    expect(b.alloc(100)).toBe(view);
    a.end();
    expect(arena.owns(view)).toBe(true);
    b.end();
    expect(arena.owns(view)).toBe(false);
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 2, frees: 2 });
    arena.destroy();
  });

  test('and recycled by the same scope is freed once', () => {
    const arena = new Arena();
    arena.scope((scope) => {
      const view = scope.alloc(100);
      arena.free(view);
      expect(scope.alloc(100)).toBe(view);
    });
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 2, frees: 2 });
    arena.destroy();
  });
});

describe('realloc inside a scope', () => {
  test.each([
    ['in place', 100, 90],
    ['by moving', 100, 5000],
    ['to a large block', 100, 200_000],
    ['from a large block', 200_000, 100],
    ['to the same size', 100, 100],
    ['to nothing', 100, 0],
    ['from nothing', 0, 100],
  ])('%s: the new view belongs to the scope', (_name, from, to) => {
    const arena = new Arena();
    let next: Buffer = Buffer.alloc(0);
    arena.scope((scope) => {
      next = arena.realloc(scope.alloc(from), to);
      expect(next.length).toBe(to);
      expect(arena.owns(next)).toBe(true);
    });
    expect(arena.owns(next)).toBe(false);
    expect(totalsOf(arena.stats())).toMatchObject({ live: 0, liveBytes: 0 });
    arena.destroy();
  });

  test('the new view can be kept', () => {
    const arena = new Arena();
    const kept = arena.scope((scope) => scope.keep(arena.realloc(scope.alloc(100, 3), 500)));
    expect(arena.owns(kept)).toBe(true);
    expect(kept.subarray(0, 100).equals(Buffer.alloc(100, 3))).toBe(true);
    arena.free(kept);
    arena.destroy();
  });

  test('a view from outside stays outside', () => {
    const arena = new Arena();
    const outside = arena.alloc(100);
    const next = arena.scope(() => arena.realloc(outside, 3000));
    expect(arena.owns(next)).toBe(true);
    arena.free(next);
    arena.destroy();
  });

  test('a view of an ancestor scope stays with the ancestor', () => {
    const arena = new Arena();
    arena.scope((outer) => {
      const view = outer.alloc(100);
      const next = arena.scope(() => arena.realloc(view, 3000));
      expect(arena.owns(next)).toBe(true);
    });
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });
});

describe('the arena changes under a scope', () => {
  test('by a reset: its views are stale, it goes on, and its end frees what came after', () => {
    const arena = new Arena();
    arena.scope((scope) => {
      const before = scope.alloc(100);
      arena.reset();
      expect(before.length).toBe(0);
      const after = scope.alloc(100, 2);
      expect(after.equals(Buffer.alloc(100, 2))).toBe(true);
      expect(liveOf(arena)).toBe(1);
    });
    expect(liveOf(arena)).toBe(0);
    checkSums(arena.stats());
    arena.destroy();
  });

  test('by destroy: the end is quiet', () => {
    const arena = new Arena();
    const result = arena.scope((scope) => {
      scope.alloc(100);
      arena.destroy();
      return 'over';
    });
    expect(result).toBe('over');
  });

  test('by a trim: its views stay', () => {
    const arena = new Arena();
    arena.scope((scope) => {
      const view = scope.alloc(100, 4);
      arena.trim();
      expect(view.equals(Buffer.alloc(100, 4))).toBe(true);
    });
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });

  test('by running out of memory: what it got is freed', () => {
    const arena = new Arena({ maxBytes: 1024 * 1024 });
    expectCode(
      () =>
        arena.scope((scope) => {
          for (;;) scope.alloc(10_000);
        }),
      'ERR_HAKMEM_OUT_OF_MEMORY',
    );
    expect(liveOf(arena)).toBe(0);
    arena.destroy();
  });
});

test('100,000 scopes hold no memory', () => {
  const arena = new Arena();
  for (let i = 0; i < 100_000; i++) {
    const scope = arena.openScope();
    scope.allocUnsafe(1 + (i % 500));
    scope.end();
  }
  expect(totalsOf(arena.stats())).toMatchObject({ allocs: 100_000, frees: 100_000, live: 0 });
  expect(arena.stats().bytes.used).toBeLessThan(4 * 1024 * 1024);
  arena.destroy();
});

test('scopes without number never share a view', () => {
  const arena = new Arena();
  const kept: View[] = [];
  const open: Scope[] = [];
  for (let round = 0; round < 3000; round++) {
    // Scopes end in any order, and what they had is handed out again to others, by hand and by their ends.
    const scope = arena.openScope();
    open.push(scope);
    const views = [scope.alloc(100), scope.alloc(100), scope.alloc(200)];
    arena.free(views[1]!);
    if (round % 7 === 0) kept.push(scope.keep(views[0]!));
    if (round % 5 === 0) arena.release(arena.retain(views[2]!));
    if (open.length > 20) open.splice((round * 7) % 20, 1)[0]!.end();
    for (const other of open.slice(-3)) {
      if (other === scope) continue;
      expectCode(() => other.keep(views[2]!), 'ERR_HAKMEM_NOT_OWNED');
    }
  }
  for (const scope of open) scope.end();
  expect(kept.every((view) => arena.owns(view))).toBe(true);
  expect(totalsOf(arena.stats()).live).toBe(kept.length);
  arena.destroy();
});

test('the number of a scope serves again when it has ended, so that numbers never run out', () => {
  const arena = new Arena();
  const owners = new Set<number>();
  const alloc = jest.spyOn(Front.prototype, 'alloc').mockImplementation((size, owner) => {
    owners.add(owner);
    return Buffer.alloc(size);
  });
  for (let round = 0; round < 100; round++) {
    const scopes = Array.from({ length: 20 }, () => arena.openScope());
    for (const scope of scopes) for (let i = 0; i < 30; i++) scope.allocUnsafe(1);
    for (const scope of scopes) scope.end();
  }
  alloc.mockRestore();
  expect([...owners].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
  arena.destroy();
});

test('a thenable that refuses to be looked at ends its scope', () => {
  const arena = new Arena();
  const evil = Object.defineProperty({}, 'then', {
    get() {
      throw Object.assign(new Error('no'), { code: 'MINE' });
    },
  });
  expectCode(
    () =>
      arena.scope((scope) => {
        scope.alloc(100);
        return evil;
      }),
    'MINE',
  );
  expect(totalsOf(arena.stats()).live).toBe(0);
  arena.destroy();
});
