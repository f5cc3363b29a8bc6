import { describe, expect, test } from "bun:test";
import { renderBoard, renderLine, type BoardView } from "../../src/demo/board.ts";
import { COLOUR, PLAIN, paintFor } from "../../src/demo/paint.ts";
import { Screen } from "../../src/demo/screen.ts";

const instance = (requests: number, inFlight: number) => ({ name: "http://a", requests, inFlight, busyMs: 0 });

const VIEW: BoardView = {
  title: "fd-router demo  8 instances, load 0.75, engine time 10x",
  total: 2422,
  policies: [
    { policy: "p2c", state: "done", ended: 2422, failed: 0, p99TtftMs: 595.2 },
    { policy: "random", state: "running", ended: 900, failed: 3, p99TtftMs: null },
    { policy: "round_robin", state: "waiting", ended: 0, failed: 0, p99TtftMs: null },
  ],
  inFlight: 51,
  tokensPerSecond: 3312.4,
  instances: [instance(1311, 12), instance(98, 0), instance(101, 7)],
};

describe("the board", () => {
  for (const width of [60, 80, 120]) {
    test(`at ${width} columns`, () => {
      const lines = renderBoard(VIEW, width, PLAIN);
      expect(lines.join("\n")).toMatchSnapshot();
      for (const line of lines) expect(line.length).toBeLessThan(width);
    });
  }

  test("with many instances shows the first 16 and says how many more there are", () => {
    const lines = renderBoard({ ...VIEW, instances: Array.from({ length: 64 }, () => instance(1, 1)) }, 80, PLAIN);
    expect(lines.at(-1)?.trim()).toBe("and 48 more");
    expect(lines.filter((line) => line.includes("in flight       1 requests"))).toHaveLength(16);
  });

  test("more in flight than a bar is long shortens the other bars, not the terminal", () => {
    const lines = renderBoard({ ...VIEW, instances: [instance(1, 200), instance(1, 20)] }, 80, PLAIN);
    for (const line of lines) expect(line.length).toBeLessThan(80);
  });

  test("in colour has the same text", () => {
    const coloured = renderBoard(VIEW, 80, COLOUR).join("\n");
    expect(coloured).toContain("\x1b[");
    expect(Bun.stripANSI(coloured)).toBe(renderBoard(VIEW, 80, PLAIN).join("\n"));
  });
});

describe("plain lines", () => {
  test("say how far the policy under way is", () => {
    expect(renderLine(VIEW)).toBe("random: 900 of 2,422 done, 51 in flight, 3 failed, 3,312 tokens/s");
  });

  test("are none when nothing is under way", () => {
    expect(renderLine({ ...VIEW, policies: [] })).toBeNull();
  });
});

function screenOn(terminal: { isTTY: boolean; rows?: number }) {
  let written = "";
  const stream = { ...terminal, columns: 80, write: (text: string) => (written += text) };
  const screen = new Screen(stream, PLAIN, () => VIEW);
  return { screen, written: () => written };
}

describe("the screen", () => {
  test("redraws over the lines it drew, and leaves the terminal as it was", () => {
    const { screen, written } = screenOn({ isTTY: true });
    screen.draw();
    screen.close();
    const height = renderBoard(VIEW, 80, PLAIN).length;
    expect(written().split(`\x1b[${height}A`)).toHaveLength(3);
    expect(written().endsWith("\x1b[?25h")).toBe(true);
  });

  test("never draws more lines than the terminal has", () => {
    const { screen, written } = screenOn({ isTTY: true, rows: 6 });
    screen.close();
    expect(written().split("\n")).toHaveLength(6);
  });

  test("writes no control characters where there is no terminal", () => {
    const { screen, written } = screenOn({ isTTY: false });
    screen.close();
    expect(written()).toBe(`${renderLine(VIEW)}\n`);
  });
});

test("colour is for terminals, unless NO_COLOR is set to anything", () => {
  expect(paintFor({ isTTY: true }, undefined)).toBe(COLOUR);
  expect(paintFor({ isTTY: true }, "")).toBe(COLOUR);
  expect(paintFor({ isTTY: true }, "1")).toBe(PLAIN);
  expect(paintFor({}, undefined)).toBe(PLAIN);
});
