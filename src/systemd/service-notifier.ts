/**
 * What systemd is told about the service, and when: READY, RELOADING, STOPPING, STATUS and WATCHDOG (sd_notify(3)). Without a socket it
 * does nothing. Made by commands/serve.ts, whose clock drives `tick`.
 */
import type { NotifySocket } from "./notify-socket.ts";

export interface ServiceSources {
  /** Every thread of the program answers: the watchdog is fed. */
  alive(): boolean;
  /** One line for `systemctl status`. */
  status(): string;
}

type Phase = "starting" | "running" | "reloading" | "stopping";

const STATUS_MS = 5000;
const TICK_MS = 1000;
const MIN_TICK_MS = 10;
/** Ticks within the watchdog's time: a late one, or a thread busy for a moment, does no harm. */
const TICKS_PER_WATCHDOG = 4;
/** While answers are still running, systemd's stop timeout is moved on by this: the drain time-outs of the config decide alone. */
const EXTENSION_USEC = 15_000_000;

export class ServiceNotifier {
  /** How often `tick` is to be called. */
  readonly tickMs: number;
  readonly #socket: NotifySocket | null;
  readonly #sources: ServiceSources;
  readonly #watched: boolean;
  /** Turns of phase that the socket did not take yet, in order: they must not be lost. */
  readonly #unsent: string[] = [];
  #phase: Phase = "starting";
  #problem = "";
  #statusAt = Number.NEGATIVE_INFINITY;
  #lastStatus = "";

  /** `watchdogMs`: null when nobody watches. */
  constructor(socket: NotifySocket | null, watchdogMs: number | null, sources: ServiceSources) {
    this.#socket = socket;
    this.#sources = sources;
    this.#watched = watchdogMs !== null;
    const wanted = watchdogMs === null ? TICK_MS : watchdogMs / TICKS_PER_WATCHDOG;
    this.tickMs = Math.max(MIN_TICK_MS, Math.min(TICK_MS, wanted));
  }

  ready(): void {
    this.#turn("running", "READY=1");
  }

  reloading(): void {
    const usec = this.#socket?.monotonicUsec() ?? 0n;
    this.#turn("reloading", `RELOADING=1\nMONOTONIC_USEC=${usec}`);
  }

  /** `problem`: why nothing was changed, empty when it was. It stays in the status until a reload succeeds. */
  reloaded(problem: string): void {
    this.#problem = problem;
    this.#turn("running", "READY=1");
  }

  stopping(): void {
    this.#turn("stopping", `STOPPING=1\nEXTEND_TIMEOUT_USEC=${EXTENSION_USEC}`);
  }

  /** `now` in monotonic milliseconds. */
  tick(now: number): void {
    this.#sendTurns();
    if (this.#phase === "starting" || this.#unsent.length > 0) return;
    if (this.#watched && this.#sources.alive()) this.#socket?.send("WATCHDOG=1");
    if (this.#phase === "reloading") return;
    const stopping = this.#phase === "stopping";
    if (now - this.#statusAt < (stopping ? TICK_MS : STATUS_MS)) return;
    this.#statusAt = now;
    const status = this.#status();
    if (stopping) this.#socket?.send(`EXTEND_TIMEOUT_USEC=${EXTENSION_USEC}\nSTATUS=${status}`);
    else if (status !== this.#lastStatus) this.#socket?.send(`STATUS=${status}`);
    this.#lastStatus = status;
  }

  #turn(phase: Phase, state: string): void {
    // What comes after STOPPING would take it back.
    if (this.#socket === null || this.#phase === "stopping") return;
    this.#phase = phase;
    this.#unsent.push(`${state}\nSTATUS=${this.#status()}`);
    this.#sendTurns();
  }

  #sendTurns(): void {
    while (this.#unsent[0] !== undefined && this.#socket?.send(this.#unsent[0]) === true) this.#unsent.shift();
  }

  #status(): string {
    if (this.#phase === "reloading") return "Reloading the configuration";
    const status = oneLine(this.#sources.status());
    if (this.#phase === "stopping") return `Draining: ${status}`;
    return this.#problem === "" ? status : `${status}; last reload failed: ${oneLine(this.#problem)}`;
  }
}

/** A newline would begin another variable of the message. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Time of systemd's watchdog in milliseconds, from WATCHDOG_USEC and WATCHDOG_PID; null when it does not watch this process. */
export function watchdogOf(env: Readonly<Record<string, string | undefined>>, pid: number): number | null {
  const usec = Number(env["WATCHDOG_USEC"]);
  const watched = env["WATCHDOG_PID"];
  if (!Number.isFinite(usec) || usec <= 0) return null;
  return watched === undefined || watched === String(pid) ? usec / 1000 : null;
}
