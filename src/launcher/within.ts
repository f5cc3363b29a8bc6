/** Waits for a promise, but not for ever, and leaves no timer behind that would keep the process alive. */
export async function within(promise: Promise<unknown>, limitMs: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, limitMs);
  await Promise.race([promise, late.promise]);
  clearTimeout(timer);
}
