/**
 * Bandit: UCB1 (Auer, Cesa-Bianchi and Fischer, "Finite-time Analysis of the Multiarmed Bandit Problem", 2002). Each
 * choice is played once, then the one whose mean reward and uncertainty add up to most.
 */

export class Bandit {
  readonly #plays: number[];
  readonly #sums: number[];
  /** The least cost seen: rewards are shares of it. */
  #least = Infinity;
  readonly #dropped = new Set<number>();
  #at = 0;

  constructor(choices: number) {
    this.#plays = new Array<number>(choices).fill(0);
    this.#sums = new Array<number>(choices).fill(0);
  }

  /** The choice that is being played. */
  get choice(): number {
    return this.#at;
  }

  /** Plays of each choice. */
  get plays(): readonly number[] {
    return this.#plays;
  }

  /** Counts what the choice cost, more than 0, and goes on to the next one. */
  observe(cost: number): void {
    if (cost < this.#least) {
      // Rewards so far were shares of a higher cost.
      const scale = this.#least === Infinity ? 0 : cost / this.#least;
      this.#sums.forEach((sum, i) => (this.#sums[i] = sum * scale));
      this.#least = cost;
    }
    this.#plays[this.#at]!++;
    this.#sums[this.#at]! += this.#least / cost;
    this.#at = this.#next();
  }

  /** Never plays a choice again, unless it is the first. */
  drop(choice: number): void {
    if (choice > 0) this.#dropped.add(choice);
    this.#at = this.#next();
  }

  /** The choice with the highest mean reward. */
  get best(): number {
    const means = this.#sums.map((sum, i) => (this.#dropped.has(i) ? -1 : sum / this.#plays[i]!));
    return means.indexOf(Math.max(...means.filter((mean) => !Number.isNaN(mean))));
  }

  #next(): number {
    const unplayed = this.#plays.findIndex((plays, i) => plays === 0 && !this.#dropped.has(i));
    if (unplayed >= 0) return unplayed;
    const total = this.#plays.reduce((a, b) => a + b, 0);
    const scores = this.#plays.map((plays, i) =>
      this.#dropped.has(i)
        ? -Infinity
        : this.#sums[i]! / plays + Math.sqrt((2 * Math.log(total)) / plays),
    );
    return scores.indexOf(Math.max(...scores));
  }
}
