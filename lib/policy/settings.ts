/**
 * Settings: what users say about a policy, checked as a whole before anything of it counts.
 */
import { invalidArgType, invalidArgValue, outOfRange } from '../errors';
import { ownOptions } from '../base/own-options';
import type { PolicySettings } from '../types';
import { PROFILES, type PolicySource, profileEntry } from './sources';
import type { Change, PolicyState } from './state';
import {
  CLASS_NAMES,
  type ClassName,
  VALUES,
  VALUE_NAMES,
  type ValueName,
  isClassName,
} from './values';

function checkNumber(value: unknown, where: string, name: ValueName): number {
  const { min, max, isWhole } = VALUES[name];
  if (typeof value !== 'number') throw invalidArgType(where, 'of type number', value);
  if (isWhole && !Number.isInteger(value)) throw outOfRange(where, 'an integer', value);
  if (!(value >= min && value <= max)) throw outOfRange(where, `>= ${min} && <= ${max}`, value);
  return value;
}

function checkValue(value: unknown, where: string, name: ValueName): number {
  const { choices } = VALUES[name];
  if (choices === undefined) return checkNumber(value, where, name);
  if (typeof value !== 'string') throw invalidArgType(where, 'of type string', value);
  const index = choices.indexOf(value);
  if (index >= 0) return index;
  const list = choices.map((it) => `'${it}'`).join(', ');
  throw invalidArgValue(where, `must be one of: ${list}`, value);
}

function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgType(where, 'of type object', value);
  }
  return ownOptions(value as Record<string, unknown>);
}

function profileChanges(profile: unknown, where: string, state: PolicyState): Change[] {
  if (profile === undefined) return [];
  if (typeof profile !== 'string') throw invalidArgType(where, 'of type string', profile);
  if (!PROFILES.includes(profile)) {
    const list = PROFILES.map((it) => `'${it}'`).join(', ');
    throw invalidArgValue(where, `must be one of: ${list}`, profile);
  }
  const isFree = (name: ValueName): boolean =>
    ['default', 'profile'].includes(state.entryOf(name).source);
  return VALUE_NAMES.filter(isFree).map((name) => ({
    name,
    size: undefined,
    ...profileEntry(profile, name),
  }));
}

/** What was given of the values with these names, of a class or of the arena. */
function valueChanges(
  given: Record<string, unknown>,
  where: string,
  { size, source }: { size: number | undefined; source: PolicySource },
): Change[] {
  const names = Object.keys(given).filter((name) => given[name] !== undefined) as ValueName[];
  return names.map((name) => ({
    name,
    size,
    value: checkValue(given[name], `${where}.${name}`, name),
    source,
  }));
}

function assertKnown(given: object, known: readonly string[], where: string): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) throw invalidArgValue(`${where}.${key}`, 'is not a known value', key);
  }
}

function classChanges(
  given: unknown,
  where: string,
  strides: readonly number[],
  source: PolicySource,
): Change[] {
  if (given === undefined) return [];
  const classes = objectOf(given, where);
  return Object.keys(classes).flatMap((key) => {
    const [size, place] = [Number(key), `${where}.${key}`];
    if (String(size) !== key || !strides.includes(size)) {
      throw invalidArgValue(place, 'is no size class of the arena', key);
    }
    const own = objectOf(classes[key], place);
    assertKnown(own, CLASS_NAMES, place);
    return valueChanges(own, place, { size, source });
  });
}

/**
 * What `given` makes of a state. All of it counts, or nothing.
 *
 * @throws {ERR_INVALID_ARG_TYPE} {ERR_INVALID_ARG_VALUE} {ERR_OUT_OF_RANGE} something is not as {@link PolicySettings} says.
 */
export function settled(
  state: PolicyState,
  given: unknown,
  { where, strides, source }: { where: string; strides: readonly number[]; source: PolicySource },
): PolicyState {
  const { profile, classes, sizeClasses, ...values } = objectOf(given, where);
  if (sizeClasses !== undefined) {
    throw invalidArgValue(`${where}.sizeClasses`, 'must be given to the constructor', sizeClasses);
  }
  assertKnown(values, VALUE_NAMES, where);
  const changes = [
    ...profileChanges(profile, `${where}.profile`, state),
    ...valueChanges(values, where, { size: undefined, source }),
    ...classChanges(classes, `${where}.classes`, strides, source),
  ];
  return state.after(changes);
}

/**
 * What was set or learned, or given as an option: what makes the same policy of that of another process. Of classes, for
 * those that the arena has.
 */
export function settingsOf(state: PolicyState, sizeClasses: readonly number[]): PolicySettings {
  const isOwn = (source: PolicySource): boolean => ['option', 'set', 'learned'].includes(source);
  const settings: Record<string, unknown> = {};
  for (const name of VALUE_NAMES) {
    const { value, source } = state.entries[name];
    if (isOwn(source)) settings[name] = VALUES[name].choices?.[value] ?? value;
  }
  const classes: Record<string, Record<string, number>> = {};
  for (const [size, own] of state.classes) {
    if (!sizeClasses.includes(size)) continue;
    const kept = Object.entries(own).filter(([name]) => isClassName(name));
    classes[size] = Object.fromEntries(kept.map(([name, { value }]) => [name as ClassName, value]));
  }
  if (Object.keys(classes).length > 0) settings['classes'] = classes;
  return settings;
}
