// The progress line: rewritten in place on a terminal, silent everywhere else.

const BAR_CELLS = 24;

export class ProgressLine {
  readonly #shown: boolean;
  readonly #total: number;
  #label = '';
  #began = 0;

  /** @param total frames of one run. */
  constructor(shown: boolean, total: number) {
    this.#shown = shown;
    this.#total = total;
  }

  begin(label: string): void {
    this.#label = label;
    this.#began = 0;
    this.#write('preparing');
  }

  update(frames: number): void {
    if (this.#began === 0) this.#began = performance.now();
    const share = frames / this.#total;
    const bar = '#'.repeat(Math.round(share * BAR_CELLS)).padEnd(BAR_CELLS, '.');
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
    this.#write(`[${bar}] ${(share * 100).toFixed(0).padStart(3)} %  ${seconds} s`);
  }

  /** Wipes the line, so that what is printed next begins in the first column. */
  clear(): void {
    if (this.#shown) process.stdout.write('\r\x1b[K');
  }

  #write(text: string): void {
    if (this.#shown) process.stdout.write(`\r\x1b[K${this.#label.padEnd(18)} ${text}`);
  }
}
