/**
 * Leaks: what the garbage collector takes is told and, if so wished, given back. In processes of their own,
 * whose garbage is only ours.
 */
import { expect, test } from '@jest/globals';
import { resultOf } from '../support/child';

interface Result {
  readonly reports: readonly unknown[];
  readonly warned: boolean;
  readonly listed: number;
  readonly live: number;
}

/** Makes an arena with these options, does `what` with it, collects, and says what came of it. */
function leaksAfter(what: string, options: string): Promise<Result> {
  return resultOf<Result>(
    `
    const { subscribe } = require('node:diagnostics_channel');
    const { Arena } = require('hakmem-arena');
    const reports = [];
    let warned = false;
    subscribe('hakmem-arena:leak', ({ size, tag, reclaimed }) => reports.push({ size, tag, reclaimed }));
    process.emitWarning = () => { warned = true; };
    const arena = new Arena(${options});
    // In a frame of its own, so that nothing on the stack keeps the view.
    (() => { ${what} })();
    let turns = 0;
    const look = () => {
      gc();
      if (++turns < (reports.length > 0 ? 0 : 50)) return setTimeout(look, 1);
      const listed = arena.liveBlocks().length;
      console.log(JSON.stringify({ reports, warned, listed, live: arena.stats().bytes.live }));
    };
    setTimeout(look, 1);`,
    { nodeArguments: ['--expose-gc'] },
  );
}

test.each(['never', 'gc'] as const)('reclaim: %s', async (reclaim) => {
  const result = await leaksAfter(
    "arena.tag(arena.alloc(100), 'dropped');",
    `{ leaks: 'all', reclaim: '${reclaim}' }`,
  );
  const reclaimed = reclaim === 'gc';
  expect(result).toEqual({
    reports: [{ size: 100, tag: 'dropped', reclaimed }],
    warned: true,
    listed: 0,
    live: reclaimed ? 0 : 100,
  });
});

test('what was freed or reset before is no leak', async () => {
  const result = await leaksAfter(
    'arena.free(arena.alloc(100)); arena.alloc(100); arena.reset();',
    "{ leaks: 'all', reclaim: 'gc' }",
  );
  expect(result).toEqual({ reports: [], warned: false, listed: 0, live: 0 });
});
