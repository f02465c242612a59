/**
 * Child: runs a script in a Node of its own, on the built package.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export const PACKAGE_ROOT = join(__dirname, '..', '..', '..');

export interface ChildOptions {
  /** Set for the child; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Arguments of node itself. */
  readonly nodeArguments?: readonly string[];
  readonly cwd?: string;
  /** @default 50 s */
  readonly timeoutMs?: number;
  /** Limit on the child's address space; not on Windows. */
  readonly addressSpaceKib?: number;
}

export interface ChildResult {
  /** null: ended by a signal. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A stale copy must never answer for the sources. */
function assertBuilt(): void {
  const built = join(PACKAGE_ROOT, 'dist', 'index.mjs');
  const lib = join(PACKAGE_ROOT, 'lib');
  const builtAt = existsSync(built) ? statSync(built).mtimeMs : 0;
  for (const file of readdirSync(lib, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.ts') && statSync(join(lib, file)).mtimeMs > builtAt) {
      throw new Error(`dist/ is older than lib/${file}: run \`npm run build:ts\``);
    }
  }
}

/** Children run on the backend that this process has. */
const KEPT = 'HAKMEM_BACKEND';

/** An environment in which no switch of the package is set by accident. */
function cleanEnvironment(extra: ChildOptions['env'] = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    const isSwitch = name.startsWith('HAKMEM_') && name !== KEPT;
    if (!isSwitch && name !== 'NODE_OPTIONS') env[name] = value;
  }
  for (const [name, value] of Object.entries(extra)) env[name] = value;
  return env;
}

/** Runs a program to its end. */
export function run(
  program: string,
  programArguments: readonly string[],
  options: ChildOptions = {},
): Promise<ChildResult> {
  return new Promise((resolve) => {
    const { cwd = PACKAGE_ROOT, env, timeoutMs = 50_000 } = options;
    const child = execFile(
      program,
      [...programArguments],
      { cwd, env: cleanEnvironment(env), timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout, stderr) => {
        resolve({ exitCode: child.exitCode, signal: child.signalCode, stdout, stderr });
      },
    );
  });
}

/** Runs CommonJS source, in which `require('hakmem-arena')` is the built package. */
export function runScript(source: string, options: ChildOptions = {}): Promise<ChildResult> {
  assertBuilt();
  const { nodeArguments = [], addressSpaceKib } = options;
  const nodeAndSource = [process.execPath, ...nodeArguments, '-e', source];
  if (addressSpaceKib === undefined) return run(nodeAndSource[0]!, nodeAndSource.slice(1), options);
  // The shell limits itself and then becomes Node.
  const limit = `ulimit -v ${addressSpaceKib} && exec "$@"`;
  return run('sh', ['-c', limit, 'sh', ...nodeAndSource], options);
}

/** Runs a file of the repository, in which 'hakmem-arena' is the built package. */
export function runFile(
  file: string,
  fileArguments: readonly string[] = [],
  options: ChildOptions = {},
): Promise<ChildResult> {
  assertBuilt();
  const { nodeArguments = [] } = options;
  const path = join(PACKAGE_ROOT, file);
  return run(process.execPath, [...nodeArguments, path, ...fileArguments], options);
}

/** Runs a script that must succeed and print one JSON value. */
export async function resultOf<T>(source: string, options: ChildOptions = {}): Promise<T> {
  const { exitCode, signal, stdout, stderr } = await runScript(source, options);
  if (exitCode !== 0) throw new Error(`child ended with ${String(exitCode ?? signal)}:\n${stderr}`);
  return JSON.parse(stdout) as T;
}
