import { expect, test } from "bun:test";
import { TurnQueue } from "../../src/lib/turn-queue.ts";

function setUp(onItem: (item: string, queue: TurnQueue<string>) => void = () => undefined): {
  queue: TurnQueue<string>;
  turns: (() => void)[];
  handled: string[][];
} {
  const turns: (() => void)[] = [];
  const handled: string[][] = [];
  const queue = new TurnQueue<string>(
    (items) => {
      handled.push([...items]);
      for (const item of items) onItem(item, queue);
    },
    (handle) => turns.push(handle),
  );
  return { queue, turns, handled };
}

test("what a turn brought is handled at its end, in order, and the turn is asked for once", () => {
  const { queue, turns, handled } = setUp();
  queue.add("a");
  queue.add("b");
  expect([turns.length, queue.isEmpty, handled]).toEqual([1, false, []]);
  turns[0]?.();
  expect([queue.isEmpty, handled]).toEqual([true, [["a", "b"]]]);
  queue.add("c");
  expect(turns.length).toBe(2);
  turns[1]?.();
  expect(handled).toEqual([["a", "b"], ["c"]]);
});

test("what is added while the others are handled waits for the next turn", () => {
  const { queue, turns, handled } = setUp((item, own) => {
    if (item.length < 3) own.add(`${item}+`);
  });
  queue.add("a");
  queue.add("b");
  for (let i = 0; i < turns.length; i++) turns[i]?.();
  expect(handled).toEqual([
    ["a", "b"],
    ["a+", "b+"],
    ["a++", "b++"],
  ]);
});

test("a flush handles at once, and leaves nothing for the end of the turn", () => {
  const { queue, turns, handled } = setUp();
  queue.add("a");
  queue.flush();
  queue.flush();
  turns[0]?.();
  expect(handled).toEqual([["a"]]);
});

test("a flush by an item that is handled takes what was added since, and loses none of the others", () => {
  const { queue, turns, handled } = setUp((item, own) => {
    if (item !== "a") return;
    own.add("c");
    own.flush();
    own.add("d");
  });
  queue.add("a");
  queue.add("b");
  for (let i = 0; i < turns.length; i++) turns[i]?.();
  expect(handled).toEqual([["a", "b"], ["c"], ["d"]]);
  expect(queue.isEmpty).toBe(true);
});

test("a handler that throws costs what it was given and nothing more", () => {
  const { queue, turns, handled } = setUp((item) => {
    if (item === "bad") throw new Error("bad");
  });
  queue.add("bad");
  expect(() => turns[0]?.()).toThrow("bad");
  queue.add("good");
  turns[1]?.();
  expect(handled).toEqual([["bad"], ["good"]]);
});
