/** Usage: complaints about the command line, and numbers on it. */

/** The command line makes no sense: exit code 2. */
export class UsageError extends Error {}

/** The number given for an option; `fallback` when it was not given. */
export function numberOption(
  name: string,
  text: string | undefined,
  fallback: number,
  range: readonly [min: number, max: number],
): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  const [min, max] = range;
  if (text.trim() === '' || !(value >= min && value <= max)) {
    throw new UsageError(`--${name} is a number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}
