/**
 * Exit dump: prints statistics to stderr when the process ends, if HAKMEM_TINY_HEAP_STATS_DUMP,
 * HAKMEM_SS_STATS_DUMP or HAKMEM_SS_OS_STATS ask for it; and warns once about switches whose value
 * means nothing.
 */
import { isMainThread } from 'node:worker_threads';
import { formatHeapStats } from './format';
import { native } from './native';
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

/** Called once when the package is loaded. */
export function installProcessHooks(): void {
  if (!isMainThread) return;
  for (const name of native.tables.optionWarnings) {
    const message = `${name}=${process.env[name] ?? ''} means nothing; the default is used`;
    process.emitWarning(message, { code: 'HAKMEM_BAD_OPTION' });
  }
  const wanted = LINES_BY_SWITCH.filter(([name]) => isOn(name)).map(([, test]) => test);
  if (wanted.length > 0) process.once('exit', () => dump(wanted));
}
