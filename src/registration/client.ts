/**
 * The reference client of the registration protocol: used by the launcher and by the mock engine.
 * One client is one connection, which may carry many instances; it reconnects and registers them again by itself.
 */
import { createRandom, type Random } from "../lib/random.ts";
import { type RegisteredInstance, Registration, type RegistrationEvent } from "./client-instance.ts";
import type { RegistrationFields, RouterMessage } from "./messages.ts";
import { REAL_TIMERS, RouterLink, type Timers } from "./router-link.ts";

export type { EngineLoad, RegisteredInstance, RegistrationEvent } from "./client-instance.ts";

export interface RegistrationClientOptions {
  /** Router's registration address. */
  readonly host: string;
  readonly port: number;
  readonly token?: string | undefined;
  /** Told of every change that a person would want to know: connected, lost, registered, refused. */
  readonly onEvent?: (event: RegistrationEvent) => void;
  /** For tests. */
  readonly timers?: Timers;
  readonly random?: Random;
}

export interface RegistrationClient {
  /** Resolves once the router has accepted; keeps trying while it cannot be reached. Rejects when it refuses for good. */
  register(fields: RegistrationFields): Promise<RegisteredInstance>;
  /** Closes the connection; leases then run out by themselves. */
  close(): void;
}

export function createRegistrationClient(options: RegistrationClientOptions): RegistrationClient {
  const tell = options.onEvent ?? (() => {});
  const timers = options.timers ?? REAL_TIMERS;
  const random = options.random ?? createRandom(crypto.getRandomValues(new Int32Array(1))[0] ?? 0);
  const registrations = new Set<Registration>();
  let lastSeq = 0;
  let stopHeartbeat: (() => void) | null = null;

  const link = new RouterLink(
    { host: options.host, port: options.port, token: options.token, timers, random },
    {
      onUp(heartbeatMs) {
        tell({ kind: "connected" });
        for (const registration of registrations) registration.connected();
        beatEvery(heartbeatMs);
      },
      onMessage(message) {
        for (const registration of registrations) if (concerns(registration, message)) registration.receive(message);
      },
      onDown(reason, retryInMs) {
        stopHeartbeat?.();
        for (const registration of registrations) registration.disconnected();
        tell({ kind: "disconnected", reason, retryInMs });
      },
      onRefused(code, message) {
        tell({ kind: "refused", code, message });
        for (const registration of registrations) registration.refused(code, message);
      },
    },
  );

  function beatEvery(heartbeatMs: number): void {
    stopHeartbeat = timers.after(heartbeatMs, () => {
      for (const registration of registrations) registration.beat();
      beatEvery(heartbeatMs);
    });
  }

  return {
    register(fields) {
      const registration = new Registration(fields, {
        link,
        timers,
        tell,
        nextSeq: () => ++lastSeq,
        onGone: () => {
          registrations.delete(registration);
          if (registrations.size === 0 && !link.up) link.stop();
        },
      });
      registrations.add(registration);
      if (link.up) registration.connected();
      else link.start();
      return registration.accepted;
    },
    close() {
      stopHeartbeat?.();
      link.stop();
      for (const registration of registrations) registration.refused("closed", "registration client is closed");
      for (const registration of registrations) registration.disconnected();
      registrations.clear();
    },
  };
}

function concerns(registration: Registration, message: RouterMessage): boolean {
  if ("lease" in message && message.t !== "registered") return message.lease === registration.lease;
  return "seq" in message && registration.awaits(message.seq);
}
