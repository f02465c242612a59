import { expect, test } from '@jest/globals';
import * as library from '../../lib/index';

test('exports what is documented, and nothing else by accident', () => {
  expect(Object.keys(library).sort()).toEqual(
    expect.arrayContaining([
      'Arena',
      'HakmemError',
      'OutOfMemoryError',
      'Scope',
      'formatHeapStats',
      'heapRates',
      'channelStats',
      'heapStats',
    ]),
  );
  expect(Object.keys(library)).not.toContain('default');
  for (const internal of ['native', 'Front', 'stamp']) {
    expect(Object.keys(library)).not.toContain(internal);
  }
});
