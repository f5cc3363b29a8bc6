/**
 * Keeps the router told of our servers over one registration connection: who is there, with what load, who is to be drained. Servers are known
 * by name; a restarted one is a new registration. Never throws: a router that is away is told when it is back. Called by supervise.ts.
 */
import type { RegisteredInstance, RegistrationClient, RegistrationEvent } from "../registration/client.ts";
import type { RegistrationFields } from "../registration/messages.ts";
import type { EngineLoad } from "./health.ts";
import { within } from "./within.ts";

export interface Registrar {
  register(name: string, fields: RegistrationFields): void;
  isRegistered(name: string): boolean;
  report(name: string, load: EngineLoad): void;
  /** Resolves when the router has no request left on them, at the deadline, or at once for those it does not know. */
  drain(names: readonly string[], deadlineMs: number): Promise<void>;
  /** Drops it at the router; it may be registered again. */
  leave(name: string): void;
  close(): Promise<void>;
}

interface Registered {
  readonly instance: Promise<RegisteredInstance | null>;
  /** Null until the router has accepted. */
  accepted: RegisteredInstance | null;
  reported: { readonly load: EngineLoad; readonly at: number } | null;
}

/** The same figures are said again after so long, so that the router sees that they still hold. */
const REFRESH_MS = 5000;

export interface RegistrarDeps {
  readonly connect: (onEvent: (event: RegistrationEvent) => void) => RegistrationClient;
  readonly note: (level: "info" | "warn" | "error", text: string) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

export function createRegistrar({ connect, note, now }: RegistrarDeps): Registrar {
  let connected = false;
  const client = connect((event) => {
    if (event.kind === "connected" && !connected) note("info", "router: connected");
    if (event.kind === "disconnected" && connected)
      note("warn", `router: connection lost: ${event.reason}; servers go on`);
    if (event.kind === "refused") note("error", `router: refuses: ${event.message}`);
    if (event.kind === "connected" || event.kind === "disconnected") connected = event.kind === "connected";
  });
  const known = new Map<string, Registered>();
  const leaving = new Set<Promise<void>>();

  const leave = (name: string): void => {
    const entry = known.get(name);
    known.delete(name);
    if (entry === undefined) return;
    const done = entry.instance.then((instance) => instance?.leave()).catch(() => {}); // a router that is away forgets by its lease
    leaving.add(done);
    void done.finally(() => leaving.delete(done));
  };

  return {
    register(name, fields) {
      leave(name);
      const instance = client.register(fields).catch((error: unknown) => {
        note("error", `${name}: not registered: ${error instanceof Error ? error.message : String(error)}`);
        return null;
      });
      const entry: Registered = { instance, accepted: null, reported: null };
      known.set(name, entry);
      void instance.then((accepted) => {
        entry.accepted = accepted;
        if (accepted !== null && entry.reported !== null) accepted.report(entry.reported.load);
      });
    },
    isRegistered: (name) => (known.get(name)?.accepted ?? null) !== null,
    report(name, load) {
      const entry = known.get(name);
      const at = now();
      if (entry === undefined || (isSame(entry.reported?.load, load) && at - (entry.reported?.at ?? 0) < REFRESH_MS))
        return;
      entry.reported = { load, at };
      entry.accepted?.report(load);
    },
    async drain(names, deadlineMs) {
      if (!connected) return; // nobody to ask, and nobody who sends more
      await Promise.all(
        names.map(async (name) => {
          await known
            .get(name)
            ?.accepted?.drain(deadlineMs)
            .catch(() => {
              note("warn", `${name}: requests are left at the end of the drain`);
            });
        }),
      );
    },
    leave,
    async close() {
      for (const name of known.keys()) leave(name);
      // A router that cannot be reached must not hold up the end.
      await within(Promise.all(leaving), 1000);
      client.close();
    },
  };
}

function isSame(before: EngineLoad | undefined, load: EngineLoad): boolean {
  return before?.running === load.running && before.waiting === load.waiting && before.kvUsage === load.kvUsage;
}
