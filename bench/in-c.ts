// In C: the rivals of bench/c, which play the same steps as JavaScript does.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Figures } from './case';

export const ROOT = join(__dirname, '..', '..');

interface Program {
  readonly program: string;
  readonly preload?: string;
}

interface BuildModule {
  readonly buildRivals: (options: { mayInstall: boolean; sources: readonly string[] }) => {
    readonly rivals: Readonly<Record<string, Program>>;
  };
}

/** Rivals of bench/c that matter here, and what they are called here. */
const NAMES: Readonly<Record<string, string>> = {
  glibc: 'glibc malloc in C',
  mimalloc: 'mimalloc in C',
};

export type CRivals = Readonly<Record<string, Program>>;

/** Those of `NAMES` that can be had on this machine. */
export async function buildCRivals(): Promise<CRivals> {
  const all = await buildAll();
  const known = Object.entries(NAMES).filter(([name]) => all[name] !== undefined);
  return Object.fromEntries(known.map(([name, ours]) => [ours, all[name]!]));
}

/** Every one that can be had, our own core among them. */
export async function allCRivals(): Promise<CRivals> {
  const all = Object.entries(await buildAll());
  return Object.fromEntries(all.map(([name, program]) => [`${name} in C`, program]));
}

/** By the names of bench/c; none without a C compiler, or on anything but Linux. */
async function buildAll(): Promise<CRivals> {
  if (process.platform !== 'linux') return {};
  const file = pathToFileURL(join(ROOT, 'bench', 'c', 'build.mjs')).href;
  const { buildRivals } = (await import(file)) as BuildModule;
  try {
    return buildRivals({ mayInstall: false, sources: [] }).rivals;
  } catch (error) {
    process.stderr.write(`bench: nothing in C: ${(error as Error).message}\n`);
    return {};
  }
}

export function playInC(
  { program, preload }: Program,
  args: readonly (string | number)[],
): Figures {
  const env = { ...process.env, ...(preload !== undefined && { LD_PRELOAD: preload }) };
  const output = execFileSync(program, args.map(String), { cwd: ROOT, encoding: 'utf8', env });
  const { operations, ns, rssPeak } = JSON.parse(output) as Record<string, number>;
  return { ns: ns! / operations!, 'peak RSS': rssPeak! / 2 ** 20 };
}
