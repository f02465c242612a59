#!/usr/bin/env node
/**
 * Command line: `npx hakmem-arena <command>`.
 *
 * Commands are loaded when they are called, so that `doctor` works where the addon does not load.
 */
import { printableLines } from '../base/printable';
import { VERSION } from '../base/version';
import { UsageError } from './usage';

const HELP = `hakmem-arena: Buffers from explicit memory arenas

  npx hakmem-arena demo [--port N] [--seconds N]      arenas at work, with the live monitor
  npx hakmem-arena bench [--quick]                    allocation here, against Buffer.allocUnsafe
  npx hakmem-arena top [--url URL] [--interval S] [--count N]
                                                      watch a service that runs the monitor
  npx hakmem-arena stats [--url URL]                  its statistics, once, as a table
  npx hakmem-arena learn [--url URL | --file FILE] [--arena NAME] [--classes N] [--by live|allocs] [--compare built-in|64,512,...]
                                                      size classes that would waste least there
  npx hakmem-arena doctor [--verify]                  is everything in order on this machine?
                                                      --verify: and are the binaries the published ones?
  npx hakmem-arena build [--force]                    compile a binary, if there is none that loads
  npx hakmem-arena --help | --version
`;

type Command = (args: string[]) => Promise<number>;

/** Name to module; each resolves to the exit code. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import('./demo.js')).demo,
  bench: async () => (await import('./bench.js')).bench,
  top: async () => (await import('./top.js')).top,
  stats: async () => (await import('./stats.js')).stats,
  learn: async () => (await import('./learn.js')).learn,
  doctor: async () => (await import('./doctor.js')).doctor,
  build: async () => (await import('./build.js')).build,
};

async function run(args: readonly string[]): Promise<number> {
  const [name = '--help', ...rest] = args;
  if (name === '--version') {
    console.log(VERSION);
    return 0;
  }
  if (name === '--help' || name === '-h' || rest.includes('--help')) {
    console.log(HELP);
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`there is no command "${name}"`);
  const command = await COMMANDS[name]!();
  return command(rest);
}

/** parseArgs and this program itself complain about the command line; everything else is a failure. */
function isUsage(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return error instanceof UsageError || String(code).startsWith('ERR_PARSE_ARGS');
}

run(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`hakmem-arena: ${printableLines(message)}`);
    if (isUsage(error)) console.error('See `npx hakmem-arena --help`.');
    process.exitCode = isUsage(error) ? 2 : 1;
  },
);
