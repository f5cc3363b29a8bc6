import { describe, expect, test } from "bun:test";
import { convertScalar, convertText, tagOf } from "../../src/config/values.ts";
import type { RawScalar } from "../../src/config/values.ts";

const plain = (text: string): RawScalar => ({ text, plain: true, tag: null });
const quoted = (text: string): RawScalar => ({ text, plain: false, tag: null });

describe("scalars of a file", () => {
  test.each([
    ["", "!!null"],
    ["~", "!!null"],
    ["null", "!!null"],
    ["true", "!!bool"],
    ["yes", "!!str"],
    ["5", "!!int"],
    ["-0x1F", "!!int"],
    ["0b11", "!!int"],
    ["1_000", "!!int"],
    ["1e2", "!!float"],
    [".5", "!!float"],
    ["5.", "!!float"],
    [".inf", "!!float"],
    [".NaN", "!!float"],
    ["08", "!!float"],
    ["1.2.3", "!!str"],
    ["e5", "!!str"],
  ])("%p is %s", (text, tag) => {
    expect(tagOf(plain(text))).toBe(tag);
    expect(tagOf(quoted(text))).toBe("!!str");
  });

  test.each([
    ["5", 5],
    ["-5", -5],
    ["0x10", 16],
    ["0o17", 15],
    ["017", 15],
    ["0b101", 5],
    ["1_000", 1000],
    ["1e2", 100],
    ["5.0", 5],
  ])("%p as a whole number is %d", (text, value) => {
    expect(convertScalar(plain(text), "int")).toEqual({ kind: "value", value });
  });

  test("a fraction for a whole number is cut towards zero, with a note", () => {
    expect(convertScalar(plain("1.5"), "int")).toMatchObject({ value: 1, note: expect.any(String) });
    expect(convertScalar(plain("-1.5"), "int")).toMatchObject({ value: -1, note: expect.any(String) });
  });

  test.each([".inf", "-.inf", ".nan"])("%p is a number but no whole one", (text) => {
    expect(convertScalar(plain(text), "float64").kind).toBe("value");
    expect(convertScalar(plain(text), "int").kind).toBe("mismatch");
  });

  test.each(["y", "yes", "on", "Yes", "ON", "true", "True"])("%p is a true boolean", (text) => {
    expect(convertScalar(plain(text), "bool")).toEqual({ kind: "value", value: true });
  });

  test("text in quotes is neither number nor boolean", () => {
    expect(convertScalar(quoted("5"), "int").kind).toBe("mismatch");
    expect(convertScalar(quoted("5"), "float64").kind).toBe("mismatch");
    expect(convertScalar(quoted("true"), "bool").kind).toBe("mismatch");
  });

  test("any scalar is text as it was written, but null is absence", () => {
    expect(convertScalar(plain("0x50"), "string")).toEqual({ kind: "value", value: "0x50" });
    expect(convertScalar(plain("8080.5"), "string")).toEqual({ kind: "value", value: "8080.5" });
    expect(convertScalar(plain("~"), "string")).toEqual({ kind: "absent" });
    expect(convertScalar(quoted(""), "string")).toEqual({ kind: "value", value: "" });
  });
});

describe("texts of flags and variables", () => {
  test.each([
    ["yes", "bool", true],
    ["0", "bool", false],
    ["4", "int", 4],
    ["2.5", "float64", 2.5],
    ["a, b,,c", "list", ["a", "b", "c"]],
  ] as const)("%p as %s", (text, kind, value) => {
    expect(convertText(text, kind)).toEqual({ kind: "value", value });
  });

  test.each([
    ["maybe", "bool"],
    ["4.5", "int"],
    [" 4", "int"],
    ["x", "float64"],
    [".inf", "float64"],
    ["", "float64"],
  ] as const)("%p is no %s", (text, kind) => {
    expect(convertText(text, kind).kind).toBe("mismatch");
  });
});
