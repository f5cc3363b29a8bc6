import { afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import {
  createRegistrationClient,
  type RegistrationClient,
  type RegistrationEvent,
} from "../../src/registration/client.ts";
import { encodeFrame, FrameDecoder } from "../../src/registration/frames.ts";
import {
  type ClientMessage,
  parseClientMessage,
  type RegistrationFields,
  type RouterMessage,
} from "../../src/registration/messages.ts";
import { FakeClock, problemOf, settle, until } from "../registry/support/fixture.ts";

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup();
});

const FIELDS: RegistrationFields = { role: "mixed", host_ip: "10.0.0.1", port: 8000 };
const LOAD = { running: 1, waiting: 2, kvUsage: 0.5 };

type Answers = (message: ClientMessage) => readonly RouterMessage[];

/** A router of the test's own making: answers each message as the test says and remembers all. */
class ScriptedRouter {
  readonly heard: ClientMessage[] = [];
  answers: Answers = welcomeAll;
  #socket: Socket | null = null;
  readonly #listener;

  constructor(port = 0) {
    const decoder = { current: new FrameDecoder() };
    this.#listener = Bun.listen({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => {
          this.#socket = socket;
          decoder.current = new FrameDecoder();
        },
        data: (_, chunk) => {
          for (const frame of decoder.current.push(chunk)) {
            const parsed = frame.kind === "message" ? parseClientMessage(frame.value) : null;
            if (parsed?.ok !== true) throw new Error("the client sent something that is no message");
            this.heard.push(parsed.message);
            this.say(...this.answers(parsed.message));
          }
        },
      },
    });
    cleanups.push(() => this.#listener.stop(true));
  }

  get port(): number {
    return this.#listener.port;
  }

  say(...messages: readonly RouterMessage[]): void {
    for (const message of messages) this.#socket?.write(encodeFrame(message));
  }

  raw(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  drop(): void {
    this.#socket?.terminate();
  }

  count(t: ClientMessage["t"]): number {
    return this.heard.filter((message) => message.t === t).length;
  }
}

/** Grants lease 1, 2, ... in the order of registrations; says done to all orders. */
function welcomeAll(message: ClientMessage): readonly RouterMessage[] {
  if (message.t === "hello") return [{ t: "welcome", version: 1, heartbeat_ms: 3000, lease_ms: 15_000 }];
  if (message.t === "register")
    return [{ t: "registered", seq: message.seq, lease: message.seq, id: "http://10.0.0.1:8000" }];
  return "seq" in message ? [{ t: "done", seq: message.seq }] : [];
}

function setUp(token?: string): {
  router: ScriptedRouter;
  client: RegistrationClient;
  clock: FakeClock;
  events: RegistrationEvent[];
} {
  const router = new ScriptedRouter();
  const clock = new FakeClock();
  const events: RegistrationEvent[] = [];
  const client = createRegistrationClient({
    host: "127.0.0.1",
    port: router.port,
    token,
    timers: clock,
    random: () => 1,
    onEvent: (event) => events.push(event),
  });
  cleanups.push(() => client.close());
  return { router, client, clock, events };
}

describe("registering", () => {
  test("hello comes first, with the token, and one connection carries many instances", async () => {
    const { router, client } = setUp("secret");
    await Promise.all([1, 2, 3].map((port) => client.register({ ...FIELDS, port })));
    expect(router.heard[0]).toMatchObject({ t: "hello", version: 1, token: "secret" });
    expect(router.heard.map((message) => message.t)).toEqual(["hello", "register", "register", "register"]);
  });

  test("a final refusal rejects, one that may pass is tried again", async () => {
    const { router, client, clock, events } = setUp();
    const refuse =
      (code: "invalid_instance" | "table_full"): Answers =>
      (message) =>
        message.t === "register" ? [{ t: "error", seq: message.seq, code, message: "no" }] : welcomeAll(message);
    router.answers = refuse("invalid_instance");
    expect(await problemOf(client.register(FIELDS))).toBe("registration refused: invalid_instance: no");
    router.answers = refuse("table_full");
    const patient = client.register(FIELDS);
    await until(() => events.some((event) => event.kind === "refused" && event.code === "table_full"));
    router.answers = welcomeAll;
    await clock.advance(5000);
    await patient;
  });

  test("a refused hello rejects what waits, and the client may be used again", async () => {
    const { router, client, clock } = setUp();
    router.answers = () => [{ t: "error", seq: 0, code: "unauthorized", message: "no" }];
    expect(await problemOf(client.register(FIELDS))).toContain("unauthorized");
    router.answers = welcomeAll;
    await clock.advance(10_000);
    await client.register(FIELDS);
  });

  test("close rejects what waits", async () => {
    const { router, client } = setUp();
    router.answers = () => [];
    const waiting = client.register(FIELDS);
    await until(() => router.count("hello") === 1);
    client.close();
    expect(await problemOf(waiting)).toContain("closed");
  });
});

describe("heartbeats and reports", () => {
  test("a lease is kept without figures until there are new ones", async () => {
    const { router, client, clock } = setUp();
    const instance = await client.register(FIELDS);
    await clock.advance(3000);
    await until(() => router.count("beat") === 1);
    instance.report(LOAD);
    await until(() => router.count("report") === 1);
    expect(router.heard.at(-1)).toEqual({ t: "report", lease: 1, running: 1, waiting: 2, kv_usage: 0.5 });
    await clock.advance(3000);
    await until(() => router.count("beat") === 2);
    expect(router.count("report")).toBe(1);
  });

  test("reports are sent at most every 100 ms, the last one always", async () => {
    const { router, client, clock } = setUp();
    const instance = await client.register(FIELDS);
    for (let running = 1; running <= 50; running++) instance.report({ ...LOAD, running });
    await clock.advance(100);
    await until(() => router.count("report") === 2);
    expect(router.heard.at(-1)).toMatchObject({ running: 50 });
    await clock.advance(1000);
    expect(router.count("report")).toBe(2);
  });
});

describe("losing the router", () => {
  test("everything is registered again, with its last figures and wishes", async () => {
    const { router, client, clock, events } = setUp();
    const instance = await client.register(FIELDS);
    instance.report(LOAD);
    const drained = instance.drain(60_000);
    await until(() => router.count("drain") === 1);
    router.drop();
    await until(() => events.some((event) => event.kind === "disconnected"));
    router.heard.length = 0;
    await clock.advance(100);
    await until(() => router.heard.length >= 4);
    expect(router.heard.map((message) => message.t).toSorted()).toEqual(["drain", "hello", "register", "report"]);
    const lease = router.heard.flatMap((message) => (message.t === "drain" ? [message.lease] : []))[0] ?? 0;
    router.say({ t: "draining", lease, in_flight: 0 });
    await drained;
  });

  test("pauses double from 0.1 s to 5 s, and begin anew after a success", async () => {
    const { router, client, clock, events } = setUp();
    await client.register(FIELDS);
    const pauses = (): number[] => events.flatMap((event) => (event.kind === "disconnected" ? [event.retryInMs] : []));
    router.answers = () => [{ t: "error", seq: 0, code: "stopping", message: "bye" }];
    router.drop();
    for (let i = 1; i <= 8; i++) {
      await until(() => pauses().length === i);
      if (i === 8) router.answers = welcomeAll;
      await clock.advance(pauses()[i - 1] ?? 0);
    }
    expect(pauses().slice(0, 8)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    await until(() => events.filter((event) => event.kind === "connected").length === 2);
    router.drop();
    await until(() => pauses().at(-1) === 100);
  });

  test("U30 a silent router is given up after the lease time", async () => {
    const { client, clock, events } = setUp();
    await client.register(FIELDS);
    await clock.advance(14_000);
    expect(events.at(-1)?.kind).toBe("registered");
    await clock.advance(1000);
    expect(events.at(-1)).toMatchObject({ kind: "disconnected", reason: "router is silent" });
  });

  test("a router that breaks the protocol is left", async () => {
    const { router, client, events } = setUp();
    await client.register(FIELDS);
    router.raw(Uint8Array.of(0, 0, 0, 1, 0xc1));
    await until(() => events.at(-1)?.kind === "disconnected");
    expect(events.at(-1)).toMatchObject({ reason: "router broke the protocol: byte 0xc1 is reserved" });
  });

  test("a revoked lease is registered again, unless somebody else serves the instance now (G17)", async () => {
    const { router, client, events } = setUp();
    await client.register(FIELDS);
    router.say({ t: "revoked", lease: 1, reason: "expired" });
    await until(() => router.count("register") === 2);
    router.say({ t: "revoked", lease: 2, reason: "replaced" });
    await until(() => events.at(-1)?.kind === "refused");
    expect(events.at(-1)).toMatchObject({ code: "replaced" });
    router.drop();
    await until(() => events.at(-1)?.kind === "disconnected");
    expect(router.count("register")).toBe(2);
  });
});

describe("orders", () => {
  test("a drain ends at zero, not before", async () => {
    const { router, client } = setUp();
    const instance = await client.register(FIELDS);
    let ended = false;
    const drained = instance.drain(1000).then(() => (ended = true));
    await until(() => router.count("drain") === 1);
    router.say({ t: "draining", lease: 1, in_flight: 2 });
    await settle();
    expect(ended).toBe(false);
    router.say({ t: "draining", lease: 1, in_flight: 0 });
    await drained;
  });

  test("a drain that takes too long rejects, and can be waited for again", async () => {
    const { router, client, clock } = setUp();
    const instance = await client.register(FIELDS);
    const late = problemOf(instance.drain(1000));
    await clock.advance(1000);
    expect(await late).toBe("drain has not ended within 1000 ms");
    const again = instance.drain(1000);
    router.say({ t: "draining", lease: 1, in_flight: 0 });
    await again;
  });

  test("resume takes a drain back", async () => {
    const { router, client } = setUp();
    const instance = await client.register(FIELDS);
    const drained = problemOf(instance.drain(1000));
    await instance.resume();
    expect(await drained).toBe("drain was taken back");
    expect(router.heard.at(-1)).toMatchObject({ t: "resume", lease: 1 });
  });

  test("an instance that left is not registered again", async () => {
    const { router, client, clock, events } = setUp();
    const [leaving] = await Promise.all([client.register(FIELDS), client.register({ ...FIELDS, port: 8001 })]);
    await leaving.leave();
    router.drop();
    await until(() => events.at(-1)?.kind === "disconnected");
    router.heard.length = 0;
    await clock.advance(100);
    await until(() => router.count("register") === 1);
    expect(router.heard.at(-1)).toMatchObject({ instance: { port: 8001 } });
  });
});
