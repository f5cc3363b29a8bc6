/**
 * Keeps the router told of our servers over one registration connection: who is there, with what load, who is to be drained. Servers are known
 * by name; a restarted one is a new registration. Never throws: a router that is away is told when it is back. Called by supervise.ts.
 */
import type { RegisteredInstance, RegistrationClient } from "../registration/client.ts";
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
  reported: EngineLoad | null;
}

export function createRegistrar(client: RegistrationClient, onProblem: (text: string) => void): Registrar {
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
        onProblem(`${name}: the router refuses it: ${error instanceof Error ? error.message : String(error)}`);
        return null;
      });
      const entry: Registered = { instance, accepted: null, reported: null };
      known.set(name, entry);
      void instance.then((accepted) => {
        entry.accepted = accepted;
        if (accepted !== null && entry.reported !== null) accepted.report(entry.reported);
      });
    },
    isRegistered: (name) => (known.get(name)?.accepted ?? null) !== null,
    report(name, load) {
      const entry = known.get(name);
      if (entry === undefined || isSame(entry.reported, load)) return;
      entry.reported = load;
      entry.accepted?.report(load);
    },
    async drain(names, deadlineMs) {
      await Promise.all(
        names.map(async (name) => {
          await known
            .get(name)
            ?.accepted?.drain(deadlineMs)
            .catch(() => {
              onProblem(`${name}: requests are left at the end of the drain`);
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

function isSame(before: EngineLoad | null, now: EngineLoad): boolean {
  return before?.running === now.running && before.waiting === now.waiting && before.kvUsage === now.kvUsage;
}
