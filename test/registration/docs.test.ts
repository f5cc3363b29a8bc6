import { expect, test } from "bun:test";
import { FrameDecoder } from "../../src/registration/frames.ts";
import { parseClientMessage, parseRouterMessage, PROBLEMS } from "../../src/registration/messages.ts";

const text = await Bun.file(new URL("../../docs/registration.md", import.meta.url)).text();

const examples = [...text.matchAll(/```json\n(.*?)\n```\n```hex\n(.*?)\n```/gs)].map(([, json = "", hex = ""]) => ({
  said: JSON.parse(json),
  frame: Buffer.from(hex.replaceAll(/\s/g, ""), "hex"),
}));

test("every example frame of the docs is the message shown above it, and one of the protocol", () => {
  expect(examples).toHaveLength(14);
  for (const { said, frame } of examples) {
    expect(new FrameDecoder().push(frame)).toEqual([{ kind: "message", value: said }]);
    expect(parseClientMessage(said).ok || parseRouterMessage(said) !== null).toBe(true);
  }
});

test("the docs list exactly the error codes that exist, and which are final", () => {
  const section = text.slice(text.indexOf("### Error codes"), text.indexOf("### Leases"));
  const rows = [...section.matchAll(/^\| `([a-z_]+)` \| [^|]* \| ([^|]*) \|$/gm)];
  const documented = Object.fromEntries(rows.map(([, code = "", again = ""]) => [code, { final: again === "no" }]));
  expect(documented).toEqual(PROBLEMS);
});
