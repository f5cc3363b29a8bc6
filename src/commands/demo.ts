/** `fd-router demo`: flags in, report out. The work is done in src/demo. */
import { runDemo } from "../demo/demo.ts";
import { demoHelp, readDemoOptions, type DemoOptions } from "../demo/options.ts";
import { paintFor } from "../demo/paint.ts";
import { Progress } from "../demo/progress.ts";
import { reportJson, totalErrors, type DemoReport } from "../demo/report.ts";
import { reportText } from "../demo/report-text.ts";
import { Screen } from "../demo/screen.ts";
import { UsageError } from "../demo/usage-error.ts";
import { programName } from "../lib/program-name.ts";
import { POLICY_NAMES } from "../scheduler/policies/index.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "demo",
  summary: "Start a router and mock engines here, replay a request trace, compare scheduling policies",
  run,
};

const INTERRUPTED = 130;

async function run(args: readonly string[]): Promise<number> {
  try {
    const options = readDemoOptions(args, POLICY_NAMES);
    if (options === null) {
      process.stdout.write(demoHelp(programName()));
      return 0;
    }
    const report = await interruptible((signal) => showing(options, signal));
    if (report === null) return INTERRUPTED;
    return totalErrors(report) > 0 ? 1 : 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`fd-router demo: ${message}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** Null when a signal ended it. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
  const abort = new AbortController();
  const onSignal = (): void => abort.abort(new Error("interrupted"));
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  try {
    return await work(abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return null;
    throw error;
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
}

async function showing(options: DemoOptions, signal: AbortSignal): Promise<DemoReport> {
  const progress = new Progress(() => performance.now());
  const noColour = process.env["NO_COLOR"];
  const live = options.json ? process.stderr : process.stdout;
  const silent = options.json && !live.isTTY;
  const screen = silent ? null : new Screen(live, paintFor(live, noColour), () => progress.view());
  let report: DemoReport;
  try {
    report = await runDemo(options, progress, signal);
  } finally {
    screen?.close();
  }
  const text = options.json
    ? `${JSON.stringify(reportJson(report))}\n`
    : reportText(report, paintFor(process.stdout, noColour));
  process.stdout.write(text);
  return report;
}
