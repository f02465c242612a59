import { expect, test } from '@jest/globals';
import * as geometry from '../../../lib/native/geometry';
import { exchangeOf, native } from '../../../lib/native/native';

const { defaultStrides, rowNames, rowSizes } = native.tables;

function sizeOfRow(name: string): number {
  return rowSizes[rowNames.indexOf(name)]!;
}

test('the largest class has blocks of a slab, and so have the rows', () => {
  expect(defaultStrides.at(-1)).toBe(geometry.CLASS_SIZE_MAX);
  expect(sizeOfRow('M5')).toBe(geometry.CLASS_SIZE_MAX);
  expect(geometry.CLASS_SIZE_MAX).toBe(geometry.SLAB_BYTES);
});

test('the largest run is a SuperSlab', () => {
  expect(sizeOfRow('run')).toBe(geometry.RUN_SIZE_MAX);
  expect(geometry.RUN_SIZE_MAX).toBe(geometry.SUPERSLAB_BYTES);
});

test('a block reference has room for every block of a slab, and no more', () => {
  const smallest = Math.min(...defaultStrides);
  expect(geometry.SLAB_BYTES / smallest).toBe(2 ** geometry.REF_INDEX_BITS);
  expect(geometry.REF_INDEX_MASK).toBe(geometry.SLAB_BYTES / smallest - 1);
});

test('the core counts slabs and blocks as the front does', () => {
  const arena = native.createArena('geometry');
  if (typeof arena === 'number') throw new Error(`status ${arena}`);
  const refs = exchangeOf();
  const [bytes, index] = [1024, defaultStrides.indexOf(1024)];
  const perSlab = geometry.SLAB_BYTES / bytes;
  expect(native.refill(arena.id, index, perSlab)).toBe(perSlab);
  const inSlab = [...refs.slice(0, perSlab)].map((ref) => ref & geometry.REF_INDEX_MASK);
  expect(inSlab).toEqual(Array.from({ length: perSlab }, (_, block) => block));
  const slab = native.expose(arena.id, refs[0]! >>> geometry.REF_INDEX_BITS) as ArrayBuffer;
  expect(slab.byteLength).toBe(geometry.SLAB_BYTES);
  native.destroyArena(arena.id);
});
