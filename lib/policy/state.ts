/**
 * State: all values of one arena, and where each comes from. It never changes: whoever sets a value makes another one,
 * so that arenas without settings share that of the process, and cost nothing.
 */
import { invalidArgValue } from '../errors';
import { type Entries, type Entry, PROCESS_ENTRIES, type PolicySource } from './sources';
import { type ClassName, ORDERED, type ValueName, isClassName } from './values';

/** One value is to be another one; of the class with `size` bytes, or of the arena. */
export interface Change {
  readonly name: ValueName;
  readonly size: number | undefined;
  readonly value: number;
  readonly source: PolicySource;
}

type ClassEntries = Readonly<Partial<Record<ClassName, Entry>>>;

export class PolicyState {
  readonly entries: Entries;
  /** By the size of the class. */
  readonly classes: ReadonlyMap<number, ClassEntries>;

  constructor(entries: Entries, classes: ReadonlyMap<number, ClassEntries>) {
    this.entries = entries;
    this.classes = classes;
  }

  /** What holds for an arena, or for a class of it. */
  entryOf(name: ValueName, size?: number): Entry {
    const own = size === undefined ? undefined : this.classes.get(size)?.[name as ClassName];
    return own ?? this.entries[name];
  }

  valueOf(name: ValueName, size?: number): number {
    return this.entryOf(name, size).value;
  }

  /**
   * The state after some changes.
   *
   * @throws {ERR_INVALID_ARG_VALUE} values that do not go together.
   */
  after(changes: readonly Change[]): PolicyState {
    if (changes.length === 0) return this;
    const entries = { ...this.entries };
    const classes = new Map(this.classes);
    for (const { name, size, value, source } of changes) {
      if (size === undefined) entries[name] = { value, source };
      else if (isClassName(name))
        classes.set(size, { ...classes.get(size), [name]: { value, source } });
    }
    const next = new PolicyState(entries, classes).#withLearnedInOrder();
    next.#check();
    return next;
  }

  /** What was learned gives way to what somebody says. */
  #withLearnedInOrder(): PolicyState {
    const entries = { ...this.entries };
    const classes = new Map(this.classes);
    for (const [low, high] of ORDERED) {
      for (const size of [undefined, ...this.classes.keys()]) {
        const [least, most] = [this.entryOf(low, size), this.entryOf(high, size)];
        if (least.value <= most.value) continue;
        const [name, value] = least.source === 'learned' ? [low, most.value] : [high, least.value];
        if (this.entryOf(name, size).source !== 'learned') continue;
        const entry: Entry = { value, source: 'learned' };
        if (size === undefined) entries[name] = entry;
        else classes.set(size, { ...classes.get(size), [name]: entry });
      }
    }
    return new PolicyState(entries, classes);
  }

  #check(): void {
    for (const [low, high] of ORDERED) {
      for (const size of [undefined, ...this.classes.keys()]) {
        const [least, most] = [this.valueOf(low, size), this.valueOf(high, size)];
        if (least <= most) continue;
        const where = size === undefined ? `policy.${low}` : `policy.classes.${size}.${low}`;
        throw invalidArgValue(where, `must be at most ${high}, which is ${most}`, least);
      }
    }
  }
}

/** That of an arena of which nothing is said. */
export const PROCESS_POLICY = new PolicyState(PROCESS_ENTRIES, new Map());

/** What differs between two states. */
export interface Difference {
  readonly name: ValueName;
  readonly size: number | undefined;
  readonly from: Entry;
  readonly to: Entry;
}

export function differences(before: PolicyState, after: PolicyState): Difference[] {
  const found: Difference[] = [];
  const compare = (name: ValueName, size: number | undefined): void => {
    const [from, to] = [before.entryOf(name, size), after.entryOf(name, size)];
    if (from.value !== to.value) found.push({ name, size, from, to });
  };
  for (const name of Object.keys(after.entries) as ValueName[]) compare(name, undefined);
  for (const [size, own] of after.classes) {
    for (const name of Object.keys(own) as ClassName[]) compare(name, size);
  }
  return found;
}
