#!/usr/bin/env bun
/** The load generator's process: one run after the other, as bench/run.ts asks for them, so that its code is warm. */
import { LoadRun } from "./load-run.ts";
import type { FromGenerator, LoadSpec } from "./load-spec.ts";

function tell(message: FromGenerator): void {
  process.send?.(message);
}

process.on("message", (spec: LoadSpec) => {
  void new LoadRun(spec).run(tell).then((result) => tell({ kind: "done", result }));
});
tell({ kind: "ready" });
