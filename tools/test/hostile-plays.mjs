// Plays: what builds of the addon that watch it (sanitizers, coverage) are driven with from JavaScript, as files
// of test/hostile with their arguments.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Builds with debug checks end the process when counters do not add up, and wrong values for the addon are also
 * written into counters that JavaScript shares: these entries check them.
 */
const CHECKS_COUNTERS = ['trimArena'];

/** Every entry of the addon called with wrong values, one play for each. */
export function entryPlays() {
  const addon = createRequire(import.meta.url)('node-gyp-build')(ROOT);
  const entries = Object.keys(addon).filter((name) => typeof addon[name] === 'function');
  const played = entries.filter((name) => !CHECKS_COUNTERS.includes(name));
  return played.map((entry) => ['hostile-binding.mjs', entry]);
}

/** The addon's entries as a program uses them. */
export const everything = (rounds) => ['everything.mjs', String(rounds)];

/** Sizes of classes that another thread changes while they are read. */
export const RACING_SIZES = ['racing-sizes.mjs'];

/** Wrong values for arenas and scopes. */
export const HOSTILE_API = ['hostile-api.mjs', '{}'];

/** A scribbler over all memory, of an arena with these options. */
export const scribbler = (seed, calls, options) => [
  'scribbler.mjs',
  String(seed),
  String(calls),
  JSON.stringify(options),
];
