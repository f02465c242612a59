// Records as services send them: a few fields, text, numbers, and a binary attachment in some.

import { isDeepStrictEqual } from 'node:util';
import { decode, encode } from '@msgpack/msgpack';
import { seededRandom } from '../support/random';

/** Different records; they come again and again, so that making them does not count. */
const KINDS = 512;

export interface Sample {
  record: unknown;
  /** What it must be encoded to. */
  expected: Uint8Array;
}

/** @throws if the library does not decode what it encoded to what it was. */
export function makeSamples(): Sample[] {
  const random = seededRandom(1);
  return Array.from({ length: KINDS }, (_, id) => {
    const record = makeRecord(id, random);
    const expected = encode(record);
    if (!isDeepStrictEqual(decode(expected), record)) throw new Error(`record ${id} is not stable`);
    return { record, expected };
  });
}

function makeRecord(id: number, random: () => number): unknown {
  const words = Math.floor(2 ** (random() * 6));
  const attachment = random() < 0.2 ? Math.floor(2 ** (8 + random() * 7)) : 0;
  return {
    id,
    at: 1_700_000_000_000 + id,
    user: { name: `user ${id % 97}`, roles: ['reader', 'writer'].slice(0, 1 + (id % 2)) },
    price: random() * 1000,
    text: 'lorem ipsum '.repeat(words),
    tags: Array.from({ length: id % 8 }, (_, i) => `tag-${i}`),
    ...(attachment > 0 && {
      attachment: Uint8Array.from({ length: attachment }, () => random() * 256),
    }),
  };
}
