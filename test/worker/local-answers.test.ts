import { expect, test } from "bun:test";
import { EMPTY_SNAPSHOT } from "../../src/fleet/snapshot.ts";
import type { ControlReply } from "../../src/fleet/control.ts";
import { RouterError } from "../../src/errors.ts";
import { answerLocally, type LocalSources } from "../../src/worker/local-answers.ts";
import { FakeClient } from "../proxy/support/fake-client.ts";

const ROUTE = { kind: "control", path: "/registered" } as const;
const REPLY: ControlReply = { status: 200, contentType: "application/json", body: "{}" };

function sources(control: LocalSources["control"]): LocalSources {
  return {
    snapshot: () => EMPTY_SNAPSHOT,
    draining: () => false,
    models: { body: () => Promise.resolve("[]") },
    abort: () => {},
    control,
  };
}

test("what the main thread says is passed on", async () => {
  const client = new FakeClient({ method: "GET", path: ROUTE.path });
  await answerLocally(
    client,
    ROUTE,
    sources(() => Promise.resolve(REPLY)),
  );
  expect([client.sentStatus, client.sent, client.ends]).toEqual([200, "{}", ["end"]]);
});

test("a client that leaves while the main thread is asked gets no answer, and is no mistake of ours", async () => {
  const client = new FakeClient({ method: "GET", path: ROUTE.path });
  const asked = Promise.withResolvers<ControlReply>();
  const answered = answerLocally(
    client,
    ROUTE,
    sources(() => asked.promise),
  );
  client.leave();
  asked.resolve(REPLY);
  const error: unknown = await answered.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RouterError);
  expect(error).toMatchObject({ code: "client_closed" });
  expect(client.sentStatus).toBe(0);
});
