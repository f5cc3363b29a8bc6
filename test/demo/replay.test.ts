import { describe, expect, test } from "bun:test";
import type { AnswerSink } from "../../src/demo/answer-watch.ts";
import { Recorder } from "../../src/demo/recorder.ts";
import { replay, type ReplayClock } from "../../src/demo/replay.ts";
import type { Workload } from "../../src/demo/workload.ts";

/** Time that moves only when told. */
class FakeClock implements ReplayClock {
  #now = 5000;
  readonly #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): void {
    this.#timers.push({ at: this.#now + delayMs, callback });
  }

  advance(ms: number, late = 0): void {
    const end = this.#now + ms;
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at);
      const timer = this.#timers[0];
      if (timer === undefined || timer.at > end) break;
      this.#timers.shift();
      this.#now = Math.max(this.#now, timer.at) + late;
      timer.callback();
    }
    this.#now = Math.max(this.#now, end);
  }
}

const ROLE = Buffer.from('data: {"choices":[{"delta":{"role":"assistant"}}]} \n\n');
const TOKENS = Buffer.from('data: {"choices":[{"delta":{"content":" the"}}]}\n\n');
const DONE = Buffer.from("data: [DONE]\n\n");

function workloadOf(dueMs: readonly number[], outputTokens = 4): Workload {
  return {
    requests: dueMs.map((due, id) => ({ id, atMs: due, dueMs: due, promptTokens: 3, outputTokens, blockIds: null })),
    rateScale: 1,
    load: 0.5,
    durationMs: dueMs.at(-1) ?? 0,
  };
}

function start(workload: Workload, timeScale = 1) {
  const clock = new FakeClock();
  const sinks: AnswerSink[] = [];
  const sentAt: number[] = [];
  const recorder = new Recorder(timeScale, ["a", "b"]);
  const abort = new AbortController();
  const ended = replay(workload, {
    send: (_body, sink) => {
      sinks.push(sink);
      sentAt.push(clock.now() - 5000);
    },
    clock,
    recorder,
    tokensPerEvent: 2,
    signal: abort.signal,
  });
  const sink = (index: number): AnswerSink => {
    const found = sinks[index];
    if (found === undefined) throw new Error(`request ${index} was not sent`);
    return found;
  };
  const answer = (index: number, instance = "a"): void => {
    sink(index).onHead(200, instance);
    sink(index).onData(ROLE);
    sink(index).onData(TOKENS);
    sink(index).onData(TOKENS);
    sink(index).onData(DONE);
    sink(index).onEnd();
  };
  return { clock, sentAt, recorder, abort, ended, sink, answer };
}

async function failure(act: (sink: AnswerSink) => void): Promise<unknown> {
  const { recorder, sink, ended } = start(workloadOf([0]));
  act(sink(0));
  await ended;
  return recorder.failures();
}

/** What a promise was rejected with. */
function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}

describe("open loop", () => {
  test("requests start at their due times although none is answered", () => {
    const { clock, sentAt } = start(workloadOf([0, 10, 10, 35]));
    expect(sentAt).toEqual([0]);
    clock.advance(100);
    expect(sentAt).toEqual([0, 10, 10, 35]);
  });

  test("a late timer sends all that has become due, and counts from the due times", async () => {
    const { clock, sentAt, recorder, answer, ended } = start(workloadOf([0, 10, 20]));
    clock.advance(10, 40);
    expect(sentAt).toEqual([0, 50, 50]);
    for (const index of [0, 1, 2]) answer(index);
    await ended;
    expect(recorder.ttftMs.p99).toBeCloseTo(50, 0);
    expect(recorder.ttftMs.p50).toBeCloseTo(40, 0);
  });

  test("resolves only when the last request has ended, well or not", async () => {
    const { clock, recorder, ended, sink, answer } = start(workloadOf([0, 1]));
    clock.advance(5);
    let resolved = false;
    const watched = ended.then(() => (resolved = true));
    answer(0);
    await Promise.resolve();
    expect(resolved).toBe(false);
    sink(1).onFailure("refused");
    await watched;
    expect([recorder.completed, recorder.failed]).toEqual([1, 1]);
  });

  test("an abort stops sending and rejects with its reason", async () => {
    const { clock, sentAt, abort, ended } = start(workloadOf([0, 10]));
    abort.abort(new Error("interrupted"));
    clock.advance(100);
    expect(sentAt).toEqual([0]);
    expect(await rejection(ended)).toHaveProperty("message", expect.stringContaining("interrupted"));
  });
});

describe("times", () => {
  test("are in engine time: wall time multiplied by the time scale", async () => {
    const { clock, recorder, answer, ended } = start(workloadOf([0]), 10);
    clock.advance(7);
    answer(0);
    await ended;
    expect(recorder.ttftMs.p50).toBeCloseTo(70, 0);
  });

  test("the gap before an event is shared by the tokens in it", async () => {
    const { clock, recorder, sink, ended } = start(workloadOf([0], 5));
    sink(0).onHead(200, "a");
    sink(0).onData(ROLE);
    clock.advance(6);
    sink(0).onData(TOKENS); // token 2 of tokens 1 and 2: one gap of 6
    clock.advance(20);
    sink(0).onData(TOKENS); // tokens 3 and 4: two gaps of 10
    clock.advance(30);
    sink(0).onData(TOKENS); // token 5: one gap of 30
    sink(0).onData(DONE);
    sink(0).onEnd();
    await ended;
    expect(recorder.outputTokens).toBe(5);
    expect(recorder.tokenGapMs.p50).toBeCloseTo(10, 0);
    expect(recorder.tokenGapMs.p99).toBeCloseTo(30, 0);
  });
});

describe("what counts as a failure", () => {
  test("a status other than 200", async () => {
    const failed = await failure((sink) => {
      sink.onHead(503, null);
      sink.onEnd();
    });
    expect(failed).toEqual([["status 503", 1]]);
  });

  test("a stream without [DONE]", async () => {
    const failed = await failure((sink) => {
      sink.onHead(200, "a");
      sink.onData(ROLE);
      sink.onEnd();
    });
    expect(failed).toEqual([["stream ended without [DONE]", 1]]);
  });

  test("an error event, though the status was 200 and [DONE] came", async () => {
    const failed = await failure((sink) => {
      sink.onHead(200, "a");
      sink.onData(Buffer.from('data: {"error":{"message":"x"}}\n\n'));
      sink.onData(DONE);
      sink.onEnd();
    });
    expect(failed).toEqual([["error event in the stream", 1]]);
  });
});
