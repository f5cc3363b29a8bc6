/** Whether a stream of ours ends in the systemd journal, which then wants a priority in front of each line. Asked by commands/serve.ts. */
import { fstatSync } from "node:fs";

/** `variable` is JOURNAL_STREAM: device and inode of the stream that systemd gave us; somebody may have redirected it since. */
export function isJournal(fd: number, variable: string | undefined): boolean {
  if (variable === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return variable === `${dev}:${ino}`;
  } catch {
    return false; // the stream is closed
  }
}
