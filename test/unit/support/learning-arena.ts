/**
 * Learning arena: an arena whose learner has no clock of its own, and does what a test tells it.
 */
import { jest } from '@jest/globals';
import { Arena, type ArenaOptions } from '../../../lib/index';
import * as learning from '../../../lib/arena/learning';

export interface LearningArena {
  readonly arena: Arena;
  /** What its learner sees of it, and has for it. */
  readonly learnable: learning.Learnable;
}

export function learningArena(options: ArenaOptions = {}): LearningArena {
  let learnable: learning.Learnable | undefined;
  const spy = jest.spyOn(learning, 'startLearning').mockImplementation((target) => {
    learnable = target;
  });
  const arena = new Arena({ ...options, learn: 'learn' });
  spy.mockRestore();
  return { arena, learnable: learnable! };
}
