/**
 * Native identity: does this addon belong to this package? The build writes one line into every addon,
 * `hakmem-arena <version> <hash of its sources>`; what it is compared with are the version of this code,
 * prebuilds/manifest.json and the sources themselves. Imports nothing of the package that needs the addon.
 */
import { closeSync, openSync, readFileSync, readSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { VERSION } from '../base/version';

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

/** Every entry of the addon, as `typeof` tells it. */
export type Entries = Readonly<Record<string, string>>;

/** The addon that was found is not the one that belongs to this package. */
export class WrongAddon extends Error {
  readonly file: string;
  /** Where it was looked for. */
  readonly root: string;
  /** It does not even say that it is one of some version of this package. */
  readonly isForeign: boolean;

  constructor(file: string, root: string, reason: string, isForeign = false) {
    super(reason);
    this.file = file;
    this.root = root;
    this.isForeign = isForeign;
  }
}

/**
 * The addon that the package at `root` loads here; node-gyp-build decides. That is loaded here and not earlier,
 * because it asks the environment and the file system, which the program may have been denied.
 *
 * @throws Error of node-gyp-build: there is none.
 */
export function findAddon(root: string): string {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const nodeGypBuild = require('node-gyp-build') as { path: (root: string) => string };
  return resolve(nodeGypBuild.path(root));
}

export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function readJson(file: string): unknown {
  return attempt(() => JSON.parse(readFileSync(file, 'utf8')) as unknown);
}

/** Whether `root` is a folder of this package, and not one that a bundle happens to lie in. */
export function isPackage(root: string): boolean {
  const { name } = (readJson(join(root, 'package.json')) ?? {}) as { name?: unknown };
  return name === 'hakmem-arena';
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

const IDENTITY = /hakmem-arena \d[\w.+-]* [0-9a-f]{64}/;
/** Longer than any such line. */
const IDENTITY_LENGTH_MAX = 256;
const CHUNK_BYTES = 16 * 1024;

/** What the addon in `file` says of itself, whatever machine it is for. Read in parts: the whole stays in memory. */
export function identityIn(file: string): Identity | undefined {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    let text = '';
    for (let bytes = -1; bytes !== 0;) {
      const line = IDENTITY.exec(text)?.[0];
      if (line !== undefined) return parseIdentity(line);
      bytes = readSync(descriptor, chunk, 0, CHUNK_BYTES, null);
      text = text.slice(-IDENTITY_LENGTH_MAX) + chunk.toString('latin1', 0, bytes);
    }
    return undefined;
  } finally {
    closeSync(descriptor);
  }
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

/** @throws WrongAddon: what says this of itself is not of the package at `root`. */
function verifyIdentity(identity: Identity | undefined, file: string, root: string): void {
  if (identity === undefined) {
    const reason = "it is another package's, or of a build before this version";
    throw new WrongAddon(file, root, reason, true);
  }
  if (identity.version !== VERSION) {
    const reason = `it is of version ${identity.version}, the package of version ${VERSION}`;
    throw new WrongAddon(file, root, reason);
  }
  if (!isOfRightSources(identity.source, file, root)) {
    throw new WrongAddon(file, root, 'it was built from other sources than those of the package');
  }
}

/**
 * Has a file prove who it is before it is loaded: what is loaded has run. false: it cannot be read.
 *
 * @throws WrongAddon
 */
export function verifyFile(file: string, root: string): boolean {
  const read = attempt(() => ({ identity: identityIn(file) }));
  if (read !== undefined) verifyIdentity(read.identity, file, root);
  return read !== undefined;
}

/**
 * Looks at an addon before any of its `entries` is used. `root`: where it was looked for; undefined: its file
 * has proved who it is.
 *
 * @throws WrongAddon
 */
export function verifyAddon(
  addon: unknown,
  entries: Entries,
  file: string,
  root: string | undefined,
): void {
  const found = (addon ?? {}) as Record<string, unknown>;
  if (root !== undefined) verifyIdentity(parseIdentity(found['identity']), file, root);
  const missing = Object.keys(entries).filter((name) => typeof found[name] !== entries[name]);
  if (missing.length > 0) {
    throw new WrongAddon(file, root ?? dirname(file), `it lacks ${missing.join(', ')}`);
  }
}
