/** The Go router's policies in the compiled program, with one worker thread and with two that learn from each other's digests. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fleet } from "../support/fleet.ts";
import { postJson } from "../support/http-client.ts";
import { until } from "../support/until.ts";
import { HeldFleet, reports } from "./held-fleet.ts";

const FILLER = { user: "x".repeat(5000) };

function policy(name: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return { FD_ROUTER_SCHEDULER_POLICY: name, ...more };
}

/** So that a few letters are a block. */
const SMALL_BLOCKS = { FD_ROUTER_SCHEDULER_CACHE_BLOCK_SIZE: "4" };

describe.each([1, 2])("with %d worker threads", (workers) => {
  test("process_tokens counts the prompt's characters, not the body's bytes", async () => {
    await using held = await HeldFleet.start(3, { workers, env: policy("process_tokens") });
    const chosen: number[] = [];
    // 8, 4 and 6 tokens; then 2 more where there are fewest, and the tie goes to the fewer requests.
    for (const [content, more] of [["你好世界"], ["xx", FILLER], ["xxx"], ["x", FILLER], ["x"]] as const) {
      chosen.push(await held.open(content, more));
    }
    expect(chosen).toEqual([0, 1, 2, 1, 2]);
  }, 20_000);

  test("process_tokens spreads empty prompts by request counts", async () => {
    await using held = await HeldFleet.start(3, { workers, env: policy("process_tokens") });
    expect([await held.open(""), await held.open(""), await held.open([{ type: "image_url" }])]).toEqual([0, 1, 2]);
  }, 20_000);

  test("cache_aware returns to where the prefix is, and counts sessions", async () => {
    await using held = await HeldFleet.start(2, { workers, env: policy("cache_aware", SMALL_BLOCKS) });
    const session = { session_id: "s" };
    expect(await held.open("something else")).toBe(0);
    expect(await held.run("abcdefghijkl", session)).toBe(1);
    await held.end(0);
    for (let i = 0; i < 4; i++) expect(await held.run("abcdefghijklmnop", session)).toBe(1);
    expect(await held.run("something else", session)).toBe(0);
    const metrics = await held.fleet.metrics();
    expect(metrics.sum("router_cache_request_total")).toBe(6);
    expect(metrics.sum("router_cache_hit_total")).toBe(4);
    const selected = held.fleet.router.output.match(/final strategy: cache_aware_scoring, selected=\S+, loads=map\[/g);
    expect(selected).toHaveLength(7);
  }, 20_000);

  test("cache_aware goes by tokens when the loads are apart, and says so", async () => {
    await using held = await HeldFleet.start(2, {
      workers,
      env: policy("cache_aware", { ...SMALL_BLOCKS, FD_ROUTER_SCHEDULER_LOAD_BALANCE_WEIGHT: "0.01" }),
    });
    for (const expected of [0, 0, 1]) expect(await held.open("abcdefgh")).toBe(expected);
    await until(
      () => /process_tokens, reason: load imbalanced, loads=map\[\S+:2 \S+:0\]/.test(held.fleet.router.output),
      "the line",
    );
  }, 20_000);

  test("fd_remote_metrics_score follows the engines' reports, which nobody asks for per request", async () => {
    await using held = await HeldFleet.start(3, {
      workers,
      env: policy("fd_remote_metrics_score", { FD_ROUTER_MANAGER_METRICS_UPDATE_INTERVAL_SECS: "0.2" }),
      dress: (engine, number) => (engine.page = number === 2 ? "" : reports([5, 1][number] ?? 0, number)),
    });
    const [first, second] = held.engines;
    if (first === undefined || second === undefined) throw new Error("no engines");
    const silent = /GetRemoteMetrics failed for \S+, falling back to local counter: metrics response is empty/g;
    await until(() => silent.test(held.fleet.router.output), "the warning");
    await until(() => first.scrapes > 3 && second.scrapes > 3, "rounds whose figures the threads have by now");
    // The engine without figures counts as what the router sent there: nothing.
    expect(await held.open("x")).toBe(2);
    // 5, 1 + 1 waiting, and 1.
    expect(await held.open("x")).toBe(2);
    // 5, 2 and 2: a tie, the first.
    expect(await held.open("x")).toBe(1);
    second.page = reports(9, 0);
    first.page = reports(0, 0);
    const scrapes = first.scrapes;
    await until(() => first.scrapes > scrapes + 1, "two further rounds");
    await until(async () => (await held.run("x")) === 0, "a request at the engine that is idle now");
    const before = first.scrapes;
    await held.openMany(50);
    expect(first.scrapes - before).toBeLessThan(25);
    expect(held.fleet.router.output.match(silent)).toHaveLength(1);
  }, 20_000);
});

test("round_robin with one worker thread goes strictly in order of URL", async () => {
  await using held = await HeldFleet.start(3, { workers: 1, env: policy("round_robin") });
  const chosen: number[] = [];
  for (let i = 0; i < 7; i++) chosen.push(await held.open("x"));
  expect(chosen).toEqual([0, 1, 2, 0, 1, 2, 0]);
}, 20_000);

test("round_robin with two worker threads has a turn in each, so that shares differ by no more than one a thread", async () => {
  await using held = await HeldFleet.start(3, { workers: 2, env: policy("round_robin") });
  for (let i = 0; i < 13; i++) await held.open("x");
  const counts = held.engines.map((engine) => engine.held);
  expect(counts.reduce((sum, count) => sum + count)).toBe(13);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
}, 20_000);

test("a slow tokenizer delays the requests that need it side by side, and nothing else; a broken one is named", async () => {
  const tokenizer = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { text } = (await request.json()) as { readonly text: string };
      if (text === "broken") return new Response("oops", { status: 500 });
      await Bun.sleep(300);
      return Response.json({ input_ids: [1, 2, 3, 4] });
    },
  });
  const url = `127.0.0.1:${tokenizer.port}`;
  const env = policy("cache_aware", { ...SMALL_BLOCKS, FD_ROUTER_SCHEDULER_TOKENIZER_URL: url });
  await using fleet = await Fleet.start({ env });
  await fleet.engine();
  const startedAt = performance.now();
  const chat = (content: string): Promise<unknown> =>
    fleet.ask(postJson("/v1/chat/completions", { max_tokens: 1, messages: [{ role: "user", content }] }));
  let ended = 0;
  const slow = Array.from({ length: 8 }, () => chat("x").then(() => ended++));
  expect((await fleet.ask({ path: "/health" })).status).toBe(200);
  await chat("broken");
  expect(ended).toBe(0);
  await Promise.all(slow);
  // One after the other they would take 2.4 s.
  expect(performance.now() - startedAt).toBeLessThan(1500);
  await until(
    () =>
      fleet.router.output.includes(
        "cache-aware prefill: tokenizer failed, fallback to char tokens: tokenizer response status 500: oops",
      ),
    "the warning",
  );
  await tokenizer.stop(true);
}, 20_000);

test("policies that read no prompt never look into a long body; the others refuse what is broken inside", async () => {
  const broken = `{"messages":[{"content":"${"x".repeat(20_000)}"},,]}`;
  const send = async (name: string): Promise<number> => {
    await using fleet = await Fleet.start({ env: policy(name) });
    await fleet.engine();
    return (await fleet.ask({ method: "POST", path: "/v1/chat/completions", body: broken })).status;
  };
  expect(await send("process_tokens")).toBe(400);
  // The engine refuses it, with a body of its own.
  expect(await send("p2c")).not.toBe(502);
}, 20_000);

test("an unknown policy in the file is warned of at the start, and p2c is used", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fd-policy-"));
  const path = join(folder, "config.yaml");
  writeFileSync(path, "scheduler:\n  policy: round_robbin\n");
  await using fleet = await Fleet.start({ flags: ["--config_path", path] });
  await fleet.router.says(
    /WARN.*config\.yaml:2:11: scheduler\.policy is "round_robbin", wanted .*"round_robin".*"p2c"/s,
  );
  await fleet.engine();
  expect((await fleet.chat({ messages: [{ role: "user", content: "x" }], max_tokens: 1 })).status).toBe(200);
  rmSync(folder, { recursive: true });
}, 20_000);
