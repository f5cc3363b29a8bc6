#!/usr/bin/env bun
/**
 * Engine and load generator in one process, `bun bench/load/load-program.ts PORT...`: on one core as two they would wake and displace each
 * other, and what an arm adds would be lost in that. Makes one run after the other, as load-process.ts asks for them, so that its code is warm.
 */
import { listen } from "./engine.ts";
import { LoadRun } from "./load-run.ts";
import type { FromLoad, LoadSpec } from "./load-spec.ts";

function tell(message: FromLoad): void {
  process.send?.(message);
}

process.on("message", (spec: LoadSpec) => {
  void new LoadRun(spec).run(tell).then((result) => tell({ kind: "done", result }));
});
// A runner that was killed leaves nobody behind on the ports.
process.on("disconnect", () => process.exit());
listen(process.argv.slice(2).map(Number));
tell({ kind: "ready" });
