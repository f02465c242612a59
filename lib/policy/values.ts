/**
 * Values: what an arena goes by where more than one way is right. Each can be changed in its life.
 */

/** What a class of an arena may have of its own. */
export const CLASS_NAMES = [
  'frontBytes',
  'frontBytesMax',
  'frontShare',
  'batchBlocks',
  'freeBlocks',
] as const;

/** What there is once for an arena. */
export const ARENA_NAMES = [
  'purgeDelayMs',
  'freePolicy',
  'emptySlabsHigh',
  'emptyShareHigh',
  'emptySlabsLow',
  'emptyShareLow',
  'largeVariety',
  'largeVarietyBytes',
  'largeFit',
  'largeRounding',
] as const;

export type ClassName = (typeof CLASS_NAMES)[number];
export type ArenaName = (typeof ARENA_NAMES)[number];
export type ValueName = ArenaName | ClassName;

export const VALUE_NAMES: readonly ValueName[] = [...ARENA_NAMES, ...CLASS_NAMES];

export function isClassName(name: string): name is ClassName {
  return (CLASS_NAMES as readonly string[]).includes(name);
}

export interface ValueInfo {
  readonly unit: 'blocks' | 'bytes' | 'ms' | 'ratio' | 'share' | 'sizes' | 'slabs' | '';
  readonly min: number;
  readonly max: number;
  /** undefined: as the process has it. */
  readonly default: number | undefined;
  /** What the numbers from 0 on stand for. */
  readonly choices?: readonly string[];
  readonly isWhole: boolean;
}

const MIB = 1024 * 1024;

const whole = (unit: ValueInfo['unit'], min: number, max: number, value?: number): ValueInfo => ({
  unit,
  min,
  max,
  default: value,
  isWhole: true,
});

const part = (unit: ValueInfo['unit'], min: number, max: number, value?: number): ValueInfo => ({
  ...whole(unit, min, max, value),
  isWhole: false,
});

export const FREE_POLICIES = ['keep', 'batch'] as const;

/** Batches and stacks have room for so many blocks, of large classes for fewer (lib/front/free-blocks.ts). */
const BATCH_MAX = 64;
const FREE_MAX = 2 * BATCH_MAX;

export const VALUES: Readonly<Record<ValueName, ValueInfo>> = {
  purgeDelayMs: whole('ms', -1, 86_400_000),
  freePolicy: { ...whole('', 0, 1), choices: FREE_POLICIES },
  emptySlabsHigh: whole('slabs', 0, 65_536),
  emptyShareHigh: part('share', 0, 1),
  emptySlabsLow: whole('slabs', 0, 65_536),
  emptyShareLow: part('share', 0, 1),
  // One of each from 64 KB to 6 MB are 12 times the largest.
  largeVariety: whole('sizes', 0, 64, 12),
  largeVarietyBytes: whole('bytes', 0, 2 ** 40),
  largeFit: part('ratio', 1, 2, 1.125),
  largeRounding: part('ratio', 1, 1.25, 1),
  // Near a share of a level-2 cache; beyond it a share of what the class has out of the core, so that a busy class
  // does not go back and forth.
  frontBytes: whole('bytes', 0, 64 * MIB, 128 * 1024),
  frontBytesMax: whole('bytes', 0, 64 * MIB, 2 * MIB),
  frontShare: part('share', 0, 1, 1 / 4),
  batchBlocks: whole('blocks', 1, BATCH_MAX, BATCH_MAX),
  freeBlocks: whole('blocks', 0, FREE_MAX, FREE_MAX),
};

/** What must not be more than another. */
export const ORDERED: readonly (readonly [ValueName, ValueName])[] = [
  ['emptySlabsLow', 'emptySlabsHigh'],
  ['emptyShareLow', 'emptyShareHigh'],
  ['frontBytes', 'frontBytesMax'],
];
