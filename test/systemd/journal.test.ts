import { describe, expect, test } from "bun:test";
import { closeSync, fstatSync, openSync } from "node:fs";
import { withPriority } from "../../src/log/priority.ts";
import { isJournal } from "../../src/systemd/journal-stream.ts";

describe("the journal", () => {
  test("is recognised by device and inode of the stream", () => {
    const fd = openSync("/dev/null", "r");
    const { dev, ino } = fstatSync(fd);
    expect(isJournal(fd, `${dev}:${ino}`)).toBe(true);
    expect(isJournal(fd, `${dev}:${ino + 1}`)).toBe(false);
    expect(isJournal(fd, undefined)).toBe(false);
    closeSync(fd);
    expect(isJournal(fd, `${dev}:${ino}`)).toBe(false);
  });

  test("gets a priority in front of every line", () => {
    expect(withPriority("info", "a\nb\n")).toBe("<6>a\n<6>b\n");
    expect(withPriority("error", "\n")).toBe("<3>\n");
    expect((["debug", "warn"] as const).map((level) => withPriority(level, "a\n"))).toEqual(["<7>a\n", "<4>a\n"]);
  });

  test("the logger knows which of its streams is the journal", async () => {
    const script = `
      import { Logger } from ${JSON.stringify(new URL("../../src/log/logger.ts", import.meta.url).pathname)};
      const log = new Logger({ level: "info", format: "json" }, { out: true, err: false });
      log.info("one"); log.warn("two"); log.error("three"); log.lines(Buffer.from("four\\nfive\\n"));
      log.configure({ level: "error", format: "json" });
      log.warn("six");
      await log.flush(1000);`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(out.match(/^<\d>/gm)).toEqual(["<6>", "<4>", "<6>", "<6>"]);
    expect(err).toStartWith('{"level":"error"');
  });
});
