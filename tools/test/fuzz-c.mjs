// Fuzzes the core with sequences of operations: test/c/fuzz.c with clang's libFuzzer and its address and
// undefined behaviour sanitizers.
//
//   npm run test:c -- --fuzz [SECONDS] [libFuzzer options, or files to play again]
//
// Inputs that led somewhere new are kept in .build/fuzz/corpus, from which the next run goes on; an input
// that fails is written to .build/fuzz/. Says so and does nothing where there is no clang with libFuzzer.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Build } from '../build/c.mjs';

const CLANG = process.env.CLANG || 'clang';
const FOLDER = '.build/fuzz';
const CORPUS = `${FOLDER}/corpus`;
const DEFAULT_SECONDS = '60';
const INPUT_BYTES_MAX = 4096;

function hasLibFuzzer() {
  const source = 'int LLVMFuzzerTestOneInput(const char *b, unsigned long n) { return !b && n; }';
  const probe = spawnSync(
    CLANG,
    ['-fsanitize=fuzzer,address', '-x', 'c', '-o', `${FOLDER}/probe`, '-'],
    { input: source },
  );
  return probe.status === 0;
}

/** The last figures of a kind in what libFuzzer printed. */
function lastOf(output, pattern) {
  return [...output.matchAll(pattern)].at(-1)?.[1] ?? '?';
}

/** Shows progress, without the lines for every input kept. */
function printer() {
  let begun = '';
  return (text) => {
    const lines = (begun + text).split('\n');
    begun = lines.pop();
    const shown = lines.filter((line) => !/^#\d+\s+(NEW|REDUCE|RELOAD)|NEW_FUNC/.test(line));
    for (const line of shown) console.log(line);
  };
}

async function main() {
  mkdirSync(CORPUS, { recursive: true });
  if (!hasLibFuzzer()) {
    console.log(`no ${CLANG} with libFuzzer (Debian: clang and libclang-rt-*-dev): not fuzzed`);
    return 0;
  }
  const [first = DEFAULT_SECONDS, ...rest] = process.argv.slice(2);
  const isFile = existsSync(first);
  const build = new Build('fuzz', { cc: CLANG });
  const program = await build.program(['test/c/fuzz.c'], await build.core(), ['-fsanitize=fuzzer']);
  const settings = isFile
    ? [first, ...rest]
    : [
        `-max_total_time=${first}`,
        `-max_len=${INPUT_BYTES_MAX}`,
        `-artifact_prefix=${FOLDER}/`,
        '-len_control=0',
        '-print_final_stats=1',
        ...rest,
        CORPUS,
      ];
  const { code, output } = await build.run(program, settings, { onOutput: printer() });
  if (isFile) return code;
  const executions = lastOf(output, /stat::number_of_executed_units:\s+(\d+)/g);
  const [edges, features] = [/ cov: (\d+)/g, / ft: (\d+)/g].map((p) => lastOf(output, p));
  const kept = readdirSync(CORPUS).length;
  console.log(
    `${executions} executions, ${edges} edges, ${features} features, ${kept} inputs kept`,
  );
  return code;
}

process.chdir(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
process.exitCode = await main().catch((error) => {
  console.error(error.message);
  return 1;
});
