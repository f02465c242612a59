/**
 * Exit dump: prints statistics to stderr when the process ends, if HAKMEM_TINY_HEAP_STATS_DUMP,
 * HAKMEM_SS_STATS_DUMP or HAKMEM_SS_OS_STATS ask for it; and warns once about switches whose value
 * means nothing.
 */
import { formatHeapStats } from './format';
import { BACKEND_VARIABLE, isBackendWrong } from '../native/backend-choice';
import { backend, native } from '../native/native';
import { printable } from '../base/printable';
import { heapStats } from './stats';

const LINES_BY_SWITCH: readonly (readonly [string, (line: string) => boolean])[] = [
  ['HAKMEM_TINY_HEAP_STATS_DUMP', (line) => line.includes('HEAP_STATS[')],
  ['HAKMEM_SS_STATS_DUMP', (line) => line.includes('[SS_STATS]')],
  ['HAKMEM_SS_OS_STATS', (line) => line.includes('[SS_OS_STATS]')],
];

function isOn(name: string): boolean {
  return native.tables.options.some((option) => option.name === name && option.value !== 0);
}

function dump(wanted: readonly ((line: string) => boolean)[]): void {
  const lines = formatHeapStats(heapStats()).split('\n');
  for (const line of lines) {
    if (wanted.some((test) => test(line))) process.stderr.write(`${line}\n`);
  }
}

/** Loaded only when there is something to print: most processes never need it. */
function isMainThread(): boolean {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const threads = require('node:worker_threads') as { isMainThread: boolean };
  return threads.isMainThread;
}

/** Called once when the package is loaded; the main thread speaks for the process. */
export function installProcessHooks(): void {
  const { optionWarnings } = native.tables;
  const wanted = LINES_BY_SWITCH.filter(([name]) => isOn(name)).map(([, test]) => test);
  const wrong = isBackendWrong() ? [...optionWarnings, BACKEND_VARIABLE] : optionWarnings;
  const isQuiet = wrong.length === 0 && wanted.length === 0 && !backend.isFallback;
  if (isQuiet || !isMainThread()) return;
  if (backend.isFallback) {
    const message =
      `Arenas run on WebAssembly, not on the native addon: ${backend.reason}. ` +
      `${BACKEND_VARIABLE}=wasm says that it may be so`;
    process.emitWarning(message, 'Warning', 'HAKMEM_WASM_BACKEND');
  }
  for (const name of wrong) {
    const value = printable(process.env[name] ?? '');
    const message = `${name}=${value} means nothing; the default is used`;
    process.emitWarning(message, 'Warning', 'HAKMEM_BAD_OPTION');
  }
  if (wanted.length > 0) process.once('exit', () => dump(wanted));
}
