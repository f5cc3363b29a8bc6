import { expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_POSTED_BYTES, Outbox, type Sender } from "../../src/lib/outbox.ts";

function setUp(): {
  outbox: Outbox;
  turns: (() => void)[];
  sent: string[];
  post: (name: string, text: string) => void;
} {
  const turns: (() => void)[] = [];
  const sent: string[] = [];
  const outbox = new Outbox((flush) => turns.push(flush));
  const post = (name: string, text: string): void => {
    const start = outbox.reserve(text.length);
    const end = start + outbox.bytes.write(text, start, "latin1");
    outbox.post(senderOf(name, sent), end);
  };
  return { outbox, turns, sent, post };
}

function senderOf(name: string, sent: string[]): Sender {
  return { sendPosted: (bytes, start, end) => sent.push(`${name}:${bytes.toString("latin1", start, end)}`) };
}

test("what is posted leaves at the end of the turn, in order, and the turn is asked for once", () => {
  const { turns, sent, post } = setUp();
  post("a", "one");
  post("b", "two");
  post("a", "three");
  expect([turns.length, sent]).toEqual([1, []]);
  turns[0]?.();
  expect(sent).toEqual(["a:one", "b:two", "a:three"]);
  post("b", "four");
  expect(turns.length).toBe(2);
  turns[1]?.();
  expect(sent.at(-1)).toBe("b:four");
});

test("any messages arrive once, whole and in order, also where they do not fit into one turn", () => {
  const message = fc.record({ name: fc.constantFrom("a", "b"), bytes: fc.integer({ min: 0, max: MAX_POSTED_BYTES }) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      const { turns, sent, post } = setUp();
      const texts = messages.map(({ name, bytes }, i) => ({ name, text: String.fromCharCode(97 + i).repeat(bytes) }));
      for (const { name, text } of texts) post(name, text);
      for (const turn of turns) turn();
      expect(sent).toEqual(texts.map(({ name, text }) => `${name}:${text}`));
    }),
    { numRuns: 50 },
  );
});

test("what a sender posts while it sends goes out too, after the rest", () => {
  const { outbox, turns, sent, post } = setUp();
  const start = outbox.reserve(1);
  outbox.bytes[start] = 120;
  outbox.post({ sendPosted: () => post("again", "z") }, start + 1);
  post("b", "y");
  turns[0]?.();
  expect(sent).toEqual(["b:y", "again:z"]);
  // Nothing is left for the turn that the later post has asked for.
  for (const turn of turns.slice(1)) turn();
  expect(sent).toHaveLength(2);
});

test("a sender that makes all leave at once while it sends does not upset the order", () => {
  const { outbox, turns, sent, post } = setUp();
  const start = outbox.reserve(1);
  outbox.bytes[start] = 120;
  outbox.post({ sendPosted: () => outbox.flush() }, start + 1);
  post("b", "y");
  post("c", "z");
  turns[0]?.();
  expect(sent).toEqual(["b:y", "c:z"]);
});

test("what a sender has got stays as it is while it posts more than there is room for", () => {
  const { outbox, sent, post } = setUp();
  const start = outbox.reserve(5);
  outbox.bytes.write("first", start, "latin1");
  outbox.post(
    {
      sendPosted: (bytes, from, to) => {
        for (let i = 0; i < 5; i++) post("b", "x".repeat(MAX_POSTED_BYTES));
        sent.push(bytes.toString("latin1", from, to));
      },
    },
    start + 5,
  );
  outbox.flush();
  expect(sent.filter((text) => text === "first")).toHaveLength(1);
  expect(sent.filter((text) => text === `b:${"x".repeat(MAX_POSTED_BYTES)}`)).toHaveLength(5);
});

test("a sender that throws does not keep the others waiting", () => {
  const { outbox, turns, sent, post } = setUp();
  const start = outbox.reserve(1);
  const sendPosted = (): never => {
    throw new Error("broken");
  };
  outbox.post({ sendPosted }, start + 1);
  post("b", "y");
  expect(() => turns[0]?.()).toThrow("broken");
  turns[1]?.();
  expect(sent).toEqual(["b:y"]);
});
