/**
 * Verify: are the binaries those that were published, byte for byte, and is a local build of the sources
 * that are here? Imports nothing of the package that needs the addon.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { replacementOf } from '../native/advice';
import {
  type ManifestEntry,
  identityIn,
  manifestOf,
  originOf,
  prebuiltName,
  sourceHashOf,
} from '../native/identity';
import { type Finding, good } from './finding';

type Manifest = Readonly<Record<string, ManifestEntry>>;

function sha256Of(file: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return undefined;
  }
}

/** Every addon under prebuilds/, by path below it. */
function prebuiltFiles(root: string): string[] {
  try {
    const names = readdirSync(join(root, 'prebuilds'), { recursive: true }).map(String);
    return names.filter((name) => name.endsWith('.node')).sort();
  } catch {
    return [];
  }
}

function prebuiltFinding(name: string, root: string, manifest: Manifest): Finding {
  const file = join(root, 'prebuilds', name);
  const found = sha256Of(file);
  const expected = manifest[name.replaceAll('\\', '/')]?.sha256;
  const value = `sha256 ${found ?? 'unknown'}`;
  if (found === undefined) return { name, value, problem: `${file} cannot be read` };
  if (expected === undefined) {
    const problem = 'prebuilds/manifest.json does not name it: it did not come with this package';
    return { name, value, problem };
  }
  if (found === expected) return good(name, `${value}, as published`);
  const problem = `another file than the one that was published, whose sha256 is ${expected}; ${replacementOf(file, root)}`;
  return { name, value, problem };
}

/** What is wrong with a build that nobody published, or the words that say that nothing is. */
function sourcesOf(file: string, root: string): { value: string; problem: string | undefined } {
  const identity = identityIn(file);
  const value = 'a build that was never published';
  if (identity === undefined) {
    const problem = `it does not say what it was built from; ${replacementOf(file, root)}`;
    return { value, problem };
  }
  const { source } = identity;
  const present = sourceHashOf(root);
  const fine = (of: string) => ({ value: `${value}, of ${of}`, problem: undefined });
  if (present === undefined) return fine(`sources ${source} that are not here`);
  if (present === source) return fine('the sources in csrc/');
  const problem = `it is of sources ${source}, not of those in csrc/; ${replacementOf(file, root)}`;
  return { value, problem };
}

/** The file that is loaded, when it is none of those under prebuilds/. */
function otherFinding(file: string, root: string, manifest: Manifest): Finding {
  const name = originOf(file, root) === 'local' ? 'local build' : 'binary loaded';
  const sha256 = sha256Of(file);
  if (sha256 === undefined) return { name, value: file, problem: 'it cannot be read' };
  const published = Object.keys(manifest).find((path) => manifest[path]?.sha256 === sha256);
  if (published !== undefined) {
    return good(name, `sha256 ${sha256}, as published for ${published}`);
  }
  const { value, problem } = sourcesOf(file, root);
  return {
    name,
    value: `sha256 ${sha256}, ${value}`,
    problem,
  };
}

/** Whether csrc/ is what the prebuilt addons were built from. */
function sourcesFinding(root: string, manifest: Manifest): Finding {
  const name = 'sources';
  const source = sourceHashOf(root);
  if (source === undefined) return good(name, 'not here');
  const others = Object.keys(manifest).filter((file) => manifest[file]?.source !== source);
  if (others.length === 0) return good(name, `${source}, those of the prebuilt binaries`);
  const problem = `csrc/ was changed since ${others.join(', ')} was built`;
  return { name, value: source, problem };
}

/** Findings on all prebuilt addons and on `file`, which is the one that is loaded, if there is one. */
export function verifyFindings(root: string, file: string | undefined): Finding[] {
  const manifest = manifestOf(root);
  if (manifest === undefined) {
    const problem = 'there is nothing to compare binaries with; install hakmem-arena again';
    return [{ name: 'manifest', value: 'prebuilds/manifest.json cannot be read', problem }];
  }
  const prebuilt = prebuiltFiles(root).map((name) => prebuiltFinding(name, root, manifest));
  const isOther = file !== undefined && prebuiltName(file, root) === undefined;
  const other = isOther ? [otherFinding(file, root, manifest)] : [];
  return [...other, ...prebuilt, sourcesFinding(root, manifest)];
}
