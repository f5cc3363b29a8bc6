import { expect, test } from "bun:test";
import { runDemo } from "../../src/demo/demo.ts";
import { readDemoOptions } from "../../src/demo/options.ts";
import { Progress } from "../../src/demo/progress.ts";

test("a real router and real mock engines answer every request, under the names that the router lists, and all end", async () => {
  const flags = ["--policies", "round_robin", "--instances", "2", "--workers", "1", "--duration-secs", "0.5"];
  const options = readDemoOptions(flags, ["round_robin"]);
  if (options === null) throw new Error("help was asked for");
  const report = await runDemo(options, new Progress(() => performance.now()), new AbortController().signal);
  const [result] = report.policies;
  expect(result).toMatchObject({ policy: "round_robin", errors: 0, failures: [], notes: [] });
  // One entry an engine: a name that the router's answers do not bear would be a third.
  expect(result?.instances).toHaveLength(2);
  for (const instance of result?.instances ?? []) {
    expect(instance.requests).toBeGreaterThan(0);
    const gone = await fetch(`${instance.name}/health`).then(
      () => false,
      () => true,
    );
    expect(gone).toBe(true);
  }
});
