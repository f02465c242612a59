/**
 * Policy: what is told when the policy of an arena changes.
 */
import { channel } from 'node:diagnostics_channel';
import { later } from './reports';
import { PROFILE_VARIABLE, heirOf } from '../native/profiles';
import type { Entry, PolicySource } from '../policy/sources';
import type { Difference } from '../policy/state';
import { VALUES, type ValueName } from '../policy/values';

/** Its messages are {@link PolicyEvent}. */
export const POLICY_CHANNEL = 'hakmem-arena:policy';

/**
 * One value of a {@link PolicyEvent}.
 *
 * @example
 * const text = ({ name, size, from, to }: PolicyChange) => `${name} ${size ?? ''}: ${from} -> ${to}`;
 */
export interface PolicyChange {
  /** As in {@link PolicySettings}; 'sizeClasses': a size class was learned, or given up. */
  readonly name: string;
  /** The size class whose value it is; undefined: that of the arena. */
  readonly size: number | undefined;
  /** What it was; of a size class 'none' or 'added'. */
  readonly from: number | string;
  /** What it is now; of a size class 'added' or 'retired'. */
  readonly to: number | string;
  /** Who changed it. */
  readonly source: PolicySource;
}

/**
 * Message on the channel `hakmem-arena:policy` of `node:diagnostics_channel`: values of an arena's policy have changed.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:policy', (message) => {
 *   const { arena, changes } = message as PolicyEvent;
 *   for (const { name, from, to, source } of changes) logger.warn(`${arena.name}: ${name} ${from} -> ${to} (${source})`);
 * });
 */
export interface PolicyEvent {
  /** Whose policy it is. */
  readonly arena: {
    /** As {@link Arena.id}. */
    readonly id: number;
    /** As {@link Arena.name}. */
    readonly name: string;
  };
  /** What has changed. */
  readonly changes: readonly PolicyChange[];
}

const policy = channel(POLICY_CHANNEL);

function shown(name: ValueName, { value }: Entry): number | string {
  return VALUES[name].choices?.[value] ?? value;
}

/** Tells that a size class was added, or retired, when no operation is under way. */
export function publishClass(arena: PolicyEvent['arena'], size: number, isAdded: boolean): void {
  if (!policy.hasSubscribers) return;
  const [from, to] = isAdded ? (['none', 'added'] as const) : (['added', 'retired'] as const);
  const changes = [{ name: 'sizeClasses', size, from, to, source: 'learned' as const }];
  later(() => policy.publish({ arena, changes } satisfies PolicyEvent));
}

/** Tells what has changed, when no operation is under way. */
export function publishPolicy(arena: PolicyEvent['arena'], changed: readonly Difference[]): void {
  if (!policy.hasSubscribers || changed.length === 0) return;
  const changes = changed.map(({ name, size, from, to }) => ({
    name,
    size,
    from: shown(name, from),
    to: shown(name, to),
    source: to.source,
  }));
  later(() => policy.publish({ arena, changes } satisfies PolicyEvent));
}

const warned = new Set<string>();

/** One warning for each profile of old that somebody names. */
export function warnOfProfile(profile: string | undefined): void {
  const why = profile === undefined ? undefined : heirOf(profile);
  if (why === undefined || warned.has(profile!)) return;
  warned.add(profile!);
  const text = `profile '${profile}' is 'default' here: ${why} (see ${PROFILE_VARIABLE} in the README)`;
  later(() => process.emitWarning(text, 'Warning', 'HAKMEM_PROFILE'));
}
