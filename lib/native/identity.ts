/**
 * Native identity: does this addon belong to this package? The build writes one line into every addon,
 * `hakmem-arena <version> <hash of its sources>`; what it is compared with are package.json,
 * prebuilds/manifest.json and the sources themselves. Imports nothing of the package.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute, join, relative, resolve } from 'node:path';

/** What prebuilds/manifest.json says of one prebuilt addon. */
export interface ManifestEntry {
  readonly source: string;
  readonly sha256: string;
}

/** What an addon says of itself. */
export interface Identity {
  readonly version: string;
  readonly source: string;
}

/** Where an addon was found: under prebuilds/, under build/, or outside the package. */
export type Origin = 'prebuilt' | 'local' | 'elsewhere';

/** The addon that was found is not the one that belongs to this package. */
export class WrongAddon extends Error {
  readonly file: string;

  constructor(file: string, reason: string) {
    super(reason);
    this.file = file;
  }
}

/**
 * The addon that the package at `root` loads here; node-gyp-build decides.
 *
 * @throws Error of node-gyp-build: there is none.
 */
export function findAddon(root: string): string {
  const nodeGypBuild = createRequire(__filename)('node-gyp-build') as {
    path: (root: string) => string;
  };
  return resolve(nodeGypBuild.path(root));
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function readJson(file: string): unknown {
  return attempt(() => JSON.parse(readFileSync(file, 'utf8')) as unknown);
}

/** Version of the package at `root`; undefined where a bundle has another package's file, or none. */
export function versionOf(root: string): string | undefined {
  const found = readJson(join(root, 'package.json')) as {
    name?: unknown;
    version?: unknown;
  } | null;
  const isOurs = found?.name === 'hakmem-arena' && typeof found.version === 'string';
  return isOurs ? (found.version as string) : undefined;
}

/** The prebuilt addons by path below prebuilds/; undefined: there is no manifest. */
export function manifestOf(root: string): Readonly<Record<string, ManifestEntry>> | undefined {
  const found = readJson(join(root, 'prebuilds', 'manifest.json'));
  const { files } = (found ?? {}) as { files?: unknown };
  if (typeof files !== 'object' || files === null) return undefined;
  const isEntry = (entry: unknown): entry is ManifestEntry => {
    const { source, sha256 } = (entry ?? {}) as Partial<Record<string, unknown>>;
    return typeof source === 'string' && typeof sha256 === 'string';
  };
  const entries = Object.entries(files as Record<string, unknown>);
  return Object.fromEntries(
    entries.filter((pair): pair is [string, ManifestEntry] => isEntry(pair[1])),
  );
}

/** Path below prebuilds/ as the manifest writes it; undefined: the file is not there. */
export function prebuiltName(file: string, root: string): string | undefined {
  const name = relative(join(root, 'prebuilds'), file);
  return name.startsWith('..') || isAbsolute(name) ? undefined : name.replaceAll('\\', '/');
}

export function originOf(file: string, root: string): Origin {
  if (prebuiltName(file, root) !== undefined) return 'prebuilt';
  const below = relative(root, file).replaceAll('\\', '/');
  return below.startsWith('build/') ? 'local' : 'elsewhere';
}

/** Hash of the sources at `root`, as builds record it; undefined: they are not there. */
export function sourceHashOf(root: string): string | undefined {
  return attempt(() => {
    const tool = join(root, 'tools', 'build', 'native-identity.cjs');
    const { sourceHash } = createRequire(tool)(tool) as { sourceHash: (root: string) => string };
    return sourceHash(root);
  });
}

/** The line of an addon, taken apart. */
export function parseIdentity(line: unknown): Identity | undefined {
  const [, version, source] =
    typeof line === 'string' ? (/^hakmem-arena (\S+) ([0-9a-f]{64})$/.exec(line) ?? []) : [];
  return version === undefined || source === undefined ? undefined : { version, source };
}

/** Whether a source was written to after `file`. What npm unpacks is older than what it then builds. */
function hasNewerSources(file: string, root: string): boolean {
  const built = attempt(() => statSync(file).mtimeMs) ?? 0;
  const isNewer = (path: string): boolean =>
    (attempt(() => statSync(join(root, path)).mtimeMs) ?? 0) > built;
  const sources = attempt(() => readdirSync(join(root, 'csrc'), { recursive: true })) ?? [];
  return (
    ['binding.gyp', 'vendor/binding.gyp', 'tools/build/recipe.mjs'].some(isNewer) ||
    sources.some((name) => isNewer(join('csrc', String(name))))
  );
}

/**
 * A prebuilt addon is of the sources that the manifest names. Any other one is of the sources that are
 * there; hashing them takes some ms, and is left out while they cannot differ from the manifest's.
 */
function isOfRightSources(source: string, file: string, root: string): boolean {
  const manifest = manifestOf(root);
  const name = prebuiltName(file, root);
  const recorded = name === undefined ? undefined : manifest?.[name];
  if (recorded !== undefined) return recorded.source === source;
  const known = Object.values(manifest ?? {}).map((entry) => entry.source);
  const isKnown = known.includes(source);
  if (isKnown && !hasNewerSources(file, root)) return true;
  const present = sourceHashOf(root);
  if (present !== undefined) return present === source;
  return isKnown || known.length === 0;
}

/** What shows that `addon`, loaded from `file`, is not of the package at `root`; undefined: it is. */
function mismatchOf(addon: unknown, file: string, root: string): string | undefined {
  const identity = parseIdentity((addon as { identity?: unknown } | null | undefined)?.identity);
  if (identity === undefined) return "it is another package's, or of a build before this version";
  const version = versionOf(root);
  if (version !== undefined && version !== identity.version) {
    return `it is of version ${identity.version}, the package of version ${version}`;
  }
  return isOfRightSources(identity.source, file, root)
    ? undefined
    : 'it was built from other sources than those of the package';
}

/**
 * Asks an addon who it is before any of its `entries` is used.
 *
 * @throws WrongAddon
 */
export function verifyAddon(
  addon: unknown,
  entries: Readonly<Record<string, string>>,
  file: string,
  root: string,
): void {
  const mismatch = mismatchOf(addon, file, root);
  if (mismatch !== undefined) throw new WrongAddon(file, mismatch);
  const found = addon as Record<string, unknown>;
  const missing = Object.keys(entries).filter((name) => typeof found[name] !== entries[name]);
  if (missing.length > 0) throw new WrongAddon(file, `it lacks ${missing.join(', ')}`);
}
