/**
 * Build: compiles the addon on this machine, where no binary came with the package, or on demand. It works in a
 * folder of its own, because the package's may be linked to a store that others share, and puts one file
 * into the package. Imports nothing of the package that needs the addon.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(__dirname, '..', '..');
const ADDON = join('build', 'Release', 'hakmem_arena.node');
const NODE_GYP = join('node-gyp', 'bin', 'node-gyp.js');

/** What of the package an addon is made of. `vendor` has binding.gyp, which belongs beside them. */
const INPUTS = ['csrc', 'package.json', 'tools', 'vendor'];

/** Whether the addon loads in a Node of its own: what this one has loaded stays loaded. */
function loads(): boolean {
  const script = `require(${JSON.stringify(ROOT)})`;
  // Without it WebAssembly would do.
  const env = { ...process.env, HAKMEM_BACKEND: 'native' };
  return spawnSync(process.execPath, ['-e', script], { stdio: 'ignore', env }).status === 0;
}

/** Where a node-gyp may be: installed beside the program, named by npm, or a part of npm. */
function nodeGypPlaces(): string[] {
  const places = [join(process.cwd(), 'any.js'), __filename].flatMap((from) => {
    try {
      return [createRequire(from).resolve('node-gyp/bin/node-gyp.js')];
    } catch {
      return [];
    }
  });
  const named = process.env['npm_config_node_gyp'];
  if (named !== undefined) places.push(named);
  const npm = join('npm', 'node_modules', NODE_GYP);
  const prefix = dirname(realpathSync(process.execPath));
  places.push(join(prefix, '..', 'lib', 'node_modules', npm), join(prefix, 'node_modules', npm));
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const program = join(folder, 'npm');
    if (existsSync(program)) places.push(join(realpathSync(program), '..', '..', 'node_modules', NODE_GYP)); // prettier-ignore
  }
  return places;
}

function findNodeGyp(): string {
  const found = nodeGypPlaces().find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new Error('there is no node-gyp: `npm install --save-dev node-gyp`, and again');
}

/** Headers that came with this Node save a download. */
function headersOption(): string[] {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const isShipped = existsSync(join(prefix, 'include', 'node', 'node_api.h'));
  return isShipped && process.env['npm_config_nodedir'] === undefined
    ? [`--nodedir=${prefix}`]
    : [];
}

/** Compiles in `folder`; the path of the addon. */
function compileIn(folder: string): string {
  for (const input of INPUTS) cpSync(join(ROOT, input), join(folder, input), { recursive: true });
  copyFileSync(join(ROOT, 'vendor', 'binding.gyp'), join(folder, 'binding.gyp'));
  const options = ['rebuild', '--release', '--jobs=max', '--loglevel=error', ...headersOption()];
  // binding.gyp runs scripts by the `node` that it finds.
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  const { status } = spawnSync(process.execPath, [findNodeGyp(), ...options], {
    cwd: folder,
    env: { ...process.env, PATH: path },
    stdio: 'inherit',
  });
  if (status !== 0) {
    throw new Error('it did not compile; that takes a C11 and a C++17 compiler, make and Python');
  }
  return join(folder, ADDON);
}

function compile(): void {
  const folder = mkdtempSync(join(tmpdir(), 'hakmem-arena-build-'));
  try {
    const target = join(ROOT, ADDON);
    mkdirSync(dirname(target), { recursive: true });
    // A program that has the old file loaded keeps it: the new one takes over its name, not its bytes.
    const beside = `${target}.${process.pid}.new`;
    copyFileSync(compileIn(folder), beside);
    renameSync(beside, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `build`: exit code 1 when what was built does not load. */
export function build(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { force: { type: 'boolean', default: false } } });
  if (!existsSync(join(ROOT, 'vendor', 'binding.gyp'))) {
    throw new Error('this is a clone of the repository: `npm run build` builds it');
  }
  if (!values.force && loads()) {
    console.log('There is a binary that loads; --force compiles another.');
    return Promise.resolve(0);
  }
  compile();
  const isGood = loads();
  const verdict = isGood ? 'loads' : 'does not load: `npx hakmem-arena doctor` says why';
  console.log(`${join(ROOT, ADDON)} is built and ${verdict}.`);
  return Promise.resolve(isGood ? 0 : 1);
}
