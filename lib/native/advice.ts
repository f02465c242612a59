/**
 * Native advice: what to do when the addon does not load, and what decides which file that is. Nothing
 * here throws: it runs where something else has failed already.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { WrongAddon, originOf } from './identity';

const NODE_API_NEEDED = 9;
const REBUILD =
  '`npx hakmem-arena build` compiles one; that takes a C and a C++ compiler, make and Python';

/** A variable of the environment that decides which file is loaded. */
export interface LoaderVariable {
  readonly name: string;
  readonly value: string;
  /** What it does, for a sentence that begins with its name. */
  readonly effect: string;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Platforms that a prebuilt binary came with, as "linux-x64, win32-x64". */
function prebuiltPlatforms(root: string): string {
  const names = entriesOf(join(root, 'prebuilds')).filter((name) => /^\w+-\w+$/.test(name));
  return names.sort().join(', ') || 'none';
}

function hasLocalBuild(folder: string): boolean {
  return ['Release', 'Debug'].some((kind) =>
    entriesOf(join(folder, 'build', kind)).some((name) => name.endsWith('.node')),
  );
}

/**
 * The variables of node-gyp-build that are set and make a difference for the package at `root`. It takes
 * any text for "yes", '0' and 'false' included.
 */
export function loaderVariables(root: string): LoaderVariable[] {
  const { HAKMEM_ARENA_PREBUILD: folder } = process.env;
  const isAlpine = process.platform === 'linux' && existsSync('/etc/alpine-release');
  const differs = (name: string, usual: string): boolean => (process.env[name] ?? usual) !== usual;
  const rows: readonly (readonly [name: string, acts: boolean, effect: string])[] = [
    ['HAKMEM_ARENA_PREBUILD', true, 'has the binary looked for in that folder only'],
    ['PREBUILDS_ONLY', hasLocalBuild(folder ?? root), 'has the local build passed over'],
    [
      'npm_config_platform',
      differs('npm_config_platform', process.platform),
      'replaces the platform',
    ],
    ['npm_config_arch', differs('npm_config_arch', process.arch), 'replaces the processor'],
    ['LIBC', differs('LIBC', isAlpine ? 'musl' : 'glibc'), 'replaces the C library'],
  ];
  return rows.flatMap(([name, acts, effect]) => {
    const value = process.env[name] ?? '';
    return acts && value !== '' ? [{ name, value, effect }] : [];
  });
}

/** What to do about an addon that is not this package's, or is not as it was published. */
export function replacementOf(file: string, root: string): string {
  const isCheckout = existsSync(join(root, 'tools', 'build', 'native.mjs'));
  const origin = originOf(file, root);
  if (origin === 'elsewhere') return 'put the one of this package there, or take it away';
  if (origin === 'prebuilt') {
    return isCheckout ? '`npm run make:prebuilds` makes it again' : 'install hakmem-arena again';
  }
  return isCheckout
    ? '`npm run build:native` builds it again'
    : '`npx hakmem-arena build` compiles it again, and without its folder build/ the package loads a ' +
        'prebuilt one';
}

function adviceOn(error: unknown, root: string): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const here = `${process.platform}-${process.arch}`;
  if (error instanceof WrongAddon) {
    const { file } = error;
    return `${file} is not the binary of this package: ${error.message}; ${replacementOf(file, root)}`;
  }
  if (code === 'ERR_DLOPEN_DISABLED') {
    return 'Node runs with --permission (or --no-addons); allow native addons with --allow-addons';
  }
  if (Number(process.versions['napi']) < NODE_API_NEEDED) {
    return `Node ${process.version} is too old: Node-API ${NODE_API_NEEDED} is needed, Node 20 has it`;
  }
  if (!existsSync(join(root, 'package.json'))) {
    return (
      'its files are not where they were installed: when bundling, leave hakmem-arena out of the ' +
      'bundle (mark it as external) and ship it in node_modules'
    );
  }
  if (typeof message === 'string' && message.startsWith('No native build was found')) {
    return `there is no binary for ${here} (prebuilt ones: ${prebuiltPlatforms(root)}); ${REBUILD}`;
  }
  return (
    `there is a binary, but Node ${process.version} on this ${here} machine cannot load it; was ` +
    `node_modules made on another machine, or for another C library? ${REBUILD}`
  );
}

/** What kept the addon of the package at `root` from loading, and what to do about it. */
export function adviceFor(error: unknown, root: string): string {
  try {
    const variables = loaderVariables(root).map(
      ({ name, value, effect }) => `; ${name}=${value} is set, which ${effect}`,
    );
    return adviceOn(error ?? {}, root) + variables.join('');
  } catch {
    return `something that cannot be read was thrown; ${REBUILD}`;
  }
}
