/** The log as the options want it: to a file of the day, which is cleaned up from time to time, or to stdout and stderr. */
import { LogFile } from "../log/log-file.ts";
import { Logger } from "../log/logger.ts";
import type { LogOptions } from "../log/options.ts";
import { isJournal } from "../systemd/journal-stream.ts";

const FOLDER = "logs";
const BYTES_PER_MB = 1024 * 1024;

/** Throws an Error in Go's words when the files cannot be made. */
export function openLog(options: LogOptions): Logger {
  const journal = process.env["JOURNAL_STREAM"];
  const streams = { out: isJournal(1, journal), err: isJournal(2, journal) };
  if (options.output !== "file") return new Logger(options, streams);
  const maxTotalMb = options["max-total-size-mb"];
  const file = new LogFile({
    folder: FOLDER,
    maxAgeDays: options["max-age-days"],
    maxTotalBytes: maxTotalMb < 0 ? Infinity : maxTotalMb * BYTES_PER_MB,
    now: () => new Date(),
    onProblem: (line) => process.stderr.write(`${line}\n`),
  });
  const periodMs = options["cleanup-interval-secs"] * 1000;
  if (periodMs > 0) setInterval(() => file.cleanUp(), periodMs).unref();
  return new Logger(options, streams, file);
}
