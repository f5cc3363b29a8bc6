import { afterEach, describe, expect, test } from "bun:test";
import type { LoadReport } from "../../src/fleet/snapshot.ts";
import { readFigures, type Scraped, scrapeOverHttp } from "../../src/registry/metrics-scraper.ts";
import { registryOptions } from "../../src/registry/options.ts";
import { createRegistry, type RegistryService } from "../../src/registry/service.ts";
import { FakeClock, mixed, settle } from "./support/fixture.ts";

const BOTH = "fastdeploy:num_requests_running 7.0\nfastdeploy:num_requests_waiting 1.0\n";

describe("the figures of a page", () => {
  test("are the counts, cut to whole numbers, and the use of the cache", () => {
    const page = `${BOTH}fastdeploy:gpu_cache_usage_perc 0.4375\n`;
    expect(readFigures(page)).toEqual({ ok: true, figures: { running: 7, waiting: 1, kvUsage: 0.4375 } });
    const odd = 'fastdeploy:num_requests_running{rank="0"} 9.9\nfastdeploy:num_requests_running{rank="1"} 1e1\n';
    expect(readFigures(`${odd}fastdeploy:num_requests_waiting 2`)).toMatchObject({
      figures: { running: 19, waiting: 2 },
    });
  });

  test("are none where a count is missing: that must not read as idle", () => {
    expect(readFigures(" \n")).toEqual({ ok: false, problem: "metrics response is empty" });
    for (const page of [
      "fastdeploy:num_requests_running 7\n",
      "num_requests_waiting 1\n",
      "<html>",
      BOTH.replace("7.0", "NaN"),
    ])
      expect(readFigures(page)).toEqual({ ok: false, problem: "failed to parse metrics response" });
  });
});

test("over HTTP: status, redirects and nobody there are failures", async () => {
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      new Response(BOTH, { status: Number(new URL(request.url).pathname.slice(1)), headers: { location: "/200" } }),
  });
  const at = (path: string): Promise<Scraped> => scrapeOverHttp(`http://127.0.0.1:${server.port}${path}`, 1000);
  expect(await at("/200")).toMatchObject({ ok: true });
  expect(await at("/500")).toEqual({ ok: false, problem: "metrics response status 500" });
  expect(await at("/302")).toEqual({ ok: false, problem: "metrics response status 302" });
  expect(await scrapeOverHttp("http://127.0.0.1:1/metrics", 1000)).toEqual({
    ok: false,
    problem: 'Get "http://127.0.0.1:1/metrics": connection refused',
  });
});

class Scraping {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  readonly urls: string[] = [];
  answer: (url: string) => Promise<Scraped> = () => Promise.resolve(readFigures(BOTH));
  readonly registry: RegistryService;

  constructor(options: object = {}, reportsWanted = true) {
    const line = (message: string): void => void this.lines.push(message);
    this.registry = createRegistry(registryOptions.parse({ "registration-port": 0, ...options }), {
      splitwise: false,
      routerPort: 9000,
      log: { debug: () => undefined, info: line, warn: line, error: line },
      reportsWanted,
      now: () => this.clock.now,
      timers: this.clock,
      probe: () => Promise.resolve(null),
      scrape: (url) => {
        this.urls.push(url);
        return this.answer(url);
      },
    });
    started.push(this.registry);
  }

  async register(port: number, more: object = {}): Promise<void> {
    const body = Buffer.from(JSON.stringify(mixed(port, more)));
    await this.registry.handle({ method: "POST", path: "/register", query: "", body, peer: "127.0.0.1" });
    await settle();
  }

  get reports(): readonly (LoadReport | null)[] {
    return this.registry.snapshot().members.map(({ report }) => report);
  }

  get problems(): readonly string[] {
    return this.lines.filter((line) => line.startsWith("GetRemoteMetrics"));
  }
}

const started: RegistryService[] = [];
afterEach(async () => {
  for (const registry of started.splice(0)) await registry.stop();
});

describe("engines' metrics", () => {
  test("are asked for at once when an instance joins, at its metrics port, and then once an interval", async () => {
    const scraping = new Scraping();
    await scraping.registry.start();
    await scraping.register(8000, { metrics_port: 8001 });
    await scraping.clock.advance(50);
    expect(scraping.urls).toEqual(["http://10.0.0.1:8001/metrics"]);
    expect(scraping.reports).toMatchObject([{ running: 7, waiting: 1 }]);
    await scraping.clock.advance(3000);
    expect(scraping.urls).toHaveLength(4);
    expect(scraping.reports[0]?.ageMs).toBeLessThan(1000);
  });

  test("are not asked for where no policy wants them, unless told so", async () => {
    const unwanted = new Scraping({}, false);
    const off = new Scraping({ "metrics-update-interval-secs": 0 });
    const on = new Scraping({ "metrics-update-interval-secs": 10 }, false);
    for (const scraping of [unwanted, off, on]) {
      await scraping.registry.start();
      await scraping.register(8000);
      await scraping.clock.advance(15_000);
    }
    expect([unwanted, off, on].map(({ urls }) => urls.length)).toEqual([0, 0, 2]);
  });

  test("are asked for from a reload on that wants them", async () => {
    const scraping = new Scraping({}, false);
    await scraping.registry.start();
    await scraping.register(8000);
    scraping.registry.configure(registryOptions.parse({}), true);
    await scraping.clock.advance(2500);
    expect(scraping.urls.length).toBeGreaterThanOrEqual(2);
  });

  test("that fail are named once, and again when they are back; the last figures only grow old", async () => {
    const scraping = new Scraping();
    await scraping.registry.start();
    await scraping.register(8000);
    await scraping.clock.advance(500);
    scraping.answer = () => Promise.resolve({ ok: false, problem: "metrics response is empty" });
    await scraping.clock.advance(4000);
    expect(scraping.problems).toEqual([
      "GetRemoteMetrics failed for http://10.0.0.1:8000, falling back to local counter: metrics response is empty",
    ]);
    expect(scraping.reports[0]?.ageMs).toBeGreaterThan(4000);
    scraping.answer = () => Promise.resolve(readFigures(BOTH));
    await scraping.clock.advance(1500);
    expect(scraping.problems[1]).toBe("GetRemoteMetrics works again for http://10.0.0.1:8000");
    expect(scraping.reports[0]?.ageMs).toBeLessThan(1500);
  });

  test("of a slow engine are asked for once at a time, and hold up nobody else's", async () => {
    const scraping = new Scraping();
    await scraping.registry.start();
    scraping.answer = (url) =>
      url.includes(":8000/") ? new Promise<Scraped>(() => undefined) : Promise.resolve(readFigures(BOTH));
    await scraping.register(8000);
    await scraping.register(8001);
    await scraping.clock.advance(3000);
    expect(scraping.urls.filter((url) => url.includes(":8000/"))).toHaveLength(1);
    expect(scraping.reports).toMatchObject([null, { running: 7 }]);
  });

  test("of many engines are asked for a bounded number at a time", async () => {
    const scraping = new Scraping();
    await scraping.registry.start();
    scraping.answer = () => new Promise<Scraped>(() => undefined);
    const all = Array.from({ length: 50 }, (_, i) => scraping.register(8000 + i));
    await scraping.clock.advance(2000);
    await Promise.all(all);
    expect(scraping.urls).toHaveLength(32);
  });
});
