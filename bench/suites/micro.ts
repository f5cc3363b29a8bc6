/** The hot functions one by one (bench/micro/hot-functions.ts), each round in a fresh process. */
import type { Suite } from "./suite.ts";

export const micro: Suite = {
  name: "micro",
  title: "Hot functions",
  about: "Time of one call, compiled and warm.",
  metrics: [{ key: "us", title: "one call", unit: "µs", digits: 3, main: true }],
  async run(bench, record) {
    const script = new URL("../micro/hot-functions.ts", import.meta.url).pathname;
    for (let round = 1; round <= Math.min(bench.rounds, 3); round++) {
      bench.progress(`round ${round}`);
      const child = Bun.spawn([process.execPath, script, "--json"], { stdout: "pipe", stderr: "inherit" });
      const rows: readonly { name: string; ns: number }[] = await child.stdout.json();
      for (const { name, ns } of rows) record(name, { us: ns / 1000 });
    }
  },
};
