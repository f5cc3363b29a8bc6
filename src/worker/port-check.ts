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
