// Builds C programs against the whole core, in the flavours that tests, stress and fuzzing run in.
// Objects are kept in .build/c/, where node-gyp does not clean them away, and built again when stale.
// Paths are relative to the repository, which must be the working directory.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import {
  C_STANDARD,
  C_WARNINGS,
  FLAVOURS,
  INCLUDES,
  WARNINGS,
  coreSources,
  filesUnder,
} from './recipe.mjs';

const COMMON = [C_STANDARD, '-pthread', ...INCLUDES.map((folder) => `-I${folder}`), '-Itest/c'];
const SANITIZER_ENV = {
  ASAN_OPTIONS: 'detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1',
};

/** Runs a program; resolves to its exit code and everything it printed, which `onOutput` sees at once. */
export function run(command, args, { timeout = 0, env = {}, onOutput = () => {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { timeout, env: { ...process.env, ...env } });
    let output = '';
    const collect = (text) => {
      output += text;
      onOutput(text);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.on('error', (error) => resolve({ code: 1, output: `${error.message}\n` }));
    child.on('close', (code, signal) => {
      if (signal) output += `ended by ${signal}\n`;
      resolve({ code: code ?? 1, output });
    });
  });
}

/** Does `work` on all items, as many at once as there are cores. */
export async function inParallel(items, work) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

function isOlder(file, than) {
  return (
    !existsSync(file) || than.some((input) => statSync(input).mtimeMs > statSync(file).mtimeMs)
  );
}

/** One flavour of everything: compiler, flags, and a folder of its own. */
export class Build {
  /** Compiler warnings so far, of all builds. */
  static warnings = 0;

  /**
   * How programs of this flavour run here: a command to put before them, usually empty. Undefined
   * when they do not run at all, as with a C library that has no sanitizers.
   */
  launcher;

  #flavour;
  #cc;
  #flags;
  #folder;

  constructor(flavour, { cc = process.env.CC || 'cc', werror = false } = {}) {
    this.#flavour = flavour;
    this.#cc = cc;
    const warnings = [...WARNINGS, ...C_WARNINGS, ...(werror ? ['-Werror'] : [])];
    this.#flags = [...COMMON, ...warnings, ...FLAVOURS[flavour]];
    this.#folder = join('.build/c', flavour);
    mkdirSync(this.#folder, { recursive: true });
    this.launcher = this.#findLauncher();
  }

  #findLauncher() {
    const [source, program] = ['probe.c', 'probe'].map((name) => join(this.#folder, name));
    writeFileSync(source, 'int main(void) { return 0; }\n');
    const built = spawnSync(this.#cc, [...FLAVOURS[this.#flavour], '-o', program, source]);
    if (built.status !== 0) return undefined;
    // Older thread sanitizers fail where the kernel randomises addresses over too wide a range.
    const launchers = [[], ['setarch', '-R']];
    return launchers.find((launcher) => {
      const [command, ...args] = [...launcher, program];
      return spawnSync(command, args).status === 0;
    });
  }

  async #compile(args) {
    const { code, output } = await run(this.#cc, [...this.#flags, ...args]);
    process.stderr.write(output);
    Build.warnings += (output.match(/ warning: /g) ?? []).length;
    if (code !== 0) throw new Error(`${this.#cc} failed: ${args.at(-1)}`);
  }

  #pathOf(source, ending) {
    const path = join(this.#folder, source.replace(/\.c$/, ending));
    mkdirSync(dirname(path), { recursive: true });
    return path;
  }

  /** Compiles what is stale and returns the objects of the core. */
  async core() {
    // Other flags or another compiler make every object stale, as any newer header does.
    const stamp = join(this.#folder, 'flags');
    const wanted = [this.#cc, ...this.#flags].join(' ');
    if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) writeFileSync(stamp, wanted);

    const headers = [...filesUnder('csrc'), ...filesUnder('test/c')].filter((f) => /\.h$/.test(f));
    const objects = coreSources().map((source) => [source, this.#pathOf(source, '.o')]);
    await inParallel(objects, async ([source, object]) => {
      if (!isOlder(object, [source, stamp, ...headers])) return;
      await this.#compile(['-c', '-o', object, source]);
    });
    return objects.map(([, object]) => object);
  }

  /** Links sources, the first of which names the program, with the core; returns its path. */
  async program(sources, objects, extra = []) {
    const folders = ['test/c', 'bench/c'].flatMap((folder) => filesUnder(folder));
    const headers = folders.filter((file) => file.endsWith('.h'));
    const program = this.#pathOf(sources[0], '');
    if (isOlder(program, [...sources, ...headers, ...objects])) {
      await this.#compile([...extra, '-o', program, ...sources, ...objects, '-lm']);
    }
    return program;
  }

  /** Runs a program of this flavour. */
  run(program, args, options = {}) {
    const [command, ...rest] = [...this.launcher, program, ...args];
    return run(command, rest, { ...options, env: { ...SANITIZER_ENV, ...options.env } });
  }
}
