import { describe, expect, test } from "bun:test";
import { SessionStats } from "../../src/scheduler/session-stats.ts";
import { assigned, byPolicy, COMPLETED, fleet, idOf, schedulerOf } from "./support.ts";

const HASHES = [11, 12, 13];

describe("session counts", () => {
  test("a request hits where its session's last one went", () => {
    const sessions = new SessionStats();
    for (const number of [1, 1, 2, 2, 1]) sessions.note("mixed", "s", idOf(number));
    sessions.note("mixed", "other", idOf(1));
    expect({ hits: sessions.hits, requests: sessions.requests }).toEqual({ hits: 2, requests: 6 });
  });

  test("each role has its own memory, so that the two halves of a pair do not undo each other's hits", () => {
    const sessions = new SessionStats();
    for (let i = 0; i < 3; i++) {
      sessions.note("prefill", "s", idOf(1));
      sessions.note("decode", "s", idOf(2));
    }
    expect(sessions.hits).toBe(4);
  });

  test("the memory is bounded: the session that was silent longest is forgotten", () => {
    const sessions = new SessionStats(2);
    sessions.note("mixed", "a", idOf(1));
    sessions.note("mixed", "b", idOf(1));
    sessions.note("mixed", "a", idOf(1));
    sessions.note("mixed", "c", idOf(1));
    sessions.note("mixed", "a", idOf(1));
    expect(sessions.hits).toBe(2);
    sessions.note("mixed", "b", idOf(1));
    expect(sessions.hits).toBe(2);
  });

  test("only moves are told, and nothing while there is nobody to tell", () => {
    const sessions = new SessionStats();
    sessions.note("mixed", "a", idOf(1));
    expect(sessions.takeUntold()).toEqual([]);
    sessions.isShared = true;
    for (const number of [1, 2, 2]) sessions.note("mixed", "a", idOf(number));
    expect(sessions.takeUntold()).toEqual([{ role: "mixed", sessionId: "a", id: idOf(2) }]);
    expect(sessions.takeUntold()).toEqual([]);
  });
});

describe("sessions of cache-aware policies", () => {
  test("are counted where a choice was by scores, and not where it fell back", () => {
    const scheduler = schedulerOf(byPolicy("cache_aware"));
    scheduler.update(fleet(2), 0);
    const send = (over: object): void => assigned(scheduler, 0, { sessionId: "s", ...over }).settle(COMPLETED, 0);
    send({ prefixHashes: HASHES });
    send({ prefixHashes: HASHES });
    send({});
    send({ prefixHashes: HASHES, sessionId: null });
    const { hits, requests } = scheduler.sessionCounts;
    expect({ hits, requests }).toEqual({ hits: 1, requests: 2 });
  });

  test("are followed from dispatcher to dispatcher", () => {
    const [one, two] = [1, 2].map((seed) => schedulerOf(byPolicy("cache_aware"), seed));
    if (one === undefined || two === undefined) throw new Error("two dispatchers are wanted");
    for (const [index, scheduler] of [one, two].entries()) {
      scheduler.update(fleet(2), 0);
      scheduler.setDispatchers(index, 2);
    }
    const send = (scheduler: typeof one): void =>
      assigned(scheduler, 0, { sessionId: "s", prefixHashes: HASHES }).settle(COMPLETED, 0);
    send(one);
    const digest = one.takeDigest(0, false);
    if (digest === null) throw new Error("no digest");
    two.receive(digest, 0);
    send(two);
    expect(two.sessionCounts.hits).toBe(1);
  });

  test("a request whose first choice was full is counted once, and its prefix only where it went", () => {
    const scheduler = schedulerOf(byPolicy("cache_aware"));
    scheduler.update(fleet(2), 0);
    const first = assigned(scheduler, 0, { sessionId: "s", prefixHashes: HASHES });
    const again = scheduler.assign(
      { role: "mixed", model: null, promptTokens: 0, stream: false, sessionId: "s", prefixHashes: HASHES },
      new Set([first.instance.id]),
      0,
    );
    expect(again).toMatchObject({ ok: true, assignment: { instance: { id: idOf(1) } } });
    expect(scheduler.sessionCounts.requests).toBe(2);
  });
});
