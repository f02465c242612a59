/**
 * Watcher: the calls of an arena that tell what is live.
 */
import type { LiveBlock } from '../types';
import type { View } from '../view/view';

/**
 * What knows its live allocations: an {@link Arena} with the option `leaks`.
 *
 * @example
 * const oldest = (memory: Watcher): number | undefined => memory.liveBlocks()[0]?.ageMs;
 */
export interface Watcher {
  /**
   * The live allocations that the arena watches, oldest first: all, a sample, or none, as its option
   * `leaks` says.
   *
   * @example
   * const oldest = arena.liveBlocks()[0];
   * if (oldest !== undefined) console.log(oldest.ageMs, oldest.size, oldest.stack);
   */
  liveBlocks(): LiveBlock[];

  /**
   * Names an allocation in reports and in {@link Arena.liveBlocks}. Without `leaks` it does nothing.
   *
   * @param view - a live view of this arena.
   * @param tag - what it is for.
   * @returns the same view.
   * @throws {ERR_INVALID_ARG_TYPE} `tag` is not a string.
   * @throws as {@link Arena.free} otherwise.
   * @example
   * const body = arena.tag(arena.allocUnsafe(4096), 'request body');
   */
  tag<V extends View>(view: V, tag: string): V;
}
