/** Backend info: a type of its own file, which the monitor's page can import, too. */

/**
 * What does the bookkeeping of arenas, and why: the native addon, or the same core as WebAssembly, where the addon cannot be
 * loaded. The environment variable `HAKMEM_BACKEND` (`native` or `wasm`) forces one.
 *
 * @example
 * const { name, reason }: BackendInfo = heapStats().backend;
 * if (name === 'wasm') logger.warn(reason);
 */
export interface BackendInfo {
  /** 'native': the addon; 'wasm': WebAssembly. */
  readonly name: 'native' | 'wasm';
  /** Why it is this one: a sentence without its full stop. */
  readonly reason: string;
}
