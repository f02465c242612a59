/**
 * Doctor: what was loaded and what it found, and a word on everything that is not as it should be.
 * Imports nothing of the package that needs the addon: it has to work where that does not load.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type * as Index from '../index';
import type * as Native from '../native/native';
import { loaderVariables } from '../native/advice';
import { BACKEND_VARIABLE, forcedBackend, isBackendWrong } from '../native/backend-choice';
import { findAddon, originOf } from '../native/identity';
import { type Finding, good } from './finding';
import { verifyFindings } from './verify';
import { printable, printableLines } from '../base/printable';
import { VERSION } from '../base/version';

const ROOT = join(__dirname, '..', '..');
const load = createRequire(__filename);

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function libc(): string {
  if (process.platform !== 'linux') return process.platform;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined
    ? 'musl, or another libc than glibc'
    : `glibc ${header.glibcVersionRuntime}`;
}

function nodeFinding(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const value = `${process.version} on ${process.platform}-${process.arch}, ${libc()}`;
  if (major >= 20) return good('Node', value);
  return { name: 'Node', value, problem: 'Node 20 or later is needed' };
}

/** The file that the package loads here; undefined: there is none. */
function binaryFile(): string | undefined {
  try {
    return findAddon(ROOT);
  } catch {
    return undefined;
  }
}

const ORIGINS = { prebuilt: 'prebuilt', local: 'a local build', elsewhere: 'outside the package' };

function binaryFinding(file: string | undefined): Finding {
  const name = 'binary';
  if (forcedBackend() === 'wasm') return good(name, 'none is loaded');
  if (file !== undefined) return good(name, `${file} (${ORIGINS[originOf(file, ROOT)]})`);
  const problem = 'there is none for this platform: `npx hakmem-arena build` compiles one';
  return { name, value: 'none', problem };
}

/** What makes another file than usual the one that is loaded. */
function loaderFindings(): Finding[] {
  return loaderVariables(ROOT).map(({ name, value, effect }) => good(name, `${value} (${effect})`));
}

/** Loads the package and uses it: allocates in every row, checks the bytes, frees, gives back. */
function selfTest(): void {
  const { Arena } = load('../index') as typeof Index;
  const arena = new Arena({ name: 'doctor' });
  try {
    for (let size = 8; size <= 4 * 1024 * 1024; size *= 2) {
      const view = arena.alloc(size, 0xa5);
      if (view[0] !== 0xa5 || view[size - 1] !== 0xa5) throw new Error(`wrong bytes at ${size}`);
      arena.free(view);
    }
    arena.trim();
    const { live } = arena.stats().bytes;
    if (live !== 0) throw new Error(`${live} bytes live after every block was freed`);
  } finally {
    arena.destroy();
  }
}

function selfTestFinding(): Finding {
  try {
    selfTest();
    return good('self test', 'allocates, frees and gives back');
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { name: 'self test', value: 'failed', problem };
  }
}

/** What does the bookkeeping, and why. */
function backendFinding(): Finding {
  const { backend } = load('../native/native') as typeof Native;
  const { name, reason, isFallback } = backend;
  if (!isFallback) return good('backend', `${name} (${reason})`);
  return { name: 'backend', value: name, problem: `the addon is not used: ${reason}` };
}

/** The variable that chooses the backend, if it says something else. */
function wrongBackend(): Finding[] {
  if (!isBackendWrong()) return [];
  const problem = 'means nothing: it is native or wasm';
  return [{ name: BACKEND_VARIABLE, value: forcedBackend() ?? '', problem }];
}

/** Switches of the environment that are set, and those that mean nothing. */
function optionFindings(): Finding[] {
  const { native } = load('../native/native') as typeof Native;
  const { options, optionWarnings } = native.tables;
  const set = options.filter(({ name }) => process.env[name] !== undefined);
  const wrong = optionWarnings.map((name): Finding => {
    const problem = 'means nothing; the default is used (see the README for its values)';
    return { name, value: process.env[name] ?? '', problem };
  });
  const right = set
    .filter(({ name }) => !optionWarnings.includes(name))
    .map(({ name }) => good(name, process.env[name]!));
  return [...right, ...wrong, ...unknownFindings(options.map(({ name }) => name))];
}

/** How many characters two names have in common from their beginning. */
function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Variables with lines of their own: what is loaded, and on which backend it runs. */
const TOLD_ELSEWHERE = new Set([BACKEND_VARIABLE, 'HAKMEM_ARENA_PREBUILD']);

/** Whatever else begins like a switch of ours: of an older allocator, or a slip of the pen. */
function unknownFindings(known: readonly string[]): Finding[] {
  const others = Object.keys(process.env).filter(
    (name) => /^HAKMEM_/i.test(name) && !known.includes(name) && !TOLD_ELSEWHERE.has(name),
  );
  return others.sort().map((name) => {
    const scored = known.map((one) => [commonStart(one, name.toUpperCase()), one] as const);
    const [length, nearest] = scored.reduce((best, one) => (one[0] > best[0] ? one : best));
    const hint = length > 'HAKMEM_'.length + 2 ? `; the nearest that does: ${nearest}` : '';
    return good(printable(name), `${process.env[name]!} (does nothing here${hint})`);
  });
}

function purgeFinding(): Finding {
  const { heapStats } = load('../index') as typeof Index;
  const { os } = heapStats().totals;
  const value = `${os.purge} asked for, ${os.purgeEnomem + os.purgeFailed} refused`;
  if (!os.purgeDisabled) return good('purging', value);
  const problem = 'the system refused to take pages back; memory in use will not shrink';
  return { name: 'purging', value, problem };
}

function thpFinding(): Finding | undefined {
  const text = readText('/sys/kernel/mm/transparent_hugepage/enabled');
  const mode = /\[(\w+)\]/.exec(text ?? '')?.[1];
  if (mode === undefined) return undefined;
  const name = 'huge pages';
  if (mode !== 'always' || process.env['HAKMEM_THP'] === 'never') return good(name, mode);
  const hint = 'a touched SuperSlab may take 2 MB at once; HAKMEM_THP=never if memory is short';
  return good(name, `${mode} (${hint})`);
}

function mapCountFinding(): Finding | undefined {
  const text = readText('/proc/sys/vm/max_map_count');
  if (text === undefined) return undefined;
  const name = 'max_map_count';
  if (Number(text) >= 65_530) return good(name, text);
  const problem = 'below the usual 65530: purging may be refused; raise vm.max_map_count';
  return { name, value: text, problem };
}

function overcommitFinding(): Finding | undefined {
  const text = readText('/proc/sys/vm/overcommit_memory');
  if (text === undefined) return undefined;
  const name = 'overcommit';
  if (text !== '2') return good(name, text);
  const problem = 'mode 2 counts address space as memory: SuperSlabs may be refused early';
  return { name, value: text, problem };
}

const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MB`;

/** The machine's, and what a control group leaves of it, of either version. */
function memoryFinding(): Finding {
  const allowed = process.constrainedMemory();
  const isLimited = allowed > 0 && allowed < totalmem();
  const group = isLimited ? `, limited to ${mib(allowed)} by its control group` : '';
  return good('memory', mib(totalmem()) + group);
}

/** What all arenas may hold. */
function limitFinding(): Finding {
  const { heapStats } = load('../index') as typeof Index;
  const { maxBytes } = heapStats().totals;
  const isShare = process.env['HAKMEM_MAX_MEMORY_MB'] === 'auto';
  const share = isShare ? ' (auto: three quarters of the memory)' : '';
  return good('arenas', maxBytes === 0 ? 'no limit' : `at most ${mib(maxBytes)}${share}`);
}

function findings(verify: boolean): Finding[] {
  const file = binaryFile();
  const test = selfTestFinding();
  const native =
    test.problem === undefined
      ? [backendFinding(), ...wrongBackend(), ...optionFindings(), limitFinding(), purgeFinding()]
      : [];
  const system = [thpFinding(), mapCountFinding(), overcommitFinding(), memoryFinding()];
  return [
    good('hakmem-arena', VERSION),
    nodeFinding(),
    binaryFinding(file),
    ...loaderFindings(),
    ...(verify ? verifyFindings(ROOT, file) : []),
    test,
    ...native,
    ...system.filter((finding) => finding !== undefined),
  ];
}

/** `doctor`: exit code 1 when something is wrong. */
export function doctor(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { verify: { type: 'boolean', default: false } } });
  const all = findings(values.verify);
  const width = Math.max(...all.map(({ name }) => name.length));
  for (const { name, value, problem } of all) {
    const verdict = problem === undefined ? 'ok  ' : 'BAD ';
    console.log(`${verdict} ${name.padEnd(width)}  ${printable(value)}`);
    if (problem !== undefined) console.log(`     ${' '.repeat(width)}  ${printableLines(problem)}`);
  }
  const bad = all.filter(({ problem }) => problem !== undefined).length;
  console.log(bad === 0 ? '\nEverything is in order.' : `\n${bad} to look at.`);
  return Promise.resolve(bad === 0 ? 0 : 1);
}
