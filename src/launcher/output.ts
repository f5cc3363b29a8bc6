/** Everything that the launcher shows: its own notes, and the servers' lines with a prefix. Made by show.ts and run-agent.ts. */
import { styleText } from "node:util";
import { withPriority } from "../log/priority.ts";
import type { BoundedWriter } from "./bounded-writer.ts";
import type { NoteLevel } from "./supervisor-contract.ts";

export interface Output {
  /** One line of the launcher's own. */
  readonly note: (level: NoteLevel, text: string) => void;
  /** One line that a server wrote. */
  readonly serverLine: (server: string, line: string) => void;
}

export interface OutputOptions {
  readonly writer: Pick<BoundedWriter, "write">;
  readonly colour: boolean;
  /** The lines go to the systemd journal, which wants a priority in front. */
  readonly journal?: boolean;
  /** Whose notes they are. */
  readonly name: string;
  readonly serverNames: readonly string[];
  /** Wall clock, for notes. */
  readonly now: () => Date;
}

const STYLES = { info: "cyan", warn: "yellow", error: "red" } as const;

export function createOutput(options: OutputOptions): Output {
  const width = Math.max(options.name.length, ...options.serverNames.map((name) => name.length));
  const style = (level: NoteLevel, text: string): string =>
    options.colour ? styleText(STYLES[level], text, { validateStream: false }) : text;
  return {
    note(level, text) {
      const time = options.now().toISOString().slice(11, 23);
      const head = style(level, `[${options.name.padEnd(width)}]`);
      const line = `${head} ${time} ${level === "info" ? "" : `${level.toUpperCase()} `}${text}\n`;
      options.writer.write(options.journal === true ? withPriority(level, line) : line);
    },
    serverLine: (server, line) => options.writer.write(`[${server.padEnd(width)}] ${line}\n`),
  };
}
