/** O06 for the whole program: nobody reads its log any more. */
import { afterEach, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../upstream/support/until.ts";
import { answers, ask, RawClient } from "./support/raw-client.ts";

const folder = mkdtempSync(join(tmpdir(), "blocked-log-"));
const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("O06 with its log blocked the router serves on, and still ends when told to", async () => {
  const path = join(folder, "log");
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeFd = openSync(path, constants.O_WRONLY);
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  const args = [
    "serve",
    "--port",
    "0",
    "--workers",
    "1",
    "--drain-timeout-secs",
    "1",
    "--stream-drain-timeout-secs",
    "1",
  ];
  const child = Bun.spawn([process.execPath, main, ...args], { cwd: folder, stdout: writeFd, stderr: "ignore" });
  children.push(child);
  closeSync(writeFd);

  let log = "";
  const buffer = Buffer.alloc(4096);
  await until(
    () => {
      try {
        log += buffer.toString("utf8", 0, readSync(readFd, buffer, 0, buffer.length, null));
      } catch {
        // EAGAIN: no line yet.
      }
      return /Listening on port \d+/.test(log);
    },
    "the port",
    10_000,
  );
  const port = Number(/Listening on port (\d+)/.exec(log)?.[1]);

  // More lines than a pipe holds (64 KiB), and nobody reads them.
  const client = await RawClient.connect(port);
  const request = `GET /${"x".repeat(200)} HTTP/1.1\r\nHost: r\r\n\r\n`;
  for (let sent = 0; sent < 600; sent += 50) {
    client.received = "";
    client.send(request.repeat(50));
    await client.untilAnswers(50);
  }
  await Bun.sleep(300);
  client.received = "";
  client.send(request);
  expect(answers(await client.untilAnswers(1))[0]?.status).toBe(404);
  expect((await ask(port, "GET /metrics HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"))?.status).toBe(200);
  client.end();

  child.kill("SIGTERM");
  const code = await Promise.race([child.exited, Bun.sleep(8000).then(() => "still there")]);
  expect(code).toBe(0);
  closeSync(readFd);
}, 30_000);
