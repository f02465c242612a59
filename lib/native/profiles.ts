/**
 * Profiles: names of old for HAKMEM_TINY_POLICY_PROFILE, and what became of them.
 */
import { native } from './native';

export const PROFILE_VARIABLE = 'HAKMEM_TINY_POLICY_PROFILE';

/** Each of them is the default here; why, as the end of a sentence. */
const HEIRS: ReadonlyMap<string, string> = new Map([
  ['legacy', 'there is one engine, without an older one to go back to'],
  ['c5_7_only', 'every class has the same front, not only the large ones'],
  ['tinyplus_all', 'every class has the same front in any case'],
  ['bench', 'the default keeps what a steady load needs; prewarm an arena for a short run'],
  ['larson_guard', 'frees by other threads are checked exactly in any case'],
]);

/** Why a profile of old is the default here, as the end of a sentence; undefined: it means something. */
export function heirOf(profile: string): string | undefined {
  return HEIRS.get(profile);
}

function profileName(): string {
  const profile = native.tables.options.find(({ name }) => name === PROFILE_VARIABLE)!;
  return profile.choices.split('|')[profile.value]!;
}

export const isLeanProcess = profileName() === 'lean';

/** A word on the profile of this process; undefined: it means what it says. */
export function profileRemark(): string | undefined {
  const name = profileName();
  const why = HEIRS.get(name);
  return why === undefined ? undefined : `${PROFILE_VARIABLE}=${name} is default here: ${why}`;
}
