/**
 * A second line behind the keeper, for those who kill both (`pkill -9 fd-router`): the kernel sends SIGTERM to a server when its launcher dies.
 * util-linux's setpriv sets that up and then becomes the server, so pid and name stay right. It costs 8 ms a start; doing the same in our own
 * binary over bun:ffi cost 10 to 21 ms and left signals ignored. It reaches the server's main process only, the keeper reaches the whole tree.
 */

/** Words in front of a server's command; none where the tool or its option is missing. */
export function parentDeathTie(): readonly string[] {
  const tool = Bun.which("setpriv");
  if (tool === null) return [];
  const words = [tool, "--pdeathsig", "TERM", "--"];
  const probe = Bun.spawnSync([...words, "true"], { stdout: "ignore", stderr: "ignore" });
  return probe.success ? words : [];
}
