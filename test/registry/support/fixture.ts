/** A registry service under test: fake clock, timers and probe, a log that remembers; the TCP door on a free port if wanted. */
import { instanceAt } from "../../support/instance.ts";
import type { ControlReply } from "../../../src/fleet/control.ts";
import type { InstanceId } from "../../../src/fleet/instance.ts";
import type { Timers } from "../../../src/registration/router-link.ts";
import type { Probe } from "../../../src/registry/health.ts";
import type { ResolveName } from "../../../src/registry/host-names.ts";
import { registryOptions } from "../../../src/registry/options.ts";
import { createRegistry, type RegistryService } from "../../../src/registry/service.ts";
import type { Entry } from "../../../src/registry/entry.ts";

/** Time that passes only when told to. */
export class FakeClock implements Timers {
  now = 1000;
  readonly #planned = new Map<number, { readonly at: number; readonly action: () => void }>();
  #last = 0;

  after(delayMs: number, action: () => void): () => void {
    const key = ++this.#last;
    this.#planned.set(key, { at: this.now + delayMs, action });
    return () => this.#planned.delete(key);
  }

  /** Runs what falls due, in order, letting promises settle in between. */
  async advance(byMs: number): Promise<void> {
    const end = this.now + byMs;
    for (;;) {
      const due = [...this.#planned].filter(([, timer]) => timer.at <= end).toSorted((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) break;
      this.#planned.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].action();
      await settle();
    }
    this.now = end;
    await settle();
  }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** Waits for something that real sockets bring about; fails loudly instead of hanging. */
export async function until(condition: () => boolean, what = "condition"): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (condition()) return;
    await Bun.sleep(5);
  }
  throw new Error(`${what} did not come true within 2 s`);
}

/** The message that a promise rejects with; an empty text when it does not. */
export async function problemOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export interface Fixture {
  readonly registry: RegistryService;
  readonly clock: FakeClock;
  readonly lines: string[];
  /** URLs probed, in order. */
  readonly probes: string[];
  /** Hosts and ports that do not answer their probe now. */
  readonly down: Set<string>;
  /** How probes end; by default as `down` says. */
  answer: Probe;
  /** By default no name is known. */
  resolve: ResolveName;
  readonly request: (method: string, path: string, body?: unknown, peer?: string) => Promise<ControlReply>;
  readonly register: (body: object, peer?: string) => Promise<ControlReply>;
}

export function createFixture(
  options: Record<string, unknown> = {},
  { splitwise = false, routerPort = 9000 }: { splitwise?: boolean; routerPort?: number } = {},
): Fixture {
  const clock = new FakeClock();
  const lines: string[] = [];
  const probes: string[] = [];
  const down = new Set<string>();
  const line = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const registry = createRegistry(registryOptions.parse({ "registration-port": 0, ...options }), {
    splitwise,
    routerPort,
    log: { debug: line("DEBUG"), info: line("INFO"), warn: line("WARN"), error: line("ERROR") },
    now: () => clock.now,
    timers: clock,
    resolve: (name) => fixture.resolve(name),
    probe: (url, timeoutMs) => {
      probes.push(url);
      return fixture.answer(url, timeoutMs);
    },
  });
  const request: Fixture["request"] = (method, target, body = "", peer = "127.0.0.1") => {
    const [path = "", query = ""] = target.split("?");
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return registry.handle({ method, path, query, body: new TextEncoder().encode(text), peer });
  };
  const fixture: Fixture = {
    registry,
    clock,
    lines,
    probes,
    down,
    request,
    resolve: (name) => Promise.reject(new Error(`${name} is not known`)),
    answer: (url) => Promise.resolve(down.has(new URL(url).host) ? "" : null),
    register: (body, peer) => request("POST", "/register", body, peer),
  };
  return fixture;
}

export function mixed(port: number, more: object = {}): object {
  return { role: "mixed", host_ip: "10.0.0.1", port, ...more };
}

/** An entry of the table as an HTTP registration makes it, ready; `differs` is laid over it. */
export function entryOf(id: InstanceId, differs: Partial<Entry>): Entry {
  const portAt = id.lastIndexOf(":") + 1;
  return {
    instance: instanceAt(id.slice("http://".length, portAt - 1), Number(id.slice(portAt))),
    health: "ready",
    drained: false,
    generation: 1,
    epoch: 1,
    bootId: null,
    byHttp: true,
    fromFile: null,
    lease: null,
    failures: 0,
    successes: 0,
    registeredAt: 0,
    readyAt: 0,
    goneAt: null,
    report: null,
    ...differs,
  };
}
