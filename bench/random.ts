/** xorshift32 with shifts 13, 17, 5: the next of the numbers that bench/c plays with too. */
export function nextRandom(state: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

export const SEED = 1234567;

/** The numbers from `min` to `max`, each once, in an order that is the same every time. */
export function shuffled(min: number, max: number): number[] {
  const numbers = Array.from({ length: max - min + 1 }, (_, i) => min + i);
  let random = SEED;
  for (let i = numbers.length - 1; i > 0; i--) {
    random = nextRandom(random);
    const j = random % (i + 1);
    [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!];
  }
  return numbers;
}
