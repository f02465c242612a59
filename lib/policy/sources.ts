/**
 * Sources: what the values of an arena are before anybody has said anything about it, and why.
 */
import { attempt } from '../native/identity';
import { type NativeOption, native } from '../native/native';
import { PROFILE_VARIABLE, isLeanProcess } from '../native/profiles';
import { VALUES, VALUE_NAMES, type ValueName } from './values';

/**
 * Why a value of a policy is what it is: nobody said anything; a variable of the environment; a profile; an option of
 * the arena; {@link Arena.setPolicy}; `learn: 'learn'`.
 *
 * @example
 * const source: PolicySource = arena.policy().values.purgeDelayMs.source;
 */
export type PolicySource = 'default' | 'environment' | 'profile' | 'option' | 'set' | 'learned';

export interface Entry {
  readonly value: number;
  readonly source: PolicySource;
}

/** An arena may take a sixth of what the whole cache may hold for large blocks of other sizes. */
const VARIETY_SHARE = 6;
const MIB = 1024 * 1024;

/** Where a value comes from a variable, and how. */
const VARIABLES: Readonly<
  Partial<Record<ValueName, readonly [string, (value: number) => number]>>
> = {
  purgeDelayMs: ['HAKMEM_PURGE_DELAY_MS', (ms) => ms],
  freePolicy: ['HAKMEM_FREE_POLICY', (choice) => choice],
  frontBytes: ['HAKMEM_TINY_HEAP_V2', (isOn) => isOn * VALUES.frontBytes.default!],
  frontBytesMax: ['HAKMEM_TINY_HEAP_V2', (isOn) => isOn * VALUES.frontBytesMax.default!],
  largeVarietyBytes: [
    'HAKMEM_SUPERSLAB_MAX_MEMORY_MB',
    (mb) => Math.floor((mb * MIB) / VARIETY_SHARE),
  ],
};

/** What only profiles change: see csrc/arena/policy.c. */
const EMPTY = { emptySlabsHigh: 16, emptyShareHigh: 1 / 2, emptySlabsLow: 4, emptyShareLow: 1 / 4 };
const LEAN: Readonly<Partial<Record<ValueName, number>>> = {
  emptySlabsHigh: 2,
  emptyShareHigh: 1 / 8,
  emptySlabsLow: 1,
  emptyShareLow: 1 / 16,
  largeVarietyBytes: Math.floor((32 * MIB) / VARIETY_SHARE),
};

/** Set to something when the package was loaded, and not to something that means nothing. */
function isSet(name: string): boolean {
  const value = attempt(() => process.env[name]) ?? '';
  return value !== '' && !native.tables.optionWarnings.includes(name);
}

function optionOf(variable: string): NativeOption {
  return native.tables.options.find(({ name }) => name === variable)!;
}

/** Without a variable and without a profile. */
function plainValue(name: ValueName): number {
  const [variable, convert] = VARIABLES[name] ?? [];
  if (variable !== undefined) return convert!(optionOf(variable).default);
  return VALUES[name].default ?? EMPTY[name as keyof typeof EMPTY];
}

function entryOf(name: ValueName): Entry {
  const [variable, convert] = VARIABLES[name] ?? [];
  if (variable !== undefined && isSet(variable)) {
    return { value: convert!(optionOf(variable).value), source: 'environment' };
  }
  if (isLeanProcess && LEAN[name] !== undefined) return { value: LEAN[name], source: 'profile' };
  return { value: plainValue(name), source: 'default' };
}

export type Entries = Readonly<Record<ValueName, Entry>>;

/** Those of this process. */
export const PROCESS_ENTRIES = Object.freeze(
  Object.fromEntries(VALUE_NAMES.map((name) => [name, entryOf(name)])),
) as Entries;

/** What a profile says; undefined: it is none that means something of its own. */
export function profileEntry(profile: string, name: ValueName): Entry {
  if (profile === 'lean' && LEAN[name] !== undefined) {
    return { value: LEAN[name], source: 'profile' };
  }
  const own = PROCESS_ENTRIES[name];
  return own.source === 'profile' ? { value: plainValue(name), source: 'default' } : own;
}

/** Names of profiles, those of old included. */
export const PROFILES: readonly string[] = native.tables.options
  .find(({ name }) => name === PROFILE_VARIABLE)!
  .choices.split('|');
