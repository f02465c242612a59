/**
 * Depths: what happens to a call that begins where the stack is almost full.
 */

/** Calls `attempt` again and again, each time with a little more stack, until it returns. How often it threw. */
export function atTheEndOfTheStack(attempt: () => unknown): number {
  let failures = 0;
  let isDone = false;
  const descend = (): void => {
    try {
      descend();
    } catch (error) {
      if (!(error instanceof RangeError) && (error as Error).name !== 'RangeError') throw error;
    }
    if (isDone) return;
    try {
      attempt();
      isDone = true;
    } catch (error) {
      if ((error as Error).name !== 'RangeError' || 'code' in (error as Error)) throw error;
      failures++;
    }
  };
  descend();
  return failures;
}
