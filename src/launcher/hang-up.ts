/**
 * SIGHUP has two senders: an operator who wants a rolling restart, and the kernel when the terminal is closed. Called by run-fleet.ts, which
 * must not restart a fleet because somebody logged out.
 */
import { closeSync, openSync, readFileSync } from "node:fs";

/** What a SIGHUP means, to be asked when it comes: `nohup` has it ignored once the terminal is gone. */
export function watchTerminal(): () => "asked" | "terminal closed" | "ignore" {
  const hadTerminal = hasTerminal();
  const ignored = ignoresHangUp();
  return () => {
    if (!hadTerminal || hasTerminal()) return "asked";
    return ignored ? "ignore" : "terminal closed";
  };
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

/** True when the process was started with SIGHUP ignored, as nohup does. */
function ignoresHangUp(): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0";
    return (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false; // no /proc: as if started without nohup
  }
}
