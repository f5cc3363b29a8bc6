/** The live board on a terminal: one line a server, below whatever else is printed. Rendering is pure; drawing is a writer in front of the real one. */
import { styleText } from "node:util";
import type { BoundedWriter } from "./bounded-writer.ts";
import type { ServerView } from "./supervisor-contract.ts";

const HEADS = ["server", "state", "port", "pid", "uptime", "restarts", "running", "waiting", "kv", "tok/s"];
const COLOURS: Partial<Record<ServerView["phase"], "green" | "yellow" | "red">> = {
  starting: "yellow",
  waiting: "yellow",
  running: "green",
  draining: "yellow",
  stopping: "yellow",
  failed: "red",
};

/** Lines no wider than `columns`. */
export function renderBoard(servers: readonly ServerView[], columns: number): readonly string[] {
  const rows = servers.map((server) => [
    server.name,
    describeState(server),
    String(server.port),
    server.pid === null ? "-" : String(server.pid),
    server.pid === null ? "-" : formatAge(server.upMs),
    String(server.restarts),
    ...describeLoad(server),
  ]);
  const widths = HEADS.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .slice(0, columns);
  return [
    styleText("bold", line(HEADS), { validateStream: false }),
    ...rows.map((row, index) => {
      const colour = COLOURS[servers[index]?.phase ?? "stopped"];
      return colour === undefined ? line(row) : styleText(colour, line(row), { validateStream: false });
    }),
  ];
}

/** Writes text above the board and draws the board anew below it. */
export class BoardWriter {
  readonly #writer: Pick<BoundedWriter, "write">;
  #lines: readonly string[] = [];

  constructor(writer: Pick<BoundedWriter, "write">) {
    this.#writer = writer;
  }

  write(text: string): void {
    this.#writer.write(this.#erase() + text + this.#drawn());
  }

  draw(lines: readonly string[]): void {
    const erase = this.#erase();
    this.#lines = lines;
    this.#writer.write(erase + this.#drawn());
  }

  #erase(): string {
    return this.#lines.length === 0 ? "" : `\x1b[${this.#lines.length}A\x1b[0J`;
  }

  #drawn(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }
}

function describeState(server: ServerView): string {
  if (server.phase === "starting" && server.healthy) return "healthy";
  if (server.phase === "running" && !server.healthy) return "not healthy";
  if (server.phase === "running" && server.registered === false) return "unregistered";
  return server.phase;
}

function describeLoad(server: ServerView): readonly string[] {
  const { load, tokensPerSec } = server;
  if (load === null) return ["-", "-", "-", "-"];
  const tokens = tokensPerSec === null ? "-" : tokensPerSec.toFixed(0);
  return [String(load.running), String(load.waiting), `${Math.round(load.kvUsage * 100)}%`, tokens];
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** `12s`, `3m05s`, `2h07m`, `4d03h` */
export function formatAge(ms: number): string {
  const secs = Math.floor(ms / 1000);
  if (secs < 60) return `${secs}s`;
  if (secs < 3600) return `${Math.floor(secs / 60)}m${two(secs % 60)}s`;
  if (secs < 86_400) return `${Math.floor(secs / 3600)}h${two(Math.floor(secs / 60) % 60)}m`;
  return `${Math.floor(secs / 86_400)}d${two(Math.floor(secs / 3600) % 24)}h`;
}
