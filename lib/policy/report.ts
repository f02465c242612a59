/**
 * Report: a policy as users see it.
 */
import type { ClassSettings, PolicySettings } from '../types';
import { settingsOf } from './settings';
import type { Entry, PolicySource } from './sources';
import type { PolicyState } from './state';
import { CLASS_NAMES, VALUES, VALUE_NAMES, type ValueName } from './values';

/**
 * One value of a {@link Policy}.
 *
 * @example
 * const { value, unit, min, max, source }: PolicyValue = arena.policy().values.purgeDelayMs;
 * console.log(`${value} ${unit}, ${min} to ${max} (${source})`); // 2000 ms, -1 to 86400000 (default)
 */
export interface PolicyValue {
  /** What it is now: a number, or one of `choices`. */
  readonly value: number | string;
  /** What it counts; '': it is a choice. */
  readonly unit: 'blocks' | 'bytes' | 'ms' | 'ratio' | 'share' | 'sizes' | 'slabs' | '';
  /** The least that it may be. */
  readonly min?: number;
  /** The most that it may be. */
  readonly max?: number;
  /** Where it is one of these instead. */
  readonly choices?: readonly string[];
  /** Why it is what it is. */
  readonly source: PolicySource;
}

/**
 * What one size class goes by.
 *
 * @example
 * const own: ClassPolicy[] = arena.policy().classes.filter(({ values }) => values.frontBytes.source === 'set');
 */
export interface ClassPolicy {
  /** Bytes of a block. */
  readonly size: number;
  /** By their names in {@link ClassSettings}. */
  readonly values: Readonly<Record<keyof ClassSettings, PolicyValue>>;
}

/**
 * A size class that an arena has beside its own.
 *
 * @example
 * const added = ({ size, atMs }: LearnedClass) => `${size} B since ${Math.round(atMs ?? 0)} ms`;
 */
export interface LearnedClass {
  /** Bytes of a block. */
  readonly size: number;
  /** 'learned': it was added while the arena lived; 'option': it was there from the beginning. */
  readonly source: 'learned' | 'option';
  /** When it was added, on the clock of {@link HeapStats.atMs}; undefined: with the arena. */
  readonly atMs: number | undefined;
}

/**
 * What {@link Arena.policy} returns.
 *
 * @example
 * const { values, settings }: Policy = arena.policy();
 * console.log(values.emptySlabsHigh.value); // 16
 * const saved = JSON.stringify(settings); // what `new Arena({ policy })` takes at the next start
 */
export interface Policy {
  /** By their names in {@link PolicySettings}. */
  readonly values: Readonly<
    Record<Exclude<keyof PolicySettings, 'profile' | 'classes' | 'sizeClasses'>, PolicyValue>
  >;
  /** Of each size class, smallest first. */
  readonly classes: readonly ClassPolicy[];
  /** Size classes beside those that the option `sizeClasses` or the built-in table has, smallest first. */
  readonly learned: readonly LearnedClass[];
  /** All that is not the process's own: what to give to {@link ArenaOptions.policy} for the same policy. */
  readonly settings: PolicySettings;
}

function valueOf(name: ValueName, { value, source }: Entry): PolicyValue {
  const { unit, min, max, choices } = VALUES[name];
  if (choices !== undefined) return { value: choices[value]!, unit, choices, source };
  return { value, unit, min, max, source };
}

function valuesOf<N extends ValueName>(
  state: PolicyState,
  names: readonly N[],
  size?: number,
): Record<N, PolicyValue> {
  const entries = names.map((name) => [name, valueOf(name, state.entryOf(name, size))]);
  return Object.fromEntries(entries) as Record<N, PolicyValue>;
}

/** `sizeClasses`: all that the arena has, ascending; `learned`: those of them beside its own. */
export function policyOf(
  state: PolicyState,
  sizeClasses: readonly number[],
  learned: readonly LearnedClass[],
): Policy {
  const settings = settingsOf(state, sizeClasses);
  const sizes = learned.map(({ size }) => size);
  return {
    values: valuesOf(state, VALUE_NAMES),
    classes: sizeClasses.map((size) => ({ size, values: valuesOf(state, CLASS_NAMES, size) })),
    learned,
    settings: learned.length === 0 ? settings : { ...settings, sizeClasses: sizes },
  };
}
