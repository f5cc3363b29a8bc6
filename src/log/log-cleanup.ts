/** Which dated log files are too many: pure, so that days need not pass in a test. Called by log-file.ts. */

export interface LogName {
  readonly name: string;
  /** `2026-03-30`, local time. */
  readonly day: string;
  /** A day that grew large: 1 for its first part, and so on; 0 for the file that ends it. */
  readonly part: number;
}

export interface LogFileSize extends LogName {
  readonly bytes: number;
}

export interface LogLimits {
  readonly today: string;
  /** Negative: no limit. */
  readonly maxAgeDays: number;
  /** For the given files together; infinite: no limit. */
  readonly maxTotalBytes: number;
}

const NAME = /^router-(\d{4}-\d{2}-\d{2})(?:\.(\d{1,6}))?\.log$/;
const DAY_MS = 86_400_000;

/** Null for every other file: those are never touched. */
export function readLogName(name: string): LogName | null {
  const match = NAME.exec(name);
  const day = match?.[1];
  if (day === undefined || !isDay(day)) return null;
  return { name, day, part: Number(match?.[2] ?? 0) };
}

/** Those to delete, oldest first. */
export function surplusLogs(files: readonly LogFileSize[], limits: LogLimits): readonly LogFileSize[] {
  const { today, maxAgeDays, maxTotalBytes } = limits;
  const oldestDay = maxAgeDays < 0 ? "" : dayOf(new Date(noonOf(today) - maxAgeDays * DAY_MS));
  const sorted = files.toSorted((a, b) => (a.day === b.day ? partOrder(a) - partOrder(b) : a.day < b.day ? -1 : 1));
  const young = sorted.filter(({ day }) => day >= oldestDay);
  let total = young.reduce((sum, { bytes }) => sum + bytes, 0);
  const tooLarge = young.filter(({ bytes }) => {
    const isOver = total > maxTotalBytes;
    if (isOver) total -= bytes;
    return isOver;
  });
  return [...sorted.filter(({ day }) => day < oldestDay), ...tooLarge];
}

/** `2026-03-30`, local time. */
export function dayOf(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function partOrder({ part }: LogName): number {
  return part === 0 ? Infinity : part;
}

/** Noon keeps clear of the hours that daylight saving adds and takes. */
function noonOf(day: string): number {
  return new Date(`${day}T12:00:00`).getTime();
}

function isDay(day: string): boolean {
  const date = new Date(`${day}T12:00:00`);
  return !Number.isNaN(date.getTime()) && dayOf(date) === day;
}
