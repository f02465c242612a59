/** Finding: one line of what `doctor` reports. */
export interface Finding {
  readonly name: string;
  readonly value: string;
  /** What is wrong and what to do; undefined: nothing. */
  readonly problem?: string;
}
