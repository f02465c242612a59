// Ends a run that stands still, and tells all that went wrong when one failed.

/** Barks when nobody has said anything for too long. */
export class Watchdog {
  readonly alarm: Promise<never>;
  readonly #timer: NodeJS.Timeout;

  constructor(timeoutMs: number) {
    let bark: (error: Error) => void = () => undefined;
    this.alarm = new Promise((_, reject) => (bark = reject));
    this.alarm.catch(() => undefined);
    this.#timer = setTimeout(
      () => bark(new Error(`no progress for ${timeoutMs / 1000} s: given up`)),
      timeoutMs,
    );
  }

  calm(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

const RELATED_WITHIN_MS = 300;

/** @returns `first`, or an error with a line for each of the failures that follow at once. */
export async function withRelatedFailures(
  first: Error,
  failures: readonly Promise<never>[],
): Promise<Error> {
  const messages = new Set([first.message]);
  for (const failure of failures)
    failure.catch((error: unknown) => messages.add((error as Error).message));
  await new Promise((resolve) => setTimeout(resolve, RELATED_WITHIN_MS));
  return new Error([...messages].join('\n'), { cause: first });
}
