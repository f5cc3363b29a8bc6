/**
 * The reference client of the registration protocol: used by the launcher and by the mock engine.
 * One client is one connection, which may carry many instances; it reconnects and registers them again by itself.
 */
import { createRandom, type Random } from "../lib/random.ts";
import { type RegisteredInstance, Registration, type RegistrationEvent } from "./client-instance.ts";
import type { RegistrationFields, RouterMessage } from "./messages.ts";
import { REAL_TIMERS, RouterLink, type Timers } from "./router-link.ts";

export type { RegisteredInstance, RegistrationEvent } from "./client-instance.ts";

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
  return new Client(options);
}

class Client implements RegistrationClient {
  readonly #tell: (event: RegistrationEvent) => void;
  readonly #timers: Timers;
  readonly #registrations = new Set<Registration>();
  readonly #link: RouterLink;
  #lastSeq = 0;
  #stopHeartbeat: (() => void) | null = null;

  constructor(options: RegistrationClientOptions) {
    const { host, port, token, timers = REAL_TIMERS } = options;
    const random = options.random ?? createRandom(crypto.getRandomValues(new Int32Array(1))[0] ?? 0);
    this.#tell = options.onEvent ?? (() => {});
    this.#timers = timers;
    this.#link = new RouterLink(
      { host, port, token, timers, random },
      {
        onUp: (heartbeatMs) => this.#up(heartbeatMs),
        onMessage: (message) => {
          for (const registration of this.#registrations) {
            if (concerns(registration, message)) registration.receive(message);
          }
        },
        onDown: (reason, retryInMs) => this.#down(reason, retryInMs),
        onRefused: (code, message) => {
          this.#tell({ kind: "refused", code, message });
          for (const registration of this.#registrations) registration.refused(code, message);
        },
      },
    );
  }

  register(fields: RegistrationFields): Promise<RegisteredInstance> {
    const registration = new Registration(fields, {
      link: this.#link,
      timers: this.#timers,
      tell: this.#tell,
      nextSeq: () => ++this.#lastSeq,
      onGone: () => {
        this.#registrations.delete(registration);
        if (this.#registrations.size === 0 && !this.#link.up) this.#link.stop();
      },
    });
    this.#registrations.add(registration);
    if (this.#link.up) registration.connected();
    else this.#link.start();
    return registration.accepted;
  }

  close(): void {
    this.#stopHeartbeat?.();
    this.#link.stop();
    for (const registration of this.#registrations) {
      registration.refused("closed", "registration client is closed");
      registration.disconnected();
    }
    this.#registrations.clear();
  }

  #up(heartbeatMs: number): void {
    this.#tell({ kind: "connected" });
    for (const registration of this.#registrations) registration.connected();
    this.#beatEvery(heartbeatMs);
  }

  #down(reason: string, retryInMs: number): void {
    this.#stopHeartbeat?.();
    for (const registration of this.#registrations) registration.disconnected();
    this.#tell({ kind: "disconnected", reason, retryInMs });
  }

  #beatEvery(heartbeatMs: number): void {
    this.#stopHeartbeat = this.#timers.after(heartbeatMs, () => {
      for (const registration of this.#registrations) registration.beat();
      this.#beatEvery(heartbeatMs);
    });
  }
}

function concerns(registration: Registration, message: RouterMessage): boolean {
  if ("lease" in message && message.t !== "registered") return message.lease === registration.lease;
  return "seq" in message && registration.awaits(message.seq);
}
