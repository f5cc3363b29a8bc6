/** What to tell the operator when a unit changes. Pure. Called by supervise.ts. */
import type { NoteLevel } from "./supervisor-contract.ts";
import type { Unit } from "./unit.ts";

export interface Note {
  readonly level: NoteLevel;
  readonly text: string;
}

/** Null when the change is not worth a line. */
export function describeChange(name: string, before: Unit, after: Unit, crashLimit: number): Note | null {
  if (after.crashes !== before.crashes && after.crashes.length > 0) {
    return { level: "error", text: `${head(name, after)}${after.reason}; ${describeNext(after, crashLimit)}` };
  }
  if (after.state.phase === before.state.phase) return null;
  switch (after.state.phase) {
    case "running":
      // Of a single server it has just been said that it is healthy.
      return after.names.length === 1 ? null : { level: "info", text: `${name}: running` };
    case "draining":
    case "stopped":
      return { level: "info", text: `${name}: ${after.state.phase}` };
    case "failed":
      return { level: "error", text: `${name}: given up` };
    case "waiting":
    case "starting":
    case "stopping":
    default:
      return null;
  }
}

/** The reason names the server; its unit is another thing only when it has several. */
function head(name: string, unit: Unit): string {
  return unit.names.length === 1 ? "" : `${name}: `;
}

function describeNext(unit: Unit, crashLimit: number): string {
  const crashes = `crash ${unit.crashes.length} of ${crashLimit}`;
  const next = unit.state.phase === "stopping" ? unit.state.next : null;
  return next?.kind === "restart" ? `restart in ${next.afterMs / 1000} s (${crashes})` : `no restart (${crashes})`;
}
