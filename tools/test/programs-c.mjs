// Plays the programs of bench/c on the core as tests: a build in which a program fills every block, reads
// it whole before it frees it, fails when a free is refused, and counts the books again at its end.

import { CASES } from '../../bench/c/cases.mjs';
import { filesUnder } from '../build/recipe.mjs';

const SOURCES = filesUnder('bench/c').filter(
  (file) => file.endsWith('.c') && !/allocator_(malloc|mimalloc_heap)\.c$/.test(file),
);
const MAIN = 'bench/c/main.c';
const ONE_PROGRAM = [MAIN, ...SOURCES.filter((file) => file !== MAIN)];
const FLAGS = ['-DALLOCATOR=1', '-DCHECKED=1'];

/** Cases to play in a flavour: ThreadSanitizer has nothing to say of those without threads. */
const playedIn = (flavour) => CASES.filter(({ threads }) => threads || flavour !== 'tsan');

/** Plays the quick run of every case; returns how many passed and failed. */
export async function testPrograms(flavour, build, objects, { test, verbose, timeout }) {
  const program = await build.program(ONE_PROGRAM, objects, FLAGS);
  const total = { passed: 0, failed: 0 };
  for (const { name, quick } of playedIn(flavour).filter((one) => one.name.includes(test))) {
    const { code, output } = await build.run(program, quick.map(String), { timeout });
    code === 0 ? total.passed++ : total.failed++;
    if (verbose || code !== 0) console.log(`${code === 0 ? 'ok' : 'FAIL'} ${name}\n${output}`);
  }
  return total;
}
