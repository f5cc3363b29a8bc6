/**
 * Shows a replay as it goes: a board redrawn in place on a terminal, a line every two seconds elsewhere. Pure: screen.ts
 * owns the terminal.
 */
import type { Paint } from "./paint.ts";
import type { InstanceCount } from "./recorder.ts";

export interface PolicyProgress {
  readonly policy: string;
  /** `done` has a p99 to show. */
  readonly state: "waiting" | "starting" | "running" | "done";
  readonly ended: number;
  readonly failed: number;
  readonly p99TtftMs: number | null;
}

export interface BoardView {
  readonly title: string;
  /** Requests in each policy's replay. */
  readonly total: number;
  readonly policies: readonly PolicyProgress[];
  readonly inFlight: number;
  readonly tokensPerSecond: number;
  readonly instances: readonly InstanceCount[];
}

const NAME_WIDTH = 13;
const MAX_WIDTH = 100;
/** Full length of an instance's bar stands for at least this many requests in flight. */
const FULL_BAR_REQUESTS = 12;
const MAX_INSTANCES_SHOWN = 16;

/** Lines no wider than `width`. */
export function renderBoard(view: BoardView, width: number, paint: Paint): string[] {
  const columns = Math.max(40, Math.min(width, MAX_WIDTH)) - 1;
  return [
    paint("title", clip(view.title, columns)),
    "",
    ...view.policies.map((progress) => policyLine(progress, view.total, columns, paint)),
    "",
    clip(currentLine(view), columns),
    "",
    ...instanceLines(view.instances, columns, paint),
  ];
}

/** For logs: `p2c: 420 of 2,422 done, 51 in flight, 0 failed, 3,210 tokens/s`. Null when nothing is under way. */
export function renderLine(view: BoardView): string | null {
  const now = view.policies.find((progress) => progress.state === "starting" || progress.state === "running");
  if (now === undefined) return null;
  if (now.state === "starting") return `${now.policy}: starting router and engines`;
  return `${now.policy}: ${whole(now.ended)} of ${whole(view.total)} done, ${currentLine(view)}`;
}

function currentLine(view: BoardView): string {
  const failed = view.policies.reduce((sum, progress) => sum + progress.failed, 0);
  return `${view.inFlight} in flight, ${whole(failed)} failed, ${whole(view.tokensPerSecond)} tokens/s`;
}

function policyLine(progress: PolicyProgress, total: number, columns: number, paint: Paint): string {
  const name = progress.policy.padEnd(NAME_WIDTH).slice(0, NAME_WIDTH);
  const note = policyNote(progress, total).padEnd(24);
  const room = columns - NAME_WIDTH - note.length - 4;
  const filled = Math.round(room * Math.min(1, progress.ended / Math.max(1, total)));
  const bar = paint("bar", "█".repeat(filled)) + paint("dim", "░".repeat(room - filled));
  const mark = progress.state === "done" ? (progress.failed === 0 ? paint("good", "✔") : paint("bad", "✘")) : " ";
  return `${mark} ${name}${bar}  ${progress.state === "waiting" ? paint("dim", note.trimEnd()) : note.trimEnd()}`;
}

function policyNote(progress: PolicyProgress, total: number): string {
  switch (progress.state) {
    case "waiting":
      return "waiting";
    case "starting":
      return "starting";
    case "running":
      return `${whole(progress.ended)}/${whole(total)}`;
    case "done":
      return progress.failed > 0 ? `${whole(progress.failed)} failed` : `p99 TTFT ${whole(progress.p99TtftMs ?? 0)} ms`;
  }
}

function instanceLines(instances: readonly InstanceCount[], columns: number, paint: Paint): string[] {
  const full = Math.max(FULL_BAR_REQUESTS, ...instances.map((instance) => instance.inFlight));
  const hidden = instances.length - MAX_INSTANCES_SHOWN;
  const lines = instances.slice(0, MAX_INSTANCES_SHOWN).map(({ inFlight, requests }, index) => {
    const label = `#${index + 1}`.padStart(4);
    const note = `${String(inFlight).padStart(3)} in flight ${whole(requests).padStart(7)} requests`;
    const room = columns - label.length - note.length - 2;
    const filled = Math.round((room * inFlight) / full);
    return `${label} ${paint("bar", "▪".repeat(filled))}${" ".repeat(room - filled)} ${paint("dim", note)}`;
  });
  return hidden > 0 ? [...lines, paint("dim", `     and ${hidden} more`)] : lines;
}

function clip(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
