import { describe, expect, test } from "bun:test";
import { derivedDocs } from "../scripts/docs.ts";

describe("documents made from code", () => {
  test.each([...derivedDocs()])("%s is up to date (else: bun run docs)", async (path, text) => {
    const file = Bun.file(new URL(`../${path}`, import.meta.url));
    expect((await file.exists()) ? await file.text() : "no such file").toBe(text);
  });
});
