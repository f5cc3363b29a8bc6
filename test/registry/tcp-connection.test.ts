import { describe, expect, test } from "bun:test";
import { Packr } from "msgpackr";
import { instanceId } from "../../src/fleet/instance.ts";
import { encodeFrame, FrameDecoder } from "../../src/registration/frames.ts";
import { type ClientMessage, parseRouterMessage, type RouterMessage } from "../../src/registration/messages.ts";
import { admit, draftOfFields } from "../../src/registry/admission.ts";
import type { RegistryCommand } from "../../src/registry/commands.ts";
import { RateLimit } from "../../src/registry/rate-limit.ts";
import { apply } from "../../src/registry/registry.ts";
import { emptyState } from "../../src/registry/state.ts";
import { Connection } from "../../src/registry/tcp-connection.ts";

const RULES = { maxInstances: 4096, leaseMs: 15_000, closedLeaseMs: 5000, failureThreshold: 1, successThreshold: 1 };
const ADDRESSES = {
  denyMetadata: true,
  allowLoopback: true,
  allowed: null,
  own: { addresses: new Set<string>(), ports: new Set<number>() },
};

/** A connection without a socket: what it writes is kept, time stands where it is put. */
class Peer {
  now = 0;
  ended = false;
  terminated = false;
  /** Bytes that the socket takes before it is full. */
  room = Infinity;
  readonly log: string[] = [];
  readonly connection: Connection;
  #state = emptyState(RULES);
  #written = Buffer.alloc(0);

  constructor(token = "", guesses = new RateLimit({ burst: 2, perSecond: 1 })) {
    const line = (message: string): void => void this.log.push(message);
    this.connection = new Connection(
      1,
      {
        peer: "10.0.0.9",
        write: (bytes) => {
          const taken = Math.min(this.room, bytes.length);
          this.room -= taken;
          this.#written = Buffer.concat([this.#written, bytes.subarray(0, taken)]);
          return taken;
        },
        end: () => (this.ended = true),
        terminate: () => (this.terminated = true),
      },
      0,
      {
        token,
        heartbeatMs: 3000,
        leaseMs: 15_000,
        guesses,
        admit: (fields) => admit(draftOfFields(fields), null, { splitwise: false, addresses: ADDRESSES }),
        apply: (command: RegistryCommand) => {
          const applied = apply(this.#state, command, this.now);
          this.#state = applied.state;
          return applied.answer;
        },
        log: { debug: line, info: line, warn: line, error: line },
      },
    );
  }

  say(...messages: ClientMessage[]): this {
    this.bytes(Buffer.concat(messages.map((message) => encodeFrame(message))));
    return this;
  }

  bytes(chunk: Uint8Array): this {
    this.connection.receive(chunk, this.now);
    return this;
  }

  hello(token?: string): this {
    return this.say({ t: "hello", version: 1, token });
  }

  register(seq = 1, port = 8000, more: object = {}): this {
    return this.say({ t: "register", seq, instance: { role: "mixed", host_ip: "10.0.0.1", port, ...more } });
  }

  at(now: number): this {
    this.now = now;
    this.connection.tick(now);
    return this;
  }

  get written(): string {
    return this.#written.toString();
  }

  get messages(): (RouterMessage | null)[] {
    return new FrameDecoder()
      .push(this.#written)
      .map((frame) => (frame.kind === "message" ? parseRouterMessage(frame.value) : null));
  }

  get last(): RouterMessage | null {
    return this.messages.at(-1) ?? null;
  }
}

const idOf = (port: number) => instanceId("http", "10.0.0.1", port);

/** A frame of a message type that this version does not have. */
function later(fields: object): Uint8Array {
  const body = new Packr({ useRecords: false }).pack({ ...fields, t: "dance" });
  return Buffer.concat([Uint8Array.of(0, 0, 0, body.length), body]);
}

describe("opening", () => {
  test("hello is answered with version and periods", () => {
    expect(new Peer().hello().messages).toEqual([{ t: "welcome", version: 1, heartbeat_ms: 3000, lease_ms: 15_000 }]);
  });

  test("G24 a later version is welcomed with ours, one before the first is not", () => {
    expect(new Peer().say({ t: "hello", version: 9 }).last).toMatchObject({ t: "welcome", version: 1 });
    expect(new Peer().say({ t: "hello", version: 0 }).last).toMatchObject({ t: "error", code: "unsupported_version" });
  });

  test("G22 silence is ended after five seconds", () => {
    const peer = new Peer().at(5000);
    expect(peer.ended).toBe(false);
    expect(peer.at(5001).last).toMatchObject({ t: "error", seq: 0, code: "too_slow" });
    expect(peer.ended).toBe(true);
  });

  test("anything before hello ends the connection", () => {
    const peer = new Peer().register();
    expect(peer.last).toMatchObject({ code: "bad_message", message: "the first message must be hello" });
    expect(peer.ended).toBe(true);
  });

  test.each([
    ["none", undefined],
    ["a wrong one", "guess"],
    ["a longer one", "secret and more"],
  ])("G21 a token is asked for: %s", (_, token) => {
    const peer = new Peer("secret").hello(token);
    expect([peer.last?.t, peer.ended]).toEqual(["error", true]);
    expect(peer.log.join()).not.toContain("secret");
  });

  test("G21 the right token opens", () => {
    expect(new Peer("secret").hello("secret").last?.t).toBe("welcome");
  });

  test("S10 after a few wrong tokens an address must wait, whatever it says", () => {
    const guesses = new RateLimit({ burst: 2, perSecond: 1 });
    new Peer("secret", guesses).hello("a");
    new Peer("secret", guesses).hello("b");
    expect(new Peer("secret", guesses).hello("secret").last).toMatchObject({ code: "rate_limited" });
    const patient = new Peer("secret", guesses);
    patient.now = 3000;
    expect(patient.hello("secret").last?.t).toBe("welcome");
  });

  test("G25 an HTTP request gets one line and is closed", () => {
    const peer = new Peer().bytes(new TextEncoder().encode("GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(peer.written).toStartWith("HTTP/1.1 400 Bad Request\r\n");
    expect(peer.written).toEndWith("\r\n\r\nThis port speaks the fd-router registration protocol, not HTTP.\n");
    expect(peer.ended).toBe(true);
  });

  test("G25 so does anything else that cannot be a frame", () => {
    const peer = new Peer().bytes(Uint8Array.of(0x16, 3, 1));
    expect(peer.written).toBe("This port speaks the fd-router registration protocol, not HTTP.\n");
    expect(peer.ended).toBe(true);
  });
});

describe("frames", () => {
  test("G02 a frame must be complete within five seconds, however steadily it drips", () => {
    const peer = new Peer().hello();
    const frame = encodeFrame({ t: "leave", seq: 1, lease: 1 });
    peer.now = 1000;
    for (let i = 0; i < 5; i++) {
      peer.bytes(frame.subarray(i, i + 1));
      peer.at(peer.now + 1000);
    }
    expect(peer.ended).toBe(false);
    peer.bytes(frame.subarray(5, 6)).at(peer.now + 1);
    expect(peer.last).toMatchObject({ code: "too_slow" });
  });

  test("G02 the deadline of a frame begins with the frame, not with the connection", () => {
    const peer = new Peer().hello();
    const frame = encodeFrame({ t: "leave", seq: 1, lease: 1 });
    peer.at(60_000).bytes(frame.subarray(0, 3)).at(64_000).bytes(frame.subarray(3));
    expect(peer.last).toMatchObject({ t: "error", seq: 1, code: "unknown_lease" });
    peer.at(70_000);
    expect(peer.ended).toBe(false);
  });

  test("a broken frame is named and ends the connection", () => {
    const peer = new Peer().hello().bytes(Uint8Array.of(0, 0, 0, 1, 0xc1));
    expect(peer.last).toEqual({ t: "error", seq: 0, code: "bad_frame", message: "byte 0xc1 is reserved" });
    expect(peer.ended).toBe(true);
    const before = peer.messages.length;
    expect(peer.register().messages).toHaveLength(before);
  });

  test("what the socket does not take is kept, a peer that never reads is given up", () => {
    const peer = new Peer();
    peer.room = 10;
    peer.hello();
    expect(peer.written).toHaveLength(10);
    peer.room = Infinity;
    peer.connection.writable();
    expect(peer.last?.t).toBe("welcome");
    peer.room = 0;
    for (let i = 0; i < 5000 && !peer.terminated; i++) peer.say({ t: "leave", seq: 1, lease: 1 });
    expect(peer.terminated).toBe(true);
  });

  test("the last words are written before the connection is closed", () => {
    const peer = new Peer().hello();
    peer.room = 5;
    peer.say({ t: "hello", version: 1 });
    expect(peer.ended).toBe(false);
    peer.room = Infinity;
    peer.connection.writable();
    expect([peer.ended, peer.last]).toMatchObject([true, { code: "bad_message" }]);
  });
});

describe("leases over a connection", () => {
  test("register, report, leave", () => {
    const peer = new Peer().hello().register(5);
    expect(peer.last).toMatchObject({ t: "registered", seq: 5, id: idOf(8000) });
    const lease = peer.last?.t === "registered" ? peer.last.lease : 0;
    const said = peer.messages.length;
    peer.say({ t: "report", lease, running: 1, waiting: 0, kv_usage: 0 }, { t: "beat", lease });
    expect(peer.messages).toHaveLength(said);
    expect(peer.say({ t: "leave", seq: 6, lease }).last).toEqual({ t: "done", seq: 6 });
    expect(peer.say({ t: "beat", lease }).last).toEqual({ t: "revoked", lease, reason: "unknown" });
  });

  test("one connection carries many instances", () => {
    const peer = new Peer().hello();
    for (let i = 1; i <= 50; i++) peer.register(i, 8000 + i);
    const leases = peer.messages.flatMap((message) => (message?.t === "registered" ? [message.lease] : []));
    expect(new Set(leases).size).toBe(50);
  });

  test("a refused instance leaves the connection open", () => {
    const peer = new Peer().hello().register(1, 8000, { host_ip: "169.254.169.254" });
    expect(peer.last).toMatchObject({ t: "error", seq: 1, code: "invalid_instance" });
    expect(peer.register(2).last).toMatchObject({ t: "registered", seq: 2 });
  });

  test("a refusal is short enough for its client, and a flood of them for the log", () => {
    const peer = new Peer().hello();
    for (let seq = 1; seq <= 100; seq++) peer.register(seq, 8000, { host_ip: "x".repeat(256) });
    expect(peer.last).toMatchObject({ t: "error", seq: 100, code: "invalid_instance" });
    expect(peer.log).toHaveLength(20);
  });

  test("orders about a lease of somebody else are refused", () => {
    const peer = new Peer().hello();
    expect(peer.say({ t: "drain", seq: 1, lease: 77 }).last).toMatchObject({ seq: 1, code: "unknown_lease" });
  });

  test("G24 a message of a later version is refused by number, or passed over", () => {
    const peer = new Peer().hello();
    peer.bytes(later({ seq: 4 }));
    expect(peer.last).toMatchObject({ t: "error", seq: 4, code: "unknown_message" });
    const said = peer.messages.length;
    peer.bytes(later({})).bytes(later({}));
    expect([peer.messages.length, peer.ended]).toEqual([said, false]);
    expect(peer.log.filter((line) => line.includes("dance"))).toHaveLength(2);
  });

  test("G16 a flood of registrations over one connection is slowed down", () => {
    const peer = new Peer().hello();
    for (let i = 1; i <= 1025; i++) peer.register(i, 8000);
    expect(peer.last).toMatchObject({ seq: 1025, code: "rate_limited" });
    peer.now = 1000;
    expect(peer.register(2000, 8000).last).toMatchObject({ t: "registered", seq: 2000 });
  });

  test("G19 a drain reports its progress and ends with zero, which does not count too early", () => {
    const peer = new Peer().hello().register();
    const lease = peer.last?.t === "registered" ? peer.last.lease : 0;
    const tell = (count: number, now: number): RouterMessage | null => {
      peer.connection.inFlight(new Map([[idOf(8000), count]]), now);
      return peer.last;
    };
    const registered = peer.last;
    expect(tell(3, 0)).toEqual(registered);
    expect(peer.say({ t: "drain", seq: 2, lease }).last).toEqual({ t: "done", seq: 2 });
    expect(tell(0, 100)).toEqual({ t: "done", seq: 2 });
    expect(tell(3, 200)).toEqual({ t: "draining", lease, in_flight: 3 });
    expect(tell(1, 600)).toEqual({ t: "draining", lease, in_flight: 1 });
    peer.connection.inFlight(new Map(), 700);
    expect(peer.last).toEqual({ t: "draining", lease, in_flight: 0 });
    peer.say({ t: "resume", seq: 3, lease });
    expect(tell(5, 800)).toEqual({ t: "done", seq: 3 });
  });

  test("U30 the router gives a sign of life every heartbeat", () => {
    const peer = new Peer().hello().at(2999);
    expect(peer.last?.t).toBe("welcome");
    expect(peer.at(3000).last).toEqual({ t: "beat" });
    expect(peer.at(3001).messages).toHaveLength(2);
  });
});
