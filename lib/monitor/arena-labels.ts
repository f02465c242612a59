/**
 * Arena labels: what each arena is called in metrics. Two living arenas share a label only if `arenaLabel`
 * says so; a label that is free again goes to the next arena of that name, so that series do not multiply.
 */
import { toUSVString } from 'node:util';
import type { ArenaStats } from '../stats/types';

/** What all arenas are called whose labels would be too many. */
const OTHER = 'other';

/**
 * The label of an arena, by its own words.
 *
 * @inline
 */
export type ArenaLabel = (arena: { readonly id: number; readonly name: string }) => string;

export class ArenaLabels {
  readonly #max: number;
  readonly #chosen: ArenaLabel | undefined;
  /** Of living arenas, by id. */
  readonly #labels = new Map<number, string>();
  /** Every label ever given, with the name that it belongs to. */
  readonly #owners = new Map<string, string>();

  /** `chosen`: the user's own labels; undefined: names. */
  constructor(max: number, chosen: ArenaLabel | undefined) {
    this.#max = max;
    this.#chosen = chosen;
  }

  /** Labels are given once, oldest arena first, and kept while the arena lives. */
  update(arenas: readonly ArenaStats[]): void {
    const alive = new Set(arenas.map(({ id }) => id));
    for (const id of this.#labels.keys()) if (!alive.has(id)) this.#labels.delete(id);
    const taken = new Set(this.#labels.values());
    for (const arena of arenas) {
      if (this.#labels.has(arena.id)) continue;
      const label = this.#chosen === undefined ? this.#nameOf(arena, taken) : this.#shared(arena);
      this.#labels.set(arena.id, label);
      taken.add(label);
    }
  }

  of({ id }: ArenaStats): string {
    return this.#labels.get(id) ?? OTHER;
  }

  /** The user's label; he may give the same one to many. */
  #shared({ id, name }: ArenaStats): string {
    const answer: unknown = this.#chosen!({ id, name });
    // What no exporter can write would be merged by them, or be two series of the same name.
    const label = toUSVString(String(answer));
    return this.#claim(label, label) ? label : OTHER;
  }

  /** The name, or `name#2` and so on while other arenas of that name live, or something else is called that. */
  #nameOf({ name }: ArenaStats, taken: ReadonlySet<string>): string {
    for (let label = name, n = 2; ; label = `${name}#${n++}`) {
      if (taken.has(label) || label === OTHER) continue;
      if (this.#claim(label, name)) return label;
      if (!this.#owners.has(label)) return OTHER;
    }
  }

  /** false: the label belongs to another name, or there are too many. */
  #claim(label: string, name: string): boolean {
    const owner = this.#owners.get(label);
    if (owner !== undefined) return owner === name;
    if (this.#owners.size >= this.#max) return false;
    this.#owners.set(label, name);
    return true;
  }
}
