/**
 * Loader: where the addon may be, and that nothing is loaded which does not say that it is this package's.
 *
 * An installed package has one place, itself. In a bundle the addon is where the bundler put it, or beside the
 * bundle, or in a package that is installed where the bundle runs.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { HERE } from '../base/here';
import {
  type Entries,
  WrongAddon,
  attempt,
  findAddon,
  isPackage,
  verifyAddon,
  verifyFile,
} from './identity';

// @vercel/nft and ncc read this name, and the expression in `addonOfBundler`.
// eslint-disable-next-line @typescript-eslint/no-require-imports
import path = require('node:path');

/** Where the package is, unless this code is in a bundle. */
export const ROOT = join(dirname(HERE), '..', '..');

/** Whether this code was put into another file than its own. */
export const IS_BUNDLED = !isPackage(ROOT);

/** Bundlers that know addons replace this expression by one that loads the copy that they made. */
function addonOfBundler(): unknown {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (require('node-gyp-build') as (folder: string) => unknown)(path.join(__dirname, '../..'));
}

function loadFile(file: string, root: string, entries: Entries): unknown {
  const isKnown = verifyFile(file, root);
  const addon: unknown = createRequire(file)(file);
  verifyAddon(addon, entries, file, isKnown ? undefined : root);
  return addon;
}

/** Addons in `root` with the package's name, for whatever C library; a wrong one does not load. */
function namedAddons(root: string): string[] {
  const folders = [join('build', 'Release'), join('prebuilds', `${process.platform}-${process.arch}`)]; // prettier-ignore
  return folders.flatMap((folder) => {
    const names = attempt(() => readdirSync(join(root, folder))) ?? [];
    const ours = names.filter((name) => /^hakmem[-_]arena\b.*\.node$/.test(name)).sort();
    return ours.map((name) => join(root, folder, name));
  });
}

/** Loads the first of `files` that is the package's; undefined: none, and `failures` says why. */
function loadFirst(
  files: Iterable<string>,
  root: string,
  entries: Entries,
  failures: Error[],
): unknown {
  for (const file of files) {
    try {
      return loadFile(file, root, entries);
    } catch (error) {
      failures.push(error as Error);
    }
  }
  return undefined;
}

/** Where a package is that is installed for the program in `file`. */
function installedFor(file: string): string | undefined {
  return attempt(() => dirname(createRequire(file).resolve('hakmem-arena/package.json')));
}

/** Where a bundle's addon may be, in order. */
export function placesOfBundle(): string[] {
  const named = attempt(() => process.env['HAKMEM_ARENA_PREBUILD']) ?? '';
  if (named !== '') return [path.resolve(named)];
  const programs = [HERE, process.argv[1], attempt(() => join(process.cwd(), 'program'))];
  const installed = programs.map((file) => (file === undefined ? undefined : installedFor(file)));
  const places = [dirname(HERE), ...installed].filter((place) => place !== undefined);
  return [...new Set(places)];
}

/** The bundler's own copy, if it made one. Otherwise node-gyp-build looks into a folder that has no say here. */
function bundledAddon(entries: Entries): unknown {
  if (attempt(() => findAddon(ROOT)) !== undefined) return undefined;
  const addon = attempt(addonOfBundler);
  if (addon !== undefined) verifyAddon(addon, entries, HERE, ROOT);
  return addon;
}

function addonOfBundle(entries: Entries): unknown {
  const bundled = bundledAddon(entries);
  if (bundled !== undefined) return bundled;
  const failures: Error[] = [];
  for (const place of placesOfBundle()) {
    // The addons of several packages may have been copied to one folder.
    const found = attempt(() => findAddon(place));
    const files = new Set([...(found === undefined ? [] : [found]), ...namedAddons(place)]);
    const addon = loadFirst(files, place, entries, failures);
    if (addon !== undefined) return addon;
  }
  // Another package's addon is not what went wrong: it only lies where ours might.
  const isTelling = (error: Error): boolean => !(error instanceof WrongAddon && error.isForeign);
  throw failures.find(isTelling) ?? new Error('No native build was found in or beside the bundle');
}

/** node-gyp-build reads /etc, which a program may have been denied although it may read the package. */
function addonOfPackage(entries: Entries): unknown {
  let file: string;
  try {
    file = findAddon(ROOT);
  } catch (error) {
    const isDenied = (error as { code?: unknown }).code === 'ERR_ACCESS_DENIED';
    const failures: Error[] = [];
    const addon = isDenied ? loadFirst(namedAddons(ROOT), ROOT, entries, failures) : undefined;
    if (addon !== undefined) return addon;
    throw failures[0] ?? (error as Error);
  }
  return loadFile(file, ROOT, entries);
}

/**
 * The addon, with all of `entries`.
 *
 * @throws WrongAddon, or what node-gyp-build or loading a file throws.
 */
export function loadAddon(entries: Entries): unknown {
  return IS_BUNDLED ? addonOfBundle(entries) : addonOfPackage(entries);
}
