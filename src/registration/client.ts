/** The reference client of the registration protocol: used by the launcher and by the mock engine. (Contract; body to come.) */
import type { RegistrationFields } from "./messages.ts";

export interface RegistrationClientOptions {
  /** Router's registration address. */
  readonly host: string;
  readonly port: number;
  readonly token?: string | undefined;
  /** Told of every change that a person would want to know: connected, lost, registered, refused. */
  readonly onEvent?: (event: RegistrationEvent) => void;
}

export type RegistrationEvent =
  | { readonly kind: "connected" }
  | { readonly kind: "disconnected"; readonly reason: string; readonly retryInMs: number }
  | { readonly kind: "registered"; readonly id: string }
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

/** One registered instance of this client; survives reconnects, registering itself again. */
export interface RegisteredInstance {
  /** Load of the engine; also the heartbeat, which the client sends by itself with the last figures. */
  report(load: { readonly running: number; readonly waiting: number; readonly kvUsage: number }): void;
  /** Resolves when the router has no request left on the instance, or rejects at the deadline. */
  drain(deadlineMs: number): Promise<void>;
  resume(): Promise<void>;
  /** Drops the instance; it does not come back. */
  leave(): Promise<void>;
}

export interface RegistrationClient {
  /** Resolves once the router has accepted; keeps trying while it cannot be reached. Rejects when it refuses for good. */
  register(fields: RegistrationFields): Promise<RegisteredInstance>;
  /** Closes the connection; leases then run out by themselves. */
  close(): void;
}

export function createRegistrationClient(_options: RegistrationClientOptions): RegistrationClient {
  throw new Error("no registration client yet");
}
