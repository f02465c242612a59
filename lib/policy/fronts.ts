/**
 * Fronts: kinds of fronts as values of a policy.
 */
import type { PolicySource } from './sources';
import type { Change } from './state';
import { VALUES, type ValueName } from './values';

export const FRONT_KINDS = ['recycle', 'blocks', 'off'] as const;
export type FrontKind = (typeof FRONT_KINDS)[number];

/** No views are kept; and no blocks. */
export const NO_VIEWS = { frontBytes: 0, frontBytesMax: 0 };
const NO_BLOCKS = { batchBlocks: 1, freeBlocks: 0 };

export function frontChanges(kind: FrontKind, source: PolicySource): Change[] {
  const others = {
    ...(kind !== 'recycle' && NO_VIEWS),
    ...(kind === 'off' && NO_BLOCKS),
  };
  const names: ValueName[] = ['frontBytes', 'frontBytesMax', 'batchBlocks', 'freeBlocks'];
  return names.map((name) => ({
    name,
    size: undefined,
    value: others[name as keyof typeof others] ?? VALUES[name].default!,
    source,
  }));
}
