/** The story of a request with fake surroundings: what the client gets, and that every count is given back once, whatever happens. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RouterError } from "../../src/errors.ts";
import { handle } from "../../src/proxy/handle.ts";
import type { UpstreamFailure } from "../../src/upstream/failure.ts";
import { FakeClient } from "./support/fake-client.ts";
import { FakeParts, settle } from "./support/fake-parts.ts";

const REFUSED: UpstreamFailure = { kind: "connect", detail: "ECONNREFUSED" };
const CUT: UpstreamFailure = { kind: "cut", detail: "closed" };
const SSE = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"];

interface Run {
  readonly client: FakeClient;
  readonly parts: FakeParts;
  readonly done: Promise<void>;
}

async function start(client = new FakeClient(), parts = new FakeParts()): Promise<Run> {
  const done = handle(client, parts.context);
  await settle();
  return { client, parts, done };
}

/** What must hold at the end of every request. */
function checkEnd({ client, parts }: Run): void {
  const { finished, crashes } = parts.recorder;
  expect(finished).toHaveLength(1);
  expect(crashes).toEqual([]);
  for (const { outcomes } of parts.assignments) expect(outcomes).toHaveLength(1);
  for (const exchange of parts.exchanges) expect(exchange.open).toBe(false);
  if (!client.gone) expect(client.ends).toHaveLength(1);
  expect(finished[0]?.status).toBe(client.sentStatus === 0 ? 499 : client.sentStatus);
}

describe("an answer", () => {
  test("of one piece is held and sent as one, and teaches its usage", async () => {
    const run = await start();
    run.parts.last.answer('{"usage":{"prompt_tokens":7}}');
    await run.done;
    checkEnd(run);
    expect([run.client.sentStatus, run.client.flushes, run.client.sent]).toEqual([
      200,
      0,
      '{"usage":{"prompt_tokens":7}}',
    ]);
    expect(run.parts.assignments[0]?.outcomes[0]).toEqual({
      kind: "completed",
      usage: { promptTokens: 7, cachedTokens: 0, completionTokens: 0 },
    });
    expect(run.client.headerSent("x-router-instance")).toBe("http://10.0.0.1:8000");
  });

  test("that streams is passed on part by part; the first one tells of the prefill, the gaps are measured", async () => {
    const run = await start(new FakeClient({ body: '{"stream":true}' }));
    run.parts.last.head(...SSE);
    await settle();
    run.parts.last.data("data: 1\n\n").readEnd();
    expect([run.client.sent, run.client.flushes, run.parts.assignments[0]?.firstTokens]).toEqual(["data: 1\n\n", 1, 1]);
    run.parts.last.data("data: 2\n\n").readEnd().data("data: [DONE]\n\n").end();
    await run.done;
    checkEnd(run);
    expect([
      run.parts.assignments[0]?.firstTokens,
      run.parts.recorder.gaps.length,
      run.parts.recorder.finished[0]?.error,
    ]).toEqual([1, 2, null]);
  });

  test("whose parts come with its head is complete", async () => {
    const run = await start();
    run.parts.last
      .head(...SSE)
      .data("data: 1\n\n")
      .data("data: [DONE]\n\n")
      .end();
    await run.done;
    checkEnd(run);
    expect(run.client.sent).toBe("data: 1\n\ndata: [DONE]\n\n");
  });

  test.each([
    [400, "declined"],
    [500, "failed"],
  ] as const)("of status %i counts as %s and is passed on", async (status, kind) => {
    const run = await start();
    run.parts.last.answer("oops", `${status} X`);
    await run.done;
    checkEnd(run);
    expect([run.client.sentStatus, run.parts.assignments[0]?.outcomes[0]?.kind]).toEqual([status, kind]);
  });

  test("goes to the same path without the query", async () => {
    const run = await start(new FakeClient({ path: "/v1/completions", query: "secret=1" }));
    expect(run.parts.last.request.head).toStartWith("POST /v1/completions HTTP/1.1\r\nhost: 10.0.0.1:8000\r\n");
    run.parts.last.answer("{}");
    await run.done;
  });
});

describe("back-pressure", () => {
  test("a client that takes no more stops the reading until it does", async () => {
    const run = await start();
    const { client, parts } = run;
    parts.last.head(...SSE);
    await settle();
    client.blocked = true;
    parts.last.data("a").readEnd();
    expect(parts.last.paused).toBe(true);
    client.drain();
    expect(parts.last.paused).toBe(false);
    parts.last.data("data: [DONE]\n\n").end();
    await run.done;
    checkEnd(run);
  });

  test("a client that takes nothing for too long is cut, and its instance is not to blame", async () => {
    const parts = new FakeParts();
    Object.assign(parts.context.limits, { writeTimeoutMs: 20 });
    const run = await start(new FakeClient(), parts);
    parts.last.head(...SSE);
    await settle();
    run.client.blocked = true;
    parts.last.data("a").readEnd();
    await run.done;
    checkEnd(run);
    expect([run.client.ends, parts.last.state, parts.assignments[0]?.outcomes[0]?.kind]).toEqual([
      ["abort"],
      "aborted",
      "abandoned",
    ]);
  });
});

describe("failures", () => {
  test("before the answer another instance is tried, never the same", async () => {
    const run = await start();
    run.parts.last.fail(REFUSED);
    await settle();
    expect(run.parts.exchanges).toHaveLength(2);
    run.parts.last.answer("{}");
    await run.done;
    checkEnd(run);
    expect(run.parts.assignments.map(({ instance }) => instance.port)).toEqual([8000, 8001]);
    expect(run.parts.assignments.map(({ outcomes }) => outcomes[0]?.kind)).toEqual(["failed", "completed"]);
    expect([run.parts.recorder.retries, run.parts.recorder.failures]).toEqual([1, ["http://10.0.0.1:8000 connect"]]);
  });

  test("the next instance gets the whole body, whose memory is given back after the answer", async () => {
    const body = JSON.stringify({ prompt: "a".repeat(20_000) });
    const run = await start(new FakeClient({ body }), new FakeParts({ maxBodyBytes: 100_000 }));
    run.parts.last.fail(REFUSED);
    await settle();
    const sent = run.parts.last.request.body;
    expect(Buffer.from(sent).toString()).toBe(body);
    run.parts.last.answer("{}");
    await run.done;
    checkEnd(run);
    expect(sent).toHaveLength(0);
  });

  test("of the last try is told to the client; of all instances, the first failure", async () => {
    for (const [parts, attempts] of [
      [new FakeParts({ retries: 1 }), 2],
      [new FakeParts({ instances: 1, retries: 5 }), 1],
      [new FakeParts({ retries: 0 }), 1],
    ] as const) {
      parts.onSend = (exchange) => exchange.fail(REFUSED);
      const run = await start(new FakeClient(), parts);
      await run.done;
      checkEnd(run);
      expect([run.client.sentStatus, parts.exchanges.length]).toEqual([502, attempts]);
      expect(run.client.headerSent("x-router-reason")).toBe("upstream_failed");
    }
  });

  test("a held answer that is cut leaves no trace in the next one", async () => {
    const parts = new FakeParts();
    parts.alive = false;
    const run = await start(new FakeClient(), parts);
    parts.last.head("HTTP/1.1 201 X", "X-First: 1", "Content-Length: 10").data("12345");
    await settle();
    parts.last.fail(CUT);
    await settle();
    parts.last.answer("{}");
    await run.done;
    checkEnd(run);
    expect([
      run.client.sentStatus,
      run.client.sent,
      run.client.headerSent("X-First"),
      parts.recorder.finished[0]?.responseBytes,
    ]).toEqual([200, "{}", undefined, 2]);
  });

  test("a request that may have run is not repeated while its instance lives", async () => {
    const run = await start();
    run.parts.last.fail({ kind: "closed-unanswered", detail: "closed" });
    await run.done;
    checkEnd(run);
    expect([run.client.sentStatus, run.parts.exchanges.length]).toEqual([502, 1]);
  });

  test("in the stream: error event, break, and the instance is to blame", async () => {
    const run = await start();
    run.parts.last.head(...SSE);
    await settle();
    run.parts.last.data("data: 1\n\nda").readEnd().fail(CUT);
    await run.done;
    checkEnd(run);
    expect(run.client.sent).toMatch(/^data: 1\n\nda\n\ndata: \{"error":.*\}\n\n$/);
    expect([run.client.ends, run.parts.recorder.finished[0]?.error, run.parts.exchanges.length]).toEqual([
      ["abort"],
      "upstream_cut",
      1,
    ]);
  });

  test.each([
    ["no-instance", 503],
    ["saturated", 429],
    ["exhausted", 502],
  ] as const)("nobody to send to (%s): %i", async (kind, status) => {
    const parts = new FakeParts();
    parts.refusal = { kind };
    const run = await start(new FakeClient(), parts);
    await run.done;
    checkEnd(run);
    expect(run.client.sentStatus).toBe(status);
  });

  test.each([
    ["body_too_large", 413],
    ["body_timeout", 408],
    ["invalid_body", 400],
  ] as const)("of the body (%s): %i, and no instance is asked", async (code, status) => {
    const run = await start(new FakeClient({ body: new RouterError(code) }));
    await run.done;
    checkEnd(run);
    expect([run.client.sentStatus, run.parts.assignments.length, run.parts.recorder.finished[0]?.error]).toEqual([
      status,
      0,
      code,
    ]);
  });

  test("D06 a head that the front does not take is 500, reported, and the count is given back", async () => {
    const client = new FakeClient();
    const end = client.end.bind(client);
    client.end = () => {
      client.end = end;
      throw new RangeError("bad status");
    };
    const run = await start(client);
    run.parts.last.answer("{}");
    await run.done;
    expect([client.sentStatus, client.ends]).toEqual([500, ["end"]]);
    expect(run.parts.recorder.crashes.map(String)).toEqual(["RangeError: bad status"]);
    expect(run.parts.assignments.map(({ outcomes }) => outcomes.length)).toEqual([1]);
  });

  test("D06 a mistake of ours is 500 and reported", async () => {
    const parts = new FakeParts();
    const broken = { ...parts.context, answerLocally: () => Promise.reject(new TypeError("oops")) };
    const client = new FakeClient({ method: "GET", path: "/health" });
    await handle(client, broken);
    expect([client.sentStatus, client.ends, parts.recorder.finished.length]).toEqual([500, ["end"], 1]);
    expect(parts.recorder.crashes.map(String)).toEqual(["TypeError: oops"]);
    expect(client.sent).not.toContain("oops");
  });
});

describe("a client that leaves", () => {
  test("before the answer, in a held one, in a stream: the exchange ends at once, nobody is to blame", async () => {
    for (const upTo of ["sent", "held", "streaming"] as const) {
      const run = await start();
      if (upTo === "held") run.parts.last.head("HTTP/1.1 200 OK", "Content-Length: 9").data("123");
      if (upTo === "streaming") run.parts.last.head(...SSE);
      await settle();
      if (upTo === "streaming") run.parts.last.data("a").readEnd();
      run.client.leave();
      expect(run.parts.last.state).toBe("aborted");
      await run.done;
      checkEnd(run);
      expect([run.parts.assignments[0]?.outcomes[0]?.kind, run.parts.recorder.finished[0]?.error]).toEqual([
        "abandoned",
        "client_gone",
      ]);
      expect(run.parts.recorder.finished[0]?.status).toBe(upTo === "streaming" ? 200 : 499);
    }
  });

  test("after its answer counts as served: what remains to be done waits for the end of the turn only", async () => {
    const run = await start();
    run.parts.last.head("HTTP/1.1 200 OK", "Content-Length: 3").data("123").end();
    expect([run.client.ends, run.parts.assignments[0]?.outcomes]).toEqual([["end"], []]);
    run.client.watcher?.left();
    await settle();
    await run.done;
    expect(run.parts.assignments[0]?.outcomes.map(({ kind }) => kind)).toEqual(["completed"]);
    expect(run.parts.recorder.finished[0]?.error).toBeNull();
  });

  test("between two attempts gets no second one", async () => {
    const run = await start();
    run.parts.last.fail(REFUSED);
    run.client.leave();
    await run.done;
    checkEnd(run);
    expect(run.parts.exchanges).toHaveLength(1);
  });
});

const event = fc.constantFrom(
  "sse",
  "short",
  "long",
  "data",
  "readEnd",
  "end",
  "refused",
  "cut",
  "late",
  "leave",
  "block",
  "drain",
  "wait",
  "dead",
);

test("whatever the order of events, counts are given back once, and the client is answered at most once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), fc.nat(3), async (events, retries) => {
      const run = await start(new FakeClient({ body: '{"stream":true}' }), new FakeParts({ retries }));
      const { client, parts } = run;
      for (const each of events) {
        const exchange = parts.last;
        if (each === "sse" && exchange.state === "waiting") exchange.head(...SSE);
        else if (each === "short" && exchange.state === "waiting")
          exchange.head("HTTP/1.1 200 OK", "Content-Length: 100");
        else if (each === "long" && exchange.state === "waiting")
          exchange.head("HTTP/1.1 200 OK", "Content-Length: 100000");
        else if (each === "data") exchange.data("data: x\n\n");
        else if (each === "readEnd") exchange.readEnd();
        else if (each === "end") exchange.end();
        else if (each === "refused" && exchange.state === "waiting") exchange.fail(REFUSED);
        else if (each === "cut") exchange.fail(CUT);
        else if (each === "late") exchange.fail({ kind: "idle-timeout", timeoutMs: 1 });
        else if (each === "leave") client.leave();
        else if (each === "block") client.blocked = true;
        else if (each === "drain") client.drain();
        else if (each === "dead") parts.alive = false;
        else if (each === "wait") await settle();
      }
      for (let i = 0; i <= retries; i++) {
        await settle();
        parts.last.fail(REFUSED);
      }
      await run.done;
      checkEnd(run);
    }),
    { seed: 10, numRuns: 1000 },
  );
});
