/**
 * Leaks in this process: what the garbage collector takes is told and, if so wished, given back.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect, jest, test } from '@jest/globals';
import { Arena, type LeakReport } from '../../lib/index';
import { listen } from './support/reports';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let warn: ReturnType<typeof jest.spyOn>;
beforeEach(() => {
  warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});

/** In a frame of its own, so that nothing on the stack keeps the view. */
function drop(arena: Arena, tag: string | undefined): void {
  const view = arena.alloc(100);
  if (tag !== undefined) arena.tag(view, tag);
}

async function collectUntil(done: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !done(); i++) {
    collect();
    await setTimeout(1);
  }
}

test.each(['never', 'gc'] as const)('reclaim: %s', async (reclaim) => {
  const name = `leaking ${reclaim}`;
  const arena = new Arena({ name, leaks: 'all', reclaim });
  using listener = listen<LeakReport>('hakmem-arena:leak', name);
  drop(arena, 'dropped');
  await collectUntil(() => listener.messages.length > 0);
  expect(listener.messages).toMatchObject([
    { size: 100, tag: 'dropped', reclaimed: reclaim === 'gc' },
  ]);
  expect(warn).toHaveBeenCalled();
  expect(arena.liveBlocks()).toEqual([]);
  expect(arena.stats().bytes.live).toBe(reclaim === 'gc' ? 0 : 100);
  arena.destroy();
});

test('what was freed or reset before is no leak', async () => {
  const arena = new Arena({ name: 'not leaking', leaks: 'all', reclaim: 'gc' });
  using listener = listen<LeakReport>('hakmem-arena:leak', 'not leaking');
  arena.free(arena.alloc(100));
  drop(arena, undefined);
  arena.reset();
  for (let i = 0; i < 5; i++) {
    collect();
    await setTimeout(1);
  }
  expect(listener.messages).toEqual([]);
  arena.destroy();
});
