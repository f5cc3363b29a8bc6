/** The flags of the mock by form, and typed access to their values. Only options.ts reads them. */

/** Name and default. */
export const STRING_FLAGS = [
  ["host", "0.0.0.0"],
  ["port", "8000"],
  ["metrics-port", ""],
  ["model", "mock-model"],
  ["served-model-name", ""],
  ["splitwise-role", "mixed"],
  ["local-data-parallel-id", "0"],
  ["tensor-parallel-size", "1"],
  ["max-model-len", "32768"],
  ["max-num-seqs", ""],
  ["max-num-batched-tokens", "8192"],
  ["num-gpu-blocks-override", ""],
  ["max-concurrency", ""],
  ["timeout-graceful-shutdown", "0"],
  ["engine-worker-queue-port", ""],
  ["pd-comm-port", ""],
  ["rdma-comm-ports", ""],
  ["cache-transfer-protocol", "ipc,rdma"],
  ["router", ""],
  ["register-interval-secs", "5"],
  ["register-version", "dev"],
  ["advertise-host", ""],
  ["registration", ""],
  ["registration-token", ""],
  ["weight", "1"],
  ["preset", "small"],
  ["time-scale", "1"],
  ["seed", "1"],
  ["mean-output-tokens", "128"],
  ["load-secs", "0"],
] as const;
type StringFlag = (typeof STRING_FLAGS)[number][0];

export const BOOLEAN_FLAGS = [
  "enable-prefix-caching",
  "no-enable-prefix-caching",
  "register-once",
  "load-fail",
  "help",
] as const;
export const REPEATED_FLAGS = ["api-key", "fault"] as const;

export interface Address {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export class Flags {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  has(name: (typeof BOOLEAN_FLAGS)[number]): boolean {
    return this.#values[name] === true;
  }

  text(name: StringFlag): string {
    const value = this.#values[name];
    if (value === true) throw new Error(`flag --${name} wants a value`);
    return typeof value === "string" ? value : (STRING_FLAGS.find(([flag]) => flag === name)?.[1] ?? "");
  }

  textOrNull(name: StringFlag): string | null {
    const text = this.text(name);
    return text === "" ? null : text;
  }

  number(name: StringFlag): number {
    const text = this.text(name);
    const value = Number(text);
    if (text === "" || !Number.isFinite(value) || value < 0)
      throw new Error(`flag --${name} wants a number, not "${text}"`);
    return value;
  }

  positive(name: StringFlag): number {
    const value = this.number(name);
    if (value === 0) throw new Error(`flag --${name} wants a number above 0`);
    return value;
  }

  whole(name: StringFlag): number {
    const value = this.number(name);
    if (!Number.isInteger(value)) throw new Error(`flag --${name} wants a whole number, not "${value}"`);
    return value;
  }

  /** 0: a free one. */
  port(name: StringFlag): number {
    const port = this.whole(name);
    if (port > 65535) throw new Error(`flag --${name} wants a port from 0 to 65535, not ${port}`);
    return port;
  }

  portOrNull(name: StringFlag): number | null {
    return this.wholeOrNull(name) === null ? null : this.port(name);
  }

  /** `host:port`, an IPv6 host in brackets. */
  addressOrNull(name: StringFlag): Address | null {
    const text = this.text(name);
    if (text === "") return null;
    const [, host = "", port = ""] = /^(\[[^\]]+\]|[^:\s]+):(\d{1,5})$/.exec(text) ?? [];
    if (host === "" || Number(port) < 1 || Number(port) > 65535)
      throw new Error(`flag --${name} wants HOST:PORT, not "${text}"`);
    return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
  }

  /** Null when absent, or -1, by which the real server says "off". */
  wholeOrNull(name: StringFlag): number | null {
    const text = this.text(name);
    return text === "" || text === "-1" ? null : this.whole(name);
  }

  oneOf<T extends string>(name: StringFlag, allowed: readonly T[]): T {
    const text = this.text(name);
    const found = allowed.find((value) => value === text);
    if (found === undefined) throw new Error(`flag --${name} wants one of ${allowed.join(", ")}, not "${text}"`);
    return found;
  }

  commaList(name: StringFlag): string[] {
    return splitCommas(this.text(name));
  }

  /** Every rank is given the ports of all and takes its own. */
  portOfRank(name: StringFlag, rank: number): number | null {
    const ports = this.commaList(name);
    const port = ports[rank] ?? (ports.length === 1 ? ports[0] : undefined);
    return port === undefined ? null : Number(port);
  }

  list(name: (typeof REPEATED_FLAGS)[number], fallback = ""): string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === "string") : splitCommas(fallback);
  }
}

export function splitCommas(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
