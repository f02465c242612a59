// Main's end of the channel to a child process.

import { fork, type ChildProcess } from 'node:child_process';
import { basename } from 'node:path';
import { Mailbox, type OfType, type Typed } from './mailbox';
import type { Failed } from './messages';

/** A last message may still be on its way when the exit is already known. */
const LAST_WORDS_MS = 100;

const living = new Set<ChildProcess>();

/** At once and without asking; for signals and for the end of main. */
export function killAllChildren(): void {
  for (const child of living) child.kill('SIGKILL');
}

export class Child<In extends Typed, Out extends Typed | Failed> {
  /** Rejects when the child fails, or ends before `ended` was called. */
  readonly failure: Promise<never>;
  /** Called with every message. */
  onMessage: ((message: Out) => void) | undefined;

  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #inbox = new Mailbox<Out>();
  readonly #exit: Promise<string | undefined>;
  #mayEnd = false;

  /** Starts a child. @param file its code, a path with or without `.js`. */
  constructor(file: string) {
    this.#name = basename(file, '.js');
    this.#process = fork(file);
    living.add(this.#process);
    this.#exit = this.#watchExit();
    this.failure = this.#watchFailure();
    this.failure.catch(() => undefined); // whoever is interested has a catch of its own
  }

  send(message: In): void {
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  next<T extends Out['type']>(type: T): Promise<OfType<Out, T>> {
    return this.#inbox.next(type);
  }

  /** The child has said its last word and is to end by itself, cleanly. */
  async ended(): Promise<void> {
    this.#mayEnd = true;
    const problem = await this.#exit;
    if (problem !== undefined) throw new Error(`${this.#name}: ended badly (${problem})`);
  }

  kill(): void {
    this.#mayEnd = true;
    this.#process.kill('SIGKILL');
  }

  /** @returns a promise of what is wrong with the way it ended; undefined: nothing. */
  #watchExit(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#process.once('error', (error) => resolve(error.message));
      this.#process.once('exit', (code, signal) => {
        living.delete(this.#process);
        resolve(code === 0 ? undefined : (signal ?? `exit code ${String(code)}`));
      });
    });
  }

  #watchFailure(): Promise<never> {
    return new Promise((_, reject) => {
      this.#process.on('message', (message) => {
        const known = message as Out;
        if (known.type === 'failed') {
          reject(new Error(`${this.#name}: ${(known as Failed).message}`));
          return;
        }
        this.#inbox.put(known);
        this.onMessage?.(known);
      });
      void this.#exit.then((problem) => {
        if (this.#mayEnd) return;
        const text = `${this.#name}: ended early (${problem ?? 'exit code 0'})`;
        setTimeout(() => reject(new Error(text)), LAST_WORDS_MS);
      });
    });
  }
}
