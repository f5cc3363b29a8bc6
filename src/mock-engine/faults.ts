/**
 * Switches that make the mock misbehave, at start (`--fault`) or at run time (`POST /mock/fault`). A request asks once, when it
 * arrives, what is in store for it; which requests are hit follows from the seed.
 */
import { z } from "zod";
import { createRandom, type Random } from "../lib/random.ts";

export const FAULT_HELP = {
  fail: "answer inference with `status` (500)",
  overload: "answer inference with 429 and the real server's `detail`",
  stall: "never answer inference; with `after`: send the head and that many events first",
  slow: "every step takes `factor` (10) times longer",
  cut: "close the connection after `after` (0) events, without the last chunk",
  reset: "RST after `after` events; without `after` before the first byte",
  "error-frame": "end streams with an error frame after `after` (0) events",
  "no-done": "end streams without [DONE]",
  health: "answer /health with `status` (404): also stops HTTP heartbeats",
  freeze: "accept connections and answer nothing at all, /health and /metrics included",
  refuse: "close the port; connections under way are reset (undo through the metrics port, or with `forMs`)",
  "metrics-off": "answer /metrics with 404",
  "metrics-stale": "keep serving the metrics of the moment the fault was set",
  "ignore-disconnect": "go on generating when the client has left, as before December 2025",
  exit: "end the process at once with exit `code` (1)",
} as const;

export type FaultKind = keyof typeof FAULT_HELP;

function isKind(value: unknown): value is FaultKind {
  return typeof value === "string" && Object.hasOwn(FAULT_HELP, value);
}

const faultSchema = z.strictObject({
  kind: z.custom<FaultKind>(isKind, `wanted one of ${Object.keys(FAULT_HELP).join(", ")}`),
  status: z.number().int().min(200).max(599).optional(),
  /** Hits the next `count` requests, then ends. */
  count: z.number().int().positive().optional(),
  /** Hits this share of requests. */
  share: z.number().min(0).max(1).optional(),
  after: z.number().int().min(0).optional(),
  factor: z.number().positive().optional(),
  code: z.number().int().min(0).max(255).optional(),
  forMs: z.number().positive().optional(),
});

export type Fault = Readonly<z.infer<typeof faultSchema>>;

/** Told of every switch, as some faults act at once. */
export type FaultListener = (kind: FaultKind, fault: Fault | null) => void;

/** Checks what came from outside; throws an Error that names what is wrong. */
export function parseFault(value: unknown): Fault {
  const result = faultSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const place = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw new Error(`fault ${JSON.stringify(value)} is not understood: ${place}${issue?.message ?? "unknown"}`);
}

/** `kind` or `kind:key=value,key=value`. */
export function parseFaultFlag(text: string): Fault {
  const colon = text.indexOf(":");
  const fields: Record<string, unknown> = { kind: colon < 0 ? text : text.slice(0, colon) };
  const pairs = colon < 0 ? [] : text.slice(colon + 1).split(",");
  for (const pair of pairs) {
    const [key = "", value = ""] = pair.split("=");
    fields[key] = Number(value);
  }
  return parseFault(fields);
}

export class FaultSwitches {
  readonly #active = new Map<FaultKind, { readonly fault: Fault; left: number }>();
  readonly #random: Random;
  onSwitch: FaultListener = () => {};

  constructor(seed: number) {
    this.#random = createRandom(seed);
  }

  set(fault: Fault): void {
    this.#active.set(fault.kind, { fault, left: fault.count ?? Infinity });
    this.onSwitch(fault.kind, fault);
  }

  /** Without a kind: all. */
  clear(kind?: FaultKind): void {
    for (const active of kind === undefined ? [...this.#active.keys()] : [kind]) {
      if (this.#active.delete(active)) this.onSwitch(active, null);
    }
  }

  get(kind: FaultKind): Fault | null {
    return this.#active.get(kind)?.fault ?? null;
  }

  list(): Fault[] {
    return [...this.#active.values()].map(({ fault }) => fault);
  }

  /** The fault if it hits the request that asks; uses up one of its `count`. */
  hit(kind: FaultKind): Fault | null {
    const active = this.#active.get(kind);
    if (active === undefined) return null;
    if (active.fault.share !== undefined && this.#random() >= active.fault.share) return null;
    active.left--;
    if (active.left <= 0) this.clear(kind);
    return active.fault;
  }
}
