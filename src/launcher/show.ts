/** All that a launch shows and writes: terminal or plain lines, the board, log files. Opened by run-fleet.ts. */
import { BoardWriter, renderBoard } from "./board.ts";
import { BoundedWriter } from "./bounded-writer.ts";
import { LogFiles } from "./log-files.ts";
import { isJournal } from "../systemd/journal-stream.ts";
import type { LaunchOptions } from "./options.ts";
import { createOutput, type Output } from "./output.ts";
import { logFolderOf } from "./pid-file.ts";
import type { ServerView } from "./supervisor-contract.ts";

export interface Show extends Output {
  /** Starts the live board, where there is to be one. */
  board(view: () => readonly ServerView[]): void;
  /** Ends the board and waits for what is still to be written. */
  close(): Promise<void>;
}

const BOARD_MS = 500;
const CLOSE_LIMIT_MS = 1000;
const BYTES_PER_MIB = 1 << 20;

export function openShow(options: LaunchOptions, serverNames: readonly string[]): Show {
  const writer = new BoundedWriter(Bun.stdout.writer());
  const screen = new BoardWriter(writer);
  const output = createOutput({
    writer: screen,
    colour: process.stdout.isTTY,
    journal: isJournal(1, process.env["JOURNAL_STREAM"]),
    name: "launch",
    serverNames,
    now: () => new Date(),
  });
  const files = openFiles(options, output);
  const onScreen = options.output === "prefix" || options.output === "both";
  const withBoard = options.board === "always" || (options.board === "auto" && process.stdout.isTTY);
  let drawing: ReturnType<typeof setInterval> | undefined;
  let drawBoard: (() => void) | undefined;
  return {
    note: output.note,
    serverLine(server, line) {
      files?.write(server, line);
      if (onScreen) output.serverLine(server, line);
    },
    board(view) {
      if (!withBoard) return;
      drawBoard = () => screen.draw(renderBoard(view(), process.stdout.columns || 80));
      drawing = setInterval(drawBoard, BOARD_MS);
    },
    async close() {
      clearInterval(drawing);
      drawBoard?.();
      await Promise.all([writer.settle(CLOSE_LIMIT_MS), files?.[Symbol.asyncDispose]()]);
    },
  };
}

function openFiles(options: LaunchOptions, output: Output): LogFiles | null {
  if (options.output !== "files" && options.output !== "both") return null;
  return new LogFiles({
    folder: logFolderOf(options),
    maxBytes: options["log-max-mib"] * BYTES_PER_MIB,
    keep: options["log-keep"],
    onProblem: (text) => output.note("warn", text),
  });
}
