/**
 * Hand on: what this thread has adopted goes to a third one, as a copy in memory of an arena of this thread. The
 * lender's memory goes back at once, so that nobody's end has to wait for two others.
 */
import { ensureWholeStack } from '../base/stack';
import { HakmemError } from '../errors';
import type { Front } from '../front/front';
import { releaseWithRoom } from '../letters/adopted';
import type { Ticket } from '../letters/ticket';
import { bytesOf, isGone, lengthOf, setBytes } from '../view/kinds';
import { ARENA, type View } from '../view/view';

/** The ticket of a copy. The adopted Buffer is released; what throws has changed nothing. */
export function handOn(front: Front, adopted: View): Ticket {
  // The release must not fail when the ticket is out.
  ensureWholeStack();
  if (isGone(adopted)) throw new HakmemError('ERR_HAKMEM_STALE_VIEW');
  const bytes = bytesOf(adopted);
  const copy = front.alloc(lengthOf(bytes), ARENA);
  setBytes(copy, bytes);
  const ticket = lendCopy(front, copy);
  releaseWithRoom(adopted);
  return ticket;
}

function lendCopy(front: Front, copy: View): Ticket {
  try {
    return front.lend(copy);
  } catch (error) {
    front.takeBack(copy);
    throw error;
  }
}
