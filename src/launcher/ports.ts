/** Finds free ports and checks the user's, and holds them until the servers start: the less time between, the fewer surprises. */
import type { PortClaim } from "./fleet-plan.ts";

export interface HeldPorts {
  readonly ports: readonly number[];
  /** Lets go of all; a second call has no effect. */
  release(): void;
}

/** Any `count` free ports. */
export function holdFreePorts(count: number): HeldPorts {
  const listeners = Array.from({ length: count }, () => listen(0));
  return held(listeners);
}

/** The claimed ports, or the first of them that somebody else has. */
export function holdClaims(claims: readonly PortClaim[]): HeldPorts | { readonly busy: PortClaim } {
  const listeners: Listener[] = [];
  for (const claim of claims) {
    try {
      listeners.push(listen(claim.port));
    } catch {
      held(listeners).release();
      return { busy: claim };
    }
  }
  return held(listeners);
}

type Listener = ReturnType<typeof listen>;

function listen(port: number): { readonly port: number; stop(closeAll: boolean): void } {
  return Bun.listen({ hostname: "0.0.0.0", port, socket: { open: (socket) => socket.terminate(), data: () => {} } });
}

function held(listeners: readonly Listener[]): HeldPorts {
  return {
    ports: listeners.map((listener) => listener.port),
    release: () => listeners.forEach((listener) => listener.stop(true)),
  };
}
