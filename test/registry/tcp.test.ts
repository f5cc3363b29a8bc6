import { afterEach, expect, test } from "bun:test";
import type { Socket } from "bun";
import { encodeFrame, FrameDecoder } from "../../src/registration/frames.ts";
import { parseRouterMessage, type RouterMessage } from "../../src/registration/messages.ts";
import { createFixture, type Fixture, until } from "./support/fixture.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface RawClient {
  readonly socket: Socket;
  readonly messages: RouterMessage[];
  readonly isClosed: () => boolean;
}

async function connect(port: number): Promise<RawClient> {
  const decoder = new FrameDecoder();
  const messages: RouterMessage[] = [];
  let closed = false;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, chunk) {
        for (const frame of decoder.push(chunk)) {
          const message = frame.kind === "message" ? parseRouterMessage(frame.value) : null;
          if (message !== null) messages.push(message);
        }
      },
      close: () => void (closed = true),
    },
  });
  cleanups.push(() => socket.terminate());
  return { socket, messages, isClosed: () => closed };
}

async function started(options: Record<string, unknown> = {}): Promise<{ fixture: Fixture; port: number }> {
  const fixture = createFixture({ "registration-port": -1, ...options }, { routerPort: 0 });
  await fixture.registry.start();
  cleanups.push(() => fixture.registry.stop());
  return { fixture, port: fixture.registry.registrationAddress?.port ?? 0 };
}

const hello = encodeFrame({ t: "hello", version: 1 });
const register = (host_ip: string): Uint8Array =>
  encodeFrame({ t: "register", seq: 1, instance: { role: "mixed", host_ip, port: 80 } });

test("G10 hello and a registration in single bytes work as in one segment", async () => {
  const { fixture, port } = await started();
  const client = await connect(port);
  client.socket.setNoDelay(true);
  for (const byte of Buffer.concat([hello, register("10.0.0.1")])) {
    client.socket.write(Uint8Array.of(byte));
    client.socket.flush();
  }
  await until(() => client.messages.length === 2, "both answers");
  expect(client.messages.map((message) => message.t)).toEqual(["welcome", "registered"]);
  await until(() => fixture.registry.snapshot().members.length === 1, "membership");
});

test("G22 connections beyond the cap of an address are refused, later ones are not", async () => {
  const { port } = await started({ "registration-max-connections-per-address": 2 });
  const [first] = await Promise.all([connect(port), connect(port)]);
  const third = await connect(port);
  await until(() => third.isClosed(), "closing of the third");
  expect(third.messages[0]).toMatchObject({ t: "error", code: "too_many_connections" });
  first?.socket.end();
  await until(() => first?.isClosed() ?? false, "closing of the first");
  const fourth = await connect(port);
  fourth.socket.write(hello);
  await until(() => fourth.messages.length > 0, "the welcome");
  expect(fourth.messages[0]?.t).toBe("welcome");
});

test("G22 a connection that says nothing is closed at the deadline", async () => {
  const { fixture, port } = await started();
  const client = await connect(port);
  client.socket.write(Uint8Array.of(0));
  await Bun.sleep(10);
  await fixture.clock.advance(5500);
  await until(() => client.isClosed(), "closing");
  expect(client.messages[0]).toMatchObject({ t: "error", code: "too_slow" });
});

test("a client that shuts its side down or vanishes starts the last seconds of its leases", async () => {
  const { fixture, port } = await started({ "lease-secs": 60 });
  const leaving = await connect(port);
  const staying = await connect(port);
  leaving.socket.write(Buffer.concat([hello, register("10.0.0.1")]));
  staying.socket.write(Buffer.concat([hello, register("10.0.0.2")]));
  await until(() => fixture.registry.snapshot().members.length === 2, "both members");
  leaving.socket.terminate();
  await until(() => leaving.isClosed(), "the end");
  await Bun.sleep(10);
  await fixture.clock.advance(6000);
  expect(fixture.registry.snapshot().members.map((member) => member.instance.host)).toEqual(["10.0.0.2"]);
});

test("clients are told when the router stops", async () => {
  const { fixture, port } = await started();
  const client = await connect(port);
  client.socket.write(hello);
  await until(() => client.messages.length === 1, "the welcome");
  await fixture.registry.stop();
  await until(() => client.isClosed(), "closing");
  expect(client.messages.at(-1)).toMatchObject({ t: "error", code: "stopping" });
});
