import { afterEach, describe, expect, test } from "bun:test";
import { instanceId } from "../../src/fleet/instance.ts";
import { type Lane, Prober, probeOverHttp } from "../../src/registry/health.ts";
import { settle, until } from "./support/fixture.ts";

const stops: (() => unknown)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Answers every connection with these bytes and closes; null never answers. */
function scripted(answer: string | null): string {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        if (answer === null) return;
        socket.write(answer);
        socket.end();
      },
    },
  });
  stops.push(() => listener.stop(true));
  return `http://127.0.0.1:${listener.port}/health`;
}

const head = (status: string): string => `HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`;

describe("a probe over HTTP", () => {
  test("200 and nothing else is healthy", async () => {
    expect(await probeOverHttp(scripted(head("200 OK")), 1000)).toBeNull();
    for (const status of ["204 No Content", "301 Moved", "400 Bad", "404 Not Found", "500 Oops", "503 Busy"]) {
      expect(await probeOverHttp(scripted(head(status)), 1000)).toBe("");
    }
  });

  test("U22 a redirect is not followed", async () => {
    const target = scripted(head("200 OK"));
    const answer = `HTTP/1.1 302 Found\r\nLocation: ${target}\r\nContent-Length: 0\r\n\r\n`;
    expect(await probeOverHttp(scripted(answer), 1000)).toBe("");
  });

  test("a body that is cut, endless or no HTTP at all is unhealthy, and says why", async () => {
    const cut = await probeOverHttp(scripted("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"), 1000);
    expect(cut).toStartWith("failed to read response body: ");
    const long = `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${"x".repeat(100_000)}`;
    expect(await probeOverHttp(scripted(long), 1000)).toContain("longer than 65536 bytes");
    expect(await probeOverHttp(scripted("garbage\r\n\r\n"), 1000)).toStartWith(
      "failed to send request to http://127.0.0.1:",
    );
    expect(await probeOverHttp(scripted(""), 1000)).toContain("connection closed");
  });

  test("a server that does not answer in time, or is not there, is unhealthy", async () => {
    const url = scripted(null);
    expect(await probeOverHttp(url, 30)).toBe(
      `failed to send request to ${url} with error: Get "${url}": context deadline exceeded`,
    );
    const gone = scripted(null);
    for (const stop of stops.splice(0)) stop();
    expect(await probeOverHttp(gone, 1000)).toEndWith("connection refused");
  });
});

function prober(): {
  prober: Prober;
  running: () => number;
  most: () => number;
  finish: () => void;
  begun: string[];
} {
  const waiting: (() => void)[] = [];
  const begun: string[] = [];
  let most = 0;
  const made = new Prober(
    (url) => {
      begun.push(url);
      return new Promise((resolve) => {
        waiting.push(() => resolve(null));
        most = Math.max(most, waiting.length);
      });
    },
    "/h",
    1000,
  );
  const finish = (): void => {
    for (const end of waiting.splice(0)) end();
  };
  return { prober: made, running: () => waiting.length, most: () => most, finish, begun };
}

const job = (n: number, lane: Lane = "in-service", done: () => void = () => {}) => ({
  id: instanceId("http", "10.0.0.1", n),
  lane,
  begin: () => done,
});

describe("the prober", () => {
  test("B22 probes of one instance never overlap; one asked for meanwhile follows", async () => {
    const p = prober();
    p.prober.request(job(1), false);
    p.prober.request(job(1), false);
    p.prober.request(job(1), true);
    p.prober.request(job(1), true);
    expect(p.running()).toBe(1);
    p.finish();
    await settle();
    expect(p.running()).toBe(1);
    p.finish();
    await settle();
    expect([p.running(), p.begun.length]).toEqual([0, 2]);
  });

  test("G16 a flood of newcomers does not keep those in service from being probed", async () => {
    const p = prober();
    let done = 0;
    for (let n = 1; n <= 1000; n++)
      p.prober.request(
        job(n, "waiting", () => done++),
        false,
      );
    expect(p.running()).toBe(16);
    p.prober.request(job(2000), false);
    expect(p.begun.at(-1)).toBe("http://10.0.0.1:2000/h");
    for (let i = 0; i < 100; i++) {
      p.finish();
      await settle();
    }
    expect([done, p.most() <= 64]).toEqual([1000, true]);
  });

  test("a probe that throws is a failed probe", async () => {
    const problems: (string | null)[] = [];
    const made = new Prober(() => Promise.reject(new Error("boom")), "/h", 1000);
    made.request(
      { id: instanceId("http", "10.0.0.1", 1), lane: "waiting", begin: () => (p) => problems.push(p) },
      false,
    );
    await until(() => problems.length === 1);
    expect(problems).toEqual(["boom"]);
  });

  test("nothing is reported or begun after stop", async () => {
    const p = prober();
    let done = 0;
    p.prober.request(
      job(1, "in-service", () => done++),
      false,
    );
    p.prober.stop();
    p.finish();
    await settle();
    p.prober.request(job(2), false);
    expect([done, p.running()]).toEqual([0, 0]);
  });
});
