/** Waits for something that real sockets bring about; fails loudly instead of hanging. */
export async function until(condition: () => boolean, what = "condition", limitMs = 3000): Promise<void> {
  const endAt = performance.now() + limitMs;
  while (performance.now() < endAt) {
    if (condition()) return;
    await Bun.sleep(2);
  }
  throw new Error(`${what} did not come true within ${limitMs} ms`);
}
