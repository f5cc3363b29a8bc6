import { expect, test } from "bun:test";
import { Child } from "../../src/demo/child.ts";

test("a child that ends by itself is reported with its exit code and what it wrote", async () => {
  const child = new Child("the router", ["demo", "--load", "nonsense"]);
  const error: unknown = await child.died.catch((reason: unknown) => reason);
  expect(error).toHaveProperty("message", expect.stringContaining("the router ended with exit code 2; it wrote:"));
  expect(error).toHaveProperty("message", expect.stringContaining('--load is "nonsense"'));
  await child.stop();
});
