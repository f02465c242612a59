/**
 * Finding: one line of what `doctor` reports.
 */
export interface Finding {
  readonly name: string;
  readonly value: string;
  /** What is wrong and what to do; undefined: nothing. Always there, so that nothing is inherited. */
  readonly problem: string | undefined;
}

export function good(name: string, value: string): Finding {
  return { name, value, problem: undefined };
}
