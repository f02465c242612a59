/**
 * Ahead: tickets that are adopted together.
 */
import { expect } from '@jest/globals';
import { Arena, type Ticket, adopt, release } from '../../../lib/index';
import { AHEAD_MAX, Ahead } from '../../../lib/letters/ahead';
import { native } from '../../../lib/native/native';
import { onlyNative } from '../support/backend';
import { codeOf } from '../support/codes';

const test = onlyNative('Buffers go to other threads with the addon only');

function aheadOf(tickets: readonly Ticket[]): Ahead {
  const ahead = new Ahead();
  ahead.tickets.set(tickets);
  ahead.adopt(tickets.length);
  return ahead;
}

test('each is refused by itself, and the others arrive', () => {
  const arena = new Arena();
  const [one, other] = [arena.share(arena.from('one')), arena.share(arena.from('other'))];
  const ahead = aheadOf([one, one, 12_345, NaN, other]);
  const results: unknown[] = [];
  while (ahead.length > 0) {
    const code = codeOf(() => {
      const buffer = ahead.first();
      results.push(buffer.toString());
      release(buffer);
    });
    if (code !== undefined) results.push(code);
    ahead.advance();
  }
  const refused = 'ERR_HAKMEM_TICKET';
  expect(results).toEqual(['one', refused, refused, refused, 'other']);
  expect(arena.stats().lending.away).toBe(0);
});

test('what nobody takes goes back, once', () => {
  const arena = new Arena();
  const tickets = Array.from({ length: AHEAD_MAX }, (_, i) => arena.share(arena.alloc(5000, i)));
  const ahead = aheadOf(tickets);
  const kept = ahead.first();
  ahead.advance();
  ahead.giveBack();
  ahead.giveBack();
  arena.trim();
  expect([kept.length, arena.stats().lending.away]).toEqual([5000, 1]);
  release(kept);
  expect(tickets.map((it) => codeOf(() => adopt(it)))).toEqual(
    tickets.map(() => 'ERR_HAKMEM_TICKET'),
  );
  expect(arena.verify().ok).toBe(true);
});

test('the native side takes no more than it has room for', () => {
  const { tickets } = new Ahead();
  expect(codeOf(() => native.adoptAll(tickets, AHEAD_MAX + 1, []))).toBe('ERR_INVALID_ARG_TYPE');
  const more = new Float64Array(AHEAD_MAX + 1);
  expect(codeOf(() => native.adoptAll(more, more.length, []))).toBe('ERR_INVALID_ARG_TYPE');
  expect(codeOf(() => native.adoptAll(tickets, 1, {} as number[]))).toBe('ERR_INVALID_ARG_TYPE');
});
