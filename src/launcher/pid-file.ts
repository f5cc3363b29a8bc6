/** The file that tells `fd-router launch --rolling-restart` whom to ask. Written by run-fleet.ts. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LaunchOptions } from "./options.ts";
import { signalProcess } from "./process-tree.ts";

export function logFolderOf(options: LaunchOptions): string {
  return options["log-dir"] ?? (process.env["FD_LOG_DIR"] || "log");
}

export function pidFileOf(options: LaunchOptions): string {
  return options["pid-file"] ?? join(logFolderOf(options), "fd-router-launch.pid");
}

/** The pid of a launcher that lives; null otherwise. */
export function readPidFile(path: string): number | null {
  const pid = Number(readText(path).trim());
  if (!Number.isInteger(pid) || pid <= 1 || !signalProcess(pid, 0)) return null;
  // The number may have been given to another program since; where that cannot be seen, the file is believed.
  const commandLine = readText(`/proc/${pid}/cmdline`);
  return commandLine === "" || commandLine.split("\0").includes("launch") ? pid : null;
}

/** Returns how to remove it, or why it was not written: neither stops a launch. */
export function writePidFile(path: string): { readonly remove: () => void } | { readonly problem: string } {
  const other = readPidFile(path);
  if (other !== null) return { problem: `--pid-file ${path}: belongs to the running launcher ${other}` };
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    return { problem: `--pid-file ${path}: cannot be written: ${String(error)}` };
  }
  return { remove: () => rmSync(path, { force: true }) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // not there, or not ours to read
  }
}
