/**
 * Give up: the way back for a view that nobody has seen.
 */
import type { Front } from '../front/front';
import type { View } from '../view/view';

/** Frees a view that nobody has seen. */
export function giveUp(front: Front, view: View): void {
  if (front.owns(view)) front.takeBack(view);
}
