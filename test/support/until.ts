/** Waits for what real processes and sockets bring about by themselves: looks often, and fails loudly instead of hanging. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 5000,
  explain: () => string = () => "",
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms\n${explain()}`);
    await Bun.sleep(5);
  }
}
