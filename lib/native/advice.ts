/**
 * Native advice: what to do when the addon does not load, and what decides which file that is. Nothing
 * here throws: it runs where something else has failed already.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HERE } from '../base/here';
import { WrongAddon, attempt, isPackage, originOf } from './identity';

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

type Denied = (error: unknown, root: string) => string | undefined;

/** Deno asks for leave of its own kind, for the environment and for addons too, and says so by the error's name. */
const deniedByDeno: Denied = (error) => {
  if (!('deno' in process.versions)) return undefined;
  const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown };
  const isNamed = name === 'NotCapable' || name === 'PermissionDenied';
  const { Deno: deno } = globalThis as { Deno?: DenoPermissions };
  const isGranted = (what: string): boolean =>
    deno?.permissions.querySync({ name: what }).state === 'granted';
  const missing = ['read', 'env', 'ffi'].filter((what) => !isGranted(what));
  if (!isNamed && missing.length === 0) return undefined;
  const flags = missing.map((what) => `--allow-${what}`).join(' ');
  const said = isNamed ? ` (${String(message)})` : '';
  return `Deno runs without leave that it takes: add ${flags || 'what it names'}${said}`;
};

interface DenoPermissions {
  readonly permissions: {
    readonly querySync: (what: { readonly name: string }) => { readonly state: string };
  };
}

/** Under --permission, a file that may not be read looks as if it were not there. */
const deniedByNode: Denied = (error, root) => {
  const { permission } = process as { permission?: { has: (what: string, of: string) => boolean } };
  const isUnread = permission?.has('fs.read', join(root, 'prebuilds')) === false;
  const { code, resource } = (error ?? {}) as { code?: unknown; resource?: unknown };
  if (isUnread || (code === 'ERR_ACCESS_DENIED' && typeof resource === 'string')) {
    const path = isUnread ? root : String(resource);
    return (
      `Node runs with --permission and may not read ${path}; allow that with ` +
      `--allow-fs-read=${path}, and native addons with --allow-addons`
    );
  }
  return code === 'ERR_DLOPEN_DISABLED'
    ? 'Node runs with --permission (or --no-addons); allow native addons with --allow-addons'
    : undefined;
};

/** What is not there: in the package, or for a bundle. */
function adviceOnMissing(root: string): string {
  const here = `${process.platform}-${process.arch}`;
  if (isPackage(root)) {
    return `there is no binary for ${here} (prebuilt ones: ${prebuiltPlatforms(root)}); ${REBUILD}`;
  }
  return (
    `it runs from a bundle, ${HERE}, which has no binary for ${here}: leave hakmem-arena out of ` +
    'the bundle (mark it as external) and install it where the bundle runs, or copy ' +
    `node_modules/hakmem-arena/prebuilds to ${join(dirname(HERE), 'prebuilds')}`
  );
}

function adviceOn(error: unknown, root: string): string {
  const { message } = (error ?? {}) as { message?: unknown };
  const denied = [deniedByDeno, deniedByNode]
    .map((ask) => attempt(() => ask(error, root)))
    .find((it) => it !== undefined);
  if (denied !== undefined) return denied;
  if (error instanceof WrongAddon) {
    const { file } = error;
    const replacement = replacementOf(file, error.root);
    return `${file} is not the binary of this package: ${error.message}; ${replacement}`;
  }
  if (Number(process.versions['napi']) < NODE_API_NEEDED) {
    return `Node ${process.version} is too old: Node-API ${NODE_API_NEEDED} is needed, Node 20 has it`;
  }
  if (typeof message === 'string' && message.startsWith('No native build was found')) {
    return adviceOnMissing(root);
  }
  const here = `${process.platform}-${process.arch}`;
  return (
    `there is a binary, but Node ${process.version} on this ${here} machine cannot load it; was ` +
    `node_modules made on another machine, or for another C library? ${REBUILD}`
  );
}

/** The variables that are set, each as the end of a sentence. */
function remarks(root: string): string {
  const variables = attempt(() => loaderVariables(root)) ?? [];
  return variables.map(({ name, value, effect }) => `; ${name}=${value} is set, which ${effect}`).join(''); // prettier-ignore
}

/** What kept the addon of the package at `root` from loading, and what to do about it. */
export function adviceFor(error: unknown, root: string): string {
  const advice = attempt(() => adviceOn(error, root));
  return (advice ?? `something that cannot be read was thrown; ${REBUILD}`) + remarks(root);
}
