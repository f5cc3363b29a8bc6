/** The name that a person probably meant: for "did you mean" after a wrong flag, key or value. */

/** The nearest of `names`, or null when none is near. Case and the choice of `-` or `_` count for nothing. */
export function nearest(wrong: string, names: Iterable<string>): string | null {
  const plainWrong = plain(wrong);
  let best: string | null = null;
  let bestDistance = Math.floor(plainWrong.length / 3) + 1;
  for (const name of names) {
    const distance = editDistance(plainWrong, plain(name));
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** `; did you mean "x"?`, or nothing when no name is near. */
export function suggest(wrong: string, names: Iterable<string>): string {
  const name = nearest(wrong, names);
  return name === null ? "" : `; did you mean "${name}"?`;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(replaced, at(last, j) + 1, at(row, j - 1) + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) distance = Math.min(distance, at(beforeLast, j - 2) + 1);
      row.push(distance);
    }
    [beforeLast, last] = [last, row];
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}
