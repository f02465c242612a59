/**
 * Buffers of other threads in a scope: they go back at its end.
 */
import { afterEach, beforeEach, expect } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { Arena, Channel, type Ticket, adopt, release } from '../../../lib/index';
import { onlyNative } from '../support/backend';
import { codeOf } from '../support/codes';

const test = onlyNative('Buffers go to other threads with the addon only');

let lender: Arena;
let arena: Arena;

beforeEach(() => {
  lender = new Arena();
  arena = new Arena();
});

afterEach(() => {
  lender.destroy();
  arena.destroy();
});

const ticketOf = (text: string): Ticket => lender.share(lender.from(text));
const away = (): number => lender.stats().lending.away;

test('is released when the function returns', () => {
  const buffers = arena.scope((scope) => {
    const both = [scope.adopt(ticketOf('one')), scope.adopt(ticketOf('other')), scope.alloc(10)];
    expect([both.map(String).slice(0, 2), away()]).toEqual([['one', 'other'], 2]);
    return both;
  });
  expect([away(), buffers[0]!.length, buffers[1]!.length, arena.owns(buffers[2]!)]).toEqual([
    0,
    0,
    0,
    false,
  ]);
});

test('is released when the function throws, and when its promise settles, either way', async () => {
  expect(() =>
    arena.scope((scope) => {
      scope.adopt(ticketOf('lost'));
      throw new Error('on purpose');
    }),
  ).toThrow('on purpose');
  expect(away()).toBe(0);
  const later = arena.scope(async (scope) => {
    const buffer = scope.adopt(ticketOf('later'));
    await turn();
    return buffer.toString();
  });
  expect(away()).toBe(1);
  expect([await later, away()]).toEqual(['later', 0]);
  const failing = arena.scope(async (scope) => {
    scope.adopt(ticketOf('lost'));
    await turn();
    throw new Error('on purpose');
  });
  await expect(failing).rejects.toThrow('on purpose');
  expect(away()).toBe(0);
});

test('may be kept, or released before', () => {
  const kept = arena.scope((scope) => {
    const [one, other] = [scope.adopt(ticketOf('one')), scope.adopt(ticketOf('other'))];
    release(other);
    expect(codeOf(() => scope.keep(other))).toBe('ERR_HAKMEM_NOT_OWNED');
    return scope.keep(one);
  });
  expect([kept.toString(), away()]).toEqual(['one', 1]);
  const scope = arena.openScope();
  expect(scope.adopt(kept)).toBe(kept);
  scope.end();
  scope.end();
  expect([kept.length, away()]).toEqual([0, 0]);
});

test('stays as long as somebody holds it', async () => {
  const buffer = arena.scope((scope) => {
    const held = scope.adopt(ticketOf('held'));
    void arena.freeAfter(arena.retain(held), turn());
    return held;
  });
  expect([buffer.toString(), away()]).toEqual(['held', 1]);
  arena.release(buffer);
  await turn();
  await turn();
  expect(away()).toBe(0);
});

test('may come from a channel, and go with a scope that ends with something else', async () => {
  const { ends } = new Channel({ threshold: 0 });
  const [from, to] = [Channel.open(ends[0], lender), Channel.open(ends[1], arena)];
  from.send(lender.from('a message'));
  const controller = new AbortController();
  const scope = arena.scopeUntil(controller.signal);
  for await (const buffer of to) {
    scope.adopt(to.keep(buffer));
    break;
  }
  expect(away()).toBe(1);
  controller.abort();
  expect(away()).toBe(0);
  from.close();
});

test('what is no Buffer of another thread is refused, and the scope goes on', () => {
  const scope = arena.openScope();
  const used = ticketOf('used');
  release(adopt(used));
  const wrong = [used, 1.5, -1, scope.alloc(1), Buffer.alloc(1), 'ticket', undefined, {}];
  expect(wrong.map((it) => codeOf(() => scope.adopt(it as number)))).toEqual([
    ...Array<string>(3).fill('ERR_HAKMEM_TICKET'),
    ...Array<string>(2).fill('ERR_HAKMEM_NOT_OWNED'),
    ...Array<string>(3).fill('ERR_INVALID_ARG_TYPE'),
  ]);
  expect(scope.adopt(ticketOf('good')).toString()).toBe('good');
  scope.end();
  expect(away()).toBe(0);
  const left = ticketOf('left');
  expect(codeOf(() => scope.adopt(left))).toBe('ERR_INVALID_STATE');
  expect(lender.recall(left)?.toString()).toBe('left');
});
