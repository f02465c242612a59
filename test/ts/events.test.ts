import { afterEach, describe, expect, test } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Arena } from '../../lib/index';
import { expectCode } from './support/codes';

const undo: (() => void)[] = [];

function received(name: string): unknown[] {
  const events: unknown[] = [];
  const listener = (event: unknown): void => void events.push(event);
  subscribe(name, listener);
  undo.push(() => unsubscribe(name, listener));
  return events;
}

afterEach(() => {
  for (const step of undo.splice(0)) step();
});

describe('an event', () => {
  test('tells of an allocation that maxBytes refused, after the code that asked', async () => {
    const events = received('hakmem-arena:limit');
    const arena = new Arena({ name: 'full', maxBytes: 65_536 });
    arena.allocUnsafe(100);
    expectCode(() => arena.allocUnsafe(200_000), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expect(events).toEqual([]);
    await Promise.resolve();
    expect(events).toEqual([
      {
        arena: { id: arena.id, name: 'full' },
        requestedBytes: 200_000,
        usedBytes: 65_536,
        maxBytes: 65_536,
      },
    ]);
    arena.destroy();
  });

  test('is not made when nobody listens, and not for what goes well', async () => {
    const arena = new Arena({ maxBytes: 65_536 });
    expectCode(() => arena.allocUnsafe(200_000), 'ERR_HAKMEM_OUT_OF_MEMORY');
    const events = received('hakmem-arena:limit');
    for (let i = 0; i < 100; i++) arena.free(arena.allocUnsafe(100));
    await Promise.resolve();
    expect(events).toEqual([]);
    arena.destroy();
  });
});
