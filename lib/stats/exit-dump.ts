/**
 * Exit dump: prints statistics to stderr when the process ends, if a HAKMEM_*_STATS_DUMP asks for it; and warns
 * once about switches whose value means nothing.
 */
import { formatHeapStats } from './format';
import { BACKEND_VARIABLE, isBackendWrong } from '../native/backend-choice';
import { backend, native } from '../native/native';
import { profileRemark } from '../native/profiles';
import { printable } from '../base/printable';
import type { StatsLine } from './lines';
import { heapStats } from './stats';

const LINES_BY_SWITCH: readonly (readonly [string, StatsLine])[] = [
  ['HAKMEM_TINY_HEAP_STATS_DUMP', 'HEAP_STATS'],
  ['HAKMEM_TINY_STATS_DUMP', 'TINY_STATS'],
  ['HAKMEM_TINY_C7_PAGE_STATS_DUMP', 'C7_PAGE_STATS'],
  ['HAKMEM_WARM_STATS_DUMP', 'WARM'],
  ['HAKMEM_SS_STATS_DUMP', 'SS_STATS'],
  ['HAKMEM_MEM_STATS_DUMP', 'MEM_STATS'],
  ['HAKMEM_CACHE_STATS_DUMP', 'CACHE_STATS'],
  ['HAKMEM_LOCK_STATS_DUMP', 'LOCK_STATS'],
  ['HAKMEM_FRONT_STATS_DUMP', 'FRONT'],
  ['HAKMEM_DECAY_STATS_DUMP', 'DECAY'],
  ['HAKMEM_POLICY_STATS_DUMP', 'POLICY'],
  ['HAKMEM_SS_OS_STATS', 'SS_OS_STATS'],
  ['HAKMEM_SS_OS_STATS_DUMP', 'SS_OS_STATS'],
];

function isOn(name: string): boolean {
  return native.tables.options.some((option) => option.name === name && option.value !== 0);
}

function dump(lines: readonly StatsLine[]): void {
  if (native.isBroken?.() === true) return;
  process.stderr.write(`${formatHeapStats(heapStats(), { lines })}\n`);
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
  const wanted = LINES_BY_SWITCH.filter(([name]) => isOn(name)).map(([, line]) => line);
  const remark = profileRemark();
  const wrong = isBackendWrong() ? [...optionWarnings, BACKEND_VARIABLE] : optionWarnings;
  const hasNothingToSay = wrong.length === 0 && remark === undefined && !backend.isFallback;
  if ((hasNothingToSay && wanted.length === 0) || !isMainThread()) return;
  if (backend.isFallback) {
    const message =
      `Arenas run on WebAssembly, not on the native addon: ${backend.reason}. ` +
      `${BACKEND_VARIABLE}=wasm says that it may be so`;
    process.emitWarning(message, 'Warning', 'HAKMEM_WASM_BACKEND');
  }
  if (remark !== undefined) process.emitWarning(remark, 'Warning', 'HAKMEM_PROFILE');
  for (const name of wrong) {
    const value = printable(process.env[name] ?? '');
    const message = `${name}=${value} means nothing; the default is used`;
    process.emitWarning(message, 'Warning', 'HAKMEM_BAD_OPTION');
  }
  if (wanted.length > 0) process.once('exit', () => dump(wanted));
}
