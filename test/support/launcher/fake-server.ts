/**
 * A tiny stand-in for a model server: /health and /metrics on one port, and misbehaviour on request. Started by the launcher's tests.
 * bun fake-server.ts PORT [--load-ms N] [--crash-after-ms N] [--exit-now CODE] [--ignore-term] [--child] [--own-session] [--hang-after-ms N]
 */
const [port, ...flags] = process.argv.slice(2);
const has = (flag: string): boolean => flags.includes(flag);
const number = (flag: string): number | undefined => (has(flag) ? Number(flags[flags.indexOf(flag) + 1]) : undefined);
const after = (ms: number | undefined, action: () => void): void => void (ms !== undefined && setTimeout(action, ms));

const exitNow = number("--exit-now");
if (exitNow !== undefined) process.exit(exitNow);

console.log(`pid ${process.pid} port ${port}`);
console.error("to standard error");

if (has("--child")) {
  const child = Bun.spawn(["sleep", "60"], { detached: has("--own-session"), stdin: "ignore", stdout: "ignore" });
  console.log(`child ${child.pid}`);
}

process.on("SIGTERM", () => {
  console.log("SIGTERM");
  if (!has("--ignore-term")) process.exit(0);
});

let hangs = false;
after(number("--hang-after-ms"), () => (hangs = true));
after(number("--crash-after-ms"), () => process.exit(3));
after(number("--load-ms") ?? 0, () => {
  Bun.serve({
    port: Number(port),
    hostname: "127.0.0.1",
    development: false,
    fetch: (request) => {
      if (hangs) return new Promise<Response>(() => {});
      if (new URL(request.url).pathname === "/health") return new Response("");
      return new Response("fastdeploy:num_requests_running 2.0\nfastdeploy:num_requests_waiting 1.0\n");
    },
  });
});
