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
    Record<Exclude<keyof PolicySettings, 'profile' | 'classes'>, PolicyValue>
  >;
  /** Of each size class, smallest first. */
  readonly classes: readonly ClassPolicy[];
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

export function policyOf(state: PolicyState, strides: readonly number[]): Policy {
  return {
    values: valuesOf(state, VALUE_NAMES),
    classes: strides.map((size) => ({ size, values: valuesOf(state, CLASS_NAMES, size) })),
    settings: settingsOf(state),
  };
}
