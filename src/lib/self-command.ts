/**
 * How to start this very program again: `[binary]` when compiled, `[bun, main.ts]` from source.
 * Used by the demo and the launcher to start routers and mock engines, and by tests.
 */
export function selfCommand(): string[] {
  const compiled = import.meta.url.includes("/$bunfs/");
  return compiled ? [process.execPath] : [process.execPath, new URL("../main.ts", import.meta.url).pathname];
}
