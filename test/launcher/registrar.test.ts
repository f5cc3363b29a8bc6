import { describe, expect, test } from "bun:test";
import type { RegisteredInstance, RegistrationClient, RegistrationEvent } from "../../src/registration/client.ts";
import type { RegistrationFields } from "../../src/registration/messages.ts";
import { Registrar } from "../../src/launcher/registrar.ts";

const FIELDS: RegistrationFields = { role: "mixed", host_ip: "127.0.0.1", port: 1 };
const LOAD = { running: 1, waiting: 2, kvUsage: 0.5, generatedTokens: 9 };

/** A router that accepts when the test says so. */
function createFixture() {
  const said: string[] = [];
  const notes: string[] = [];
  const answers: PromiseWithResolvers<RegisteredInstance>[] = [];
  const clock = { now: 0 };
  let tell: (event: RegistrationEvent) => void = () => {};
  const instance: RegisteredInstance = {
    report: ({ running }) => void said.push(`report ${running}`),
    drain: () => (said.push("drain"), Promise.reject(new Error("too late"))),
    resume: () => Promise.resolve(),
    leave: async () => void said.push("leave"),
  };
  const client: RegistrationClient = {
    register: () => {
      said.push("register");
      const answer = Promise.withResolvers<RegisteredInstance>();
      answers.push(answer);
      return answer.promise;
    },
    close: () => void said.push("close"),
  };
  const registrar = new Registrar({
    connect: (onEvent) => {
      tell = onEvent;
      return client;
    },
    note: (_level, text) => notes.push(text),
    now: () => clock.now,
  });
  const accept = async (at = 0): Promise<void> => {
    answers[at]?.resolve(instance);
    await Bun.sleep(0);
  };
  return { registrar, said, notes, answers, clock, accept, tell: (event: RegistrationEvent) => tell(event) };
}

describe("Registrar", () => {
  test("a load that came before the router accepted is reported after it", async () => {
    const { registrar, said, accept } = createFixture();
    registrar.register("a", FIELDS);
    registrar.report("a", LOAD);
    expect(registrar.isRegistered("a")).toBe(false);
    await accept();
    expect(registrar.isRegistered("a")).toBe(true);
    expect(said).toEqual(["register", "report 1"]);
  });

  test("a load is sent when it changes, and again when the last is 5 s old", async () => {
    const { registrar, said, clock, accept } = createFixture();
    registrar.register("a", FIELDS);
    await accept();
    for (const at of [0, 1000, 4999, 5000, 5001]) {
      clock.now = at;
      registrar.report("a", LOAD);
    }
    registrar.report("a", { ...LOAD, running: 8 });
    expect(said).toEqual(["register", "report 1", "report 1", "report 8"]);
  });

  test("one that left before the router accepted leaves as soon as it does", async () => {
    const { registrar, said, accept } = createFixture();
    registrar.register("a", FIELDS);
    registrar.leave("a");
    await accept();
    expect(said).toEqual(["register", "leave"]);
    expect(registrar.isRegistered("a")).toBe(false);
  });

  test("a refusal is told once, and only of those that still want to be there", async () => {
    const { registrar, notes, answers } = createFixture();
    registrar.register("a", FIELDS);
    registrar.register("b", FIELDS);
    registrar.leave("b");
    for (const answer of answers) answer.reject(new Error("no"));
    await Bun.sleep(0);
    expect(notes).toEqual(["a: not registered: no"]);
  });

  test("without a connection a drain ends at once: the router cannot be asked", async () => {
    const { registrar, said, accept } = createFixture();
    registrar.register("a", FIELDS);
    await accept();
    await registrar.drain(["a"], 1000);
    expect(said).toEqual(["register"]);
  });

  test("a drain that fails is told, and does not throw", async () => {
    const { registrar, notes, accept, tell } = createFixture();
    tell({ kind: "connected" });
    registrar.register("a", FIELDS);
    await accept();
    await registrar.drain(["a", "never heard of"], 1000);
    expect(notes).toEqual(["router: connected", "a: drained only in part: too late"]);
  });

  test("close takes leave for all, then closes the connection", async () => {
    const { registrar, said, accept, tell } = createFixture();
    tell({ kind: "connected" });
    registrar.register("a", FIELDS);
    await accept();
    await registrar.close();
    expect(said).toEqual(["register", "leave", "close"]);
  });

  test("a lost connection is told once, however often it is tried again", () => {
    const { notes, tell } = createFixture();
    tell({ kind: "disconnected", reason: "refused", retryInMs: 100 });
    tell({ kind: "connected" });
    tell({ kind: "disconnected", reason: "closed", retryInMs: 100 });
    tell({ kind: "disconnected", reason: "refused", retryInMs: 200 });
    expect(notes).toEqual(["router: connected", "router: connection lost: closed; the servers go on"]);
  });
});
