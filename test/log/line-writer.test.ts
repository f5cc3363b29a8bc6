/** The writer against a pipe that nobody reads (fault O06). */
import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LineWriter } from "../../src/log/line-writer.ts";
import { until } from "../upstream/support/until.ts";

const directory = mkdtempSync(join(tmpdir(), "line-writer-"));
const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
});
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));

let pipes = 0;

/** Both ends of a fresh pipe. `blocking`: writes to it wait for the reader. */
function pipe(blocking: boolean): { readonly writeFd: number; readonly readFd: number } {
  const path = join(directory, `pipe-${pipes++}`);
  if (Bun.spawnSync(["mkfifo", path]).exitCode !== 0) throw new Error(`cannot make the pipe ${path}`);
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeFd = openSync(path, constants.O_WRONLY | (blocking ? 0 : constants.O_NONBLOCK));
  open.push(readFd, writeFd);
  return { writeFd, readFd };
}

/** Reads until the writer has nothing more. */
async function readAll(fd: number, writer: LineWriter): Promise<string> {
  const parts: Buffer[] = [];
  const buffer = Buffer.alloc(65_536);
  let idle = false;
  void writer.flush(3000).then(() => (idle = true));
  await until(() => {
    for (;;) {
      try {
        const bytes = readSync(fd, buffer, 0, buffer.length, null);
        if (bytes === 0) break;
        parts.push(Buffer.from(buffer.subarray(0, bytes)));
      } catch {
        break; // EAGAIN: nothing there now.
      }
    }
    return idle;
  }, "the writer to be idle");
  return Buffer.concat(parts).toString();
}

describe.each([[true], [false]])("a pipe (blocking: %p) that nobody reads", (blocking) => {
  test("drops whole lines beyond the queue, counts them, holds up nobody, and goes on later", async () => {
    const { writeFd, readFd } = pipe(blocking);
    const writer = new LineWriter(writeFd);
    const line = `${"é".repeat(500)}\n`;
    const startedAt = performance.now();
    for (let i = 0; i < 8000; i++) writer.write(line);
    const wroteMs = performance.now() - startedAt;
    expect(wroteMs).toBeLessThan(2000);
    // 8000 lines of 1001 bytes against a queue of 4 MiB.
    expect(writer.dropped).toBeWithin(3700, 4000);
    const text = await readAll(readFd, writer);
    expect(text.split("\n").length - 1).toBe(8000 - writer.dropped);
    expect(text.replaceAll(line, "")).toBe("");
    // The whole queue is free again.
    const again = `${"a".repeat(3_000_000)}\n`;
    writer.write(again);
    expect((await readAll(readFd, writer)) === again).toBe(true);
  });
});

test("lines keep their order and arrive whole", async () => {
  const { writeFd, readFd } = pipe(false);
  const writer = new LineWriter(writeFd);
  const lines = Array.from({ length: 2000 }, (_, i) => `line ${i}\n`);
  for (const line of lines) writer.write(line);
  expect(await readAll(readFd, writer)).toBe(lines.join(""));
  expect(writer.dropped).toBe(0);
});

test("a descriptor that is broken costs its lines only", async () => {
  const { writeFd, readFd } = pipe(false);
  closeSync(readFd);
  open.splice(open.indexOf(readFd), 1);
  const writer = new LineWriter(writeFd);
  writer.write("a\nb\n");
  await writer.flush(1000);
  expect(writer.dropped).toBe(2);
});

test("flush gives up after its limit; after the end nothing more is written, but counted", async () => {
  const { writeFd, readFd } = pipe(false);
  const writer = new LineWriter(writeFd);
  for (let i = 0; i < 300; i++) writer.write(`${"x".repeat(1000)}\n`);
  const startedAt = performance.now();
  await writer.flush(50);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  await writer.end(0);
  writer.write("late\n");
  const taken = await readAll(readFd, new LineWriter(writeFd));
  await until(() => writer.dropped > 1, "the rest to be counted");
  expect(taken.split("\n").length - 1 + writer.dropped).toBeWithin(301, 303);
  expect(taken).not.toContain("late");
});
