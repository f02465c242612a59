/**
 * Options: validation of everything users pass in. Arguments are checked here, once.
 */
import { constants } from 'node:buffer';
import { invalidArgType, invalidArgValue, outOfRange } from './errors';
import { CLASS_COUNT_MAX, CLASS_SIZE_MAX } from './native/geometry';
import { type NativeArenaOption, native, settingsOf } from './native/native';
import type { LearnOptions, LearnQuestion } from './learn/report';
import { settled } from './policy/settings';
import { PROCESS_POLICY, type PolicyState } from './policy/state';
import { FRONT_KINDS, frontChanges } from './policy/fronts';
import { FREE_POLICIES } from './policy/values';
import { ownOptions } from './base/own-options';
import type { ArenaOptions } from './types';

/** What the core keeps of a name, in bytes of UTF-8. */
const NAME_BYTES_MAX = 63;
const ALIGNMENT_MAX = 4096;
/** So that counting down stays in small integers. */
const SAMPLE_RATE_MAX = 2 ** 30 - 1;

/** What the core takes as a number and users say otherwise: `zero: 'free'`, `purgeDelayMs` and a whole `policy`. */
const DERIVED = ['scrubs', 'purgeDelay', 'policy'] as const;
type Derived = (typeof DERIVED)[number];

/** What the core takes as a number and users give by the same name. */
const givenOptions = native.tables.arenaOptions.filter(
  ({ name }) => !(DERIVED as readonly string[]).includes(name),
);

/** What the core takes as numbers, by their names in the addon's table; lib itself reads these. */
type CoreOptions = Record<string, number> & { maxBytes: number; prewarm: number; trace: number };

/** 0 stands for what the process has, as in all of them; so a delay is 2 more than it is, and 1 is never. */
const PURGE_DELAY_OFFSET = 2;

/** Options with defaults filled in. */
export interface ResolvedOptions {
  /** '': the core names the arena. */
  readonly name: string;
  readonly maxBytes: number;
  readonly prewarm: number;
  /** Events that are kept; 0: none. */
  readonly trace: number;
  /** What the core takes as numbers. */
  readonly settings: Float64Array;
  /** Block sizes, ascending, ending with 64 KB. */
  readonly strides: readonly number[];
  readonly hasOwnClasses: boolean;
  /** Those of them that come from a policy. */
  readonly learnedSizes: readonly number[];
  readonly policy: PolicyState;
  readonly views: 'recycle' | 'fresh';
  /** One allocation in so many is guarded; 0: none. */
  readonly guardRate: number;
  readonly leaks: 'off' | 'sampled' | 'all';
  readonly reclaim: boolean;
  readonly zero: 'alloc' | 'free';
  readonly learn: 'frozen' | 'observe' | 'learn';
}

/** A whole number of bytes that a Buffer can have. */
export function validateSize(size: unknown, name = 'size'): asserts size is number {
  validateInteger(size, name, 0, constants.MAX_LENGTH);
}

/** A power of two from 1 to 4096. */
export function validateAlignment(alignment: unknown): asserts alignment is number {
  validateInteger(alignment, 'alignment', 1, ALIGNMENT_MAX);
  if ((alignment & (alignment - 1)) !== 0) {
    throw outOfRange('alignment', 'a power of two', alignment);
  }
}

/** A number of elements whose bytes a typed array can have. */
export function validateLength(length: unknown, elementBytes: number): asserts length is number {
  validateInteger(length, 'length', 0, Math.floor(constants.MAX_LENGTH / elementBytes));
}

export function validateFunction(
  value: unknown,
  name: string,
): asserts value is (...args: never[]) => unknown {
  if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value);
}

/** A whole number within bounds, both included. */
export function validateInteger(
  value: unknown,
  name: string,
  min: number,
  max: number,
): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value);
}

function resolveName(name: unknown): string {
  if (name === undefined) return '';
  if (typeof name !== 'string') throw invalidArgType('options.name', 'of type string', name);
  if (name === '') throw invalidArgValue('options.name', 'must not be empty', name);
  const bytes = Buffer.byteLength(name);
  // Not cut: two arenas must not be called the same because of what was left out.
  if (bytes > NAME_BYTES_MAX) {
    throw invalidArgValue(
      'options.name',
      `must have at most ${NAME_BYTES_MAX} bytes of UTF-8`,
      name,
    );
  }
  if (name.includes('\0')) throw invalidArgValue('options.name', 'must not contain NUL', name);
  // As the core has it, in UTF-8: half a character, which that cannot say, is U+FFFD.
  return bytes === name.length ? name : Buffer.from(name).toString();
}

/** A choice: 1 + its index. 0: not given. */
function resolveCore({ name, choices, max }: NativeArenaOption, value: unknown): number {
  if (value === undefined) return 0;
  if (choices !== '') {
    const words = choices.split('|');
    return 1 + words.indexOf(resolveChoice(value, name, words));
  }
  validateInteger(value, `options.${name}`, 0, max);
  return value;
}

/** All that the core takes as numbers, by name; users do not give the `derived` ones themselves. */
function resolveCores(
  options: Readonly<Record<string, unknown>>,
  derived: Readonly<Record<Derived, number>>,
): CoreOptions {
  const core: CoreOptions = { ...derived, maxBytes: 0, prewarm: 0, trace: 0 };
  for (const option of givenOptions) {
    const { name } = option;
    // The one bound that another option sets; maxBytes comes before it.
    const max = name === 'prewarm' ? core.maxBytes || option.max : option.max;
    core[name] = resolveCore({ ...option, max: Math.min(max, option.max) }, options[name]);
  }
  return core;
}

/** That of the process, but for `purgeDelayMs` and `front`, and for `policy`, which goes before. */
function resolvePolicy(
  { purgeDelayMs, front }: ArenaOptions,
  given: unknown,
  strides: readonly number[],
): PolicyState {
  let state = PROCESS_POLICY;
  if (purgeDelayMs !== undefined) {
    state = settled(state, { purgeDelayMs }, { where: 'options', strides, source: 'option' });
  }
  if (front !== undefined) {
    state = state.after(frontChanges(resolveChoice(front, 'front', FRONT_KINDS), 'option'));
  }
  if (given === undefined) return state;
  return settled(state, given, { where: 'options.policy', strides, source: 'option' });
}

/** Size classes of an arena: those given, and that of 64 KB. `name`: of what gave them. */
function resolveStrides(sizes: unknown, name = 'options.sizeClasses'): readonly number[] {
  if (!Array.isArray(sizes)) throw invalidArgType(name, 'an array of numbers', sizes);
  if (sizes.length === 0 || sizes.length > CLASS_COUNT_MAX) {
    throw invalidArgValue(name, `must have 1 to ${CLASS_COUNT_MAX} sizes`, sizes);
  }
  const strides: number[] = [];
  for (const size of sizes as unknown[]) {
    validateInteger(size, `${name}[${strides.length}]`, 8, CLASS_SIZE_MAX);
    if (size !== 8 && size % 16 !== 0)
      throw invalidArgValue(name, 'must be 8 or multiples of 16', sizes);
    if (size <= (strides.at(-1) ?? 0)) throw invalidArgValue(name, 'must be ascending', sizes);
    strides.push(size);
  }
  if (strides.at(-1) !== CLASS_SIZE_MAX) strides.push(CLASS_SIZE_MAX);
  if (strides.length > CLASS_COUNT_MAX) {
    throw invalidArgValue(
      name,
      `must end with ${CLASS_SIZE_MAX} when it has ${CLASS_COUNT_MAX} sizes`,
      sizes,
    );
  }
  return strides;
}

/** A policy as settings, and the size classes among them, which an arena can have from its beginning only. */
function takePolicy(policy: unknown): readonly [settings: unknown, sizeClasses: readonly number[]] {
  if (policy === undefined) return [undefined, []];
  if (typeof policy !== 'object' || policy === null) {
    return [{ freePolicy: resolveChoice(policy, 'policy', FREE_POLICIES) }, []];
  }
  if (Array.isArray(policy)) return [policy, []];
  const { sizeClasses, ...settings } = ownOptions(policy as Record<string, unknown>);
  if (sizeClasses === undefined) return [settings, []];
  const all = resolveStrides(sizeClasses, 'options.policy.sizeClasses');
  return [settings, all.filter((size) => size < CLASS_SIZE_MAX)];
}

/** The list of an arena that may learn is its own, because it gets more of them. */
function mergedStrides(
  own: readonly number[] | undefined,
  learned: readonly number[],
  learns: boolean,
): readonly number[] {
  const base = own ?? native.tables.defaultStrides;
  if (learned.length === 0) return learns ? [...base] : base;
  const all = [...new Set([...base, ...learned])].sort((a, b) => a - b);
  if (all.length <= CLASS_COUNT_MAX) return all;
  const room = CLASS_COUNT_MAX - base.length;
  throw invalidArgValue('options.policy.sizeClasses', `must add at most ${room} sizes`, learned);
}

function resolveChoice<T extends string>(value: unknown, name: string, choices: readonly T[]): T {
  if (value === undefined) return choices[0]!;
  if (typeof value !== 'string') throw invalidArgType(`options.${name}`, 'of type string', value);
  const choice = choices.find((it) => it === value);
  if (choice !== undefined) return choice;
  const list = choices.map((it) => `'${it}'`).join(', ');
  throw invalidArgValue(`options.${name}`, `must be one of: ${list}`, value);
}

function resolveGuard(guard: unknown): number {
  const name = 'options.guard';
  if (guard === undefined) return 0;
  if (typeof guard !== 'object' || guard === null) throw invalidArgType(name, 'an object', guard);
  for (const key of Object.keys(guard)) {
    if (key !== 'sampleRate') throw invalidArgValue(`${name}.${key}`, 'is not a known option', key);
  }
  const { sampleRate } = ownOptions(guard) as { sampleRate?: unknown };
  validateInteger(sampleRate, `${name}.sampleRate`, 1, SAMPLE_RATE_MAX);
  return sampleRate;
}

function resolveReclaim(reclaim: unknown, leaks: ResolvedOptions['leaks']): boolean {
  const name = 'options.reclaim';
  if (resolveChoice(reclaim, 'reclaim', ['never', 'gc'] as const) === 'never') return false;
  if (leaks !== 'all') throw invalidArgValue(name, "'gc' needs leaks: 'all'", reclaim);
  return true;
}

/** `options.compare`: the built-in size classes, or those given; undefined: none. */
function resolveCompare(compare: unknown): readonly number[] | undefined {
  if (compare === undefined) return undefined;
  if (typeof compare !== 'string') return resolveStrides(compare, 'options.compare');
  resolveChoice(compare, 'compare', ['built-in'] as const);
  return native.tables.defaultStrides;
}

/** Checks what `arena.learned()` was given. */
export function resolveLearn(given: LearnOptions = {}): LearnQuestion {
  if (typeof given !== 'object' || (given as unknown) === null) {
    throw invalidArgType('options', 'of type object', given);
  }
  const { classes = CLASS_COUNT_MAX, by, compare } = ownOptions(given);
  validateInteger(classes, 'options.classes', 2, CLASS_COUNT_MAX);
  return {
    classes,
    by: resolveChoice(by, 'by', ['live', 'allocs'] as const),
    compare: resolveCompare(compare),
  };
}

const KNOWN_OPTIONS = new Set([
  ...givenOptions.map(({ name }) => name),
  'name',
  'sizeClasses',
  'views',
  'guard',
  'leaks',
  'reclaim',
  'zero',
  'purgeDelayMs',
  'policy',
  'front',
  'learn',
]);

/** Checks and completes what `new Arena()` was given: its own properties, those of no prototype. */
export function resolveOptions(given?: ArenaOptions): ResolvedOptions {
  if (given === undefined) return DEFAULTS;
  if (typeof given !== 'object' || (given as unknown) === null || Array.isArray(given)) {
    throw invalidArgType('options', 'of type object', given);
  }
  const keys = Object.keys(given);
  for (const key of keys) {
    if (!KNOWN_OPTIONS.has(key))
      throw invalidArgValue(`options.${key}`, 'is not a known option', key);
  }
  // Arenas of a service, which come and go, have hardly more than a name.
  if (keys.length === 0) return DEFAULTS;
  if (keys.length === 1 && keys[0] === 'name') return named(resolveName(given.name));
  return resolveGiven(ownOptions(given));
}

/** What an arena without options has. */
const DEFAULTS = resolveGiven(ownOptions({}));

function named(name: string): ResolvedOptions {
  return { ...DEFAULTS, name };
}

function resolveGiven(options: ArenaOptions): ResolvedOptions {
  const { name, sizeClasses } = options;
  const zero = resolveChoice(options.zero, 'zero', ['alloc', 'free'] as const);
  const leaks = resolveChoice(options.leaks, 'leaks', ['off', 'sampled', 'all'] as const);
  const learn = resolveChoice(options.learn, 'learn', ['frozen', 'observe', 'learn'] as const);
  const [settings, learnedSizes] = takePolicy(options.policy);
  const own = sizeClasses === undefined ? undefined : resolveStrides(sizeClasses);
  const strides = mergedStrides(own, learnedSizes, learn === 'learn');
  const policy = resolvePolicy(options, settings, strides);
  const core = resolveCores(options as Record<string, unknown>, {
    scrubs: zero === 'free' ? 1 : 0,
    purgeDelay: policy.valueOf('purgeDelayMs') + PURGE_DELAY_OFFSET,
    policy: policy.valueOf('freePolicy') + 1,
  });
  return {
    name: resolveName(name),
    maxBytes: core.maxBytes,
    prewarm: core.prewarm,
    trace: core.trace,
    settings: settingsOf(core),
    strides,
    hasOwnClasses: strides !== native.tables.defaultStrides,
    learnedSizes,
    policy,
    views: resolveChoice(options.views, 'views', ['recycle', 'fresh'] as const),
    guardRate: resolveGuard(options.guard),
    leaks,
    reclaim: resolveReclaim(options.reclaim, leaks),
    zero,
    learn,
  };
}
