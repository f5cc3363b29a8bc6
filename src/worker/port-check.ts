/** Whether a port can be listened on, and why not in words. Used by commands/serve.ts and pool.ts. */

/**
 * Whether somebody listens on the port. Worker threads share it with SO_REUSEPORT, and the kernel would let another process of the same
 * user share it too: two routers would each get half of the traffic without a word.
 */
export function isPortTaken(hostname: string, port: number): boolean {
  if (port === 0) return false;
  try {
    const probe = Bun.listen({
      hostname: hostname === "" ? "0.0.0.0" : hostname,
      port,
      socket: { data: () => undefined },
    });
    probe.stop(true);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  }
}

/** `EINVAL` is what an unknown name comes to. */
const HOST_CODES = /\b(EINVAL|EADDRNOTAVAIL|ENOTFOUND)\b/;

/** Of Bun's error, whose text names neither host nor port. */
export function listenProblem(hostname: string, port: number, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  const problem = `cannot listen on ${hostname}:${port}: ${reason}`;
  if (hostname === "" || !HOST_CODES.test(reason)) return problem;
  const wanted = "an address or name of this machine, or an empty text for all interfaces";
  return `${problem}; server.host is ${JSON.stringify(hostname)}, wanted ${wanted}`;
}
