/** What plan.ts must know of this host, read from the environment and the devices. Called by launch.ts. */
import { existsSync, readdirSync } from "node:fs";
import type { HostFacts } from "./fleet-plan.ts";

export function readHostFacts(python: string): HostFacts {
  return {
    environment: process.env,
    platform: platform(),
    gpuCount: countNvidia(),
    // FastDeploy's launcher uses its own interpreter; many hosts have python3 only.
    python: python === "python" && Bun.which("python") === null && Bun.which("python3") !== null ? "python3" : python,
  };
}

function platform(): HostFacts["platform"] {
  const devices = existsSync("/dev") ? readdirSync("/dev") : [];
  if (devices.some((name) => /^nvidia(ctl|\d)/.test(name))) return "cuda";
  if (devices.some((name) => /^xpu(ctrl|\d)/.test(name))) return "xpu";
  if (devices.some((name) => name.startsWith("iluvatar"))) return "iluvatar";
  return "other";
}

function countNvidia(): number | null {
  const folder = "/proc/driver/nvidia/gpus";
  return existsSync(folder) ? readdirSync(folder).length : null;
}
