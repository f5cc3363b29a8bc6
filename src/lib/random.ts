/** Seeded random numbers (sfc32, public domain, C. Doty-Humphrey), so that every choice can be replayed. */

/** A source of numbers in [0, 1). */
export type Random = () => number;

export function createRandom(seed: number): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** An integer in [0, bound). `bound` is a positive integer. */
export function randomIndex(random: Random, bound: number): number {
  return Math.floor(random() * bound);
}
