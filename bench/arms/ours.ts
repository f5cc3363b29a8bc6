/** fd-router as it ships: the compiled binary with default options, access log and metrics on; only the number of threads is set. */
import { compiledBinary } from "../../test/support/compiled-binary.ts";
import type { FrontName } from "../../src/front/front.ts";
import type { Arm, ArmSetting, RunningArm } from "./arm.ts";
import { freePort, startPinned, untilListening } from "./pinned-process.ts";

export const ours: Arm = {
  name: "fd-router",
  install: "bun run build",
  isInstalled: () => true,
  start: (setting) => startRouter(setting, { workers: 1 }),
};

/** The same with the front on plain sockets. */
export const oursRaw: Arm = {
  ...ours,
  name: "fd-router-raw",
  start: (setting) => startRouter(setting, { workers: 1, name: "fd-router-raw", front: "raw" }),
};

export interface RouterVariant {
  readonly workers: number;
  /** `serve` when not given. */
  readonly front?: FrontName;
  /** Shown instead of `fd-router`. */
  readonly name?: string;
  /** Instead of the engine's ports on 127.0.0.1: text of register.yaml. */
  readonly fleet?: string;
  readonly flags?: readonly string[];
  readonly registrationPort?: number;
}

export async function startRouter(setting: ArmSetting, variant: RouterVariant): Promise<RunningArm> {
  const { command, port } = await routerCommand(setting, variant);
  const { cores, directory } = setting;
  const child = startPinned(command, { cores, cwd: directory, logPath: `${directory}/fd-router.log` });
  await untilListening(port, child, "fd-router");
  await untilReady(port);
  return { name: variant.name ?? "fd-router", port, child };
}

/** Writes the configuration and says how to start it. */
export async function routerCommand(
  { enginePorts, directory }: ArmSetting,
  { workers, front = "serve", fleet, flags = [], registrationPort = 0 }: RouterVariant,
): Promise<{ readonly command: readonly string[]; readonly port: number }> {
  const port = freePort();
  const stem = `${directory}/router-${port}`;
  await Bun.write(`${stem}-fleet.yaml`, fleet ?? fleetFile(enginePorts.map((engine) => ["127.0.0.1", engine])));
  await Bun.write(
    `${stem}.yaml`,
    `server: { host: 127.0.0.1, port: "${port}", workers: ${workers}, front: ${front} }
manager: { register-path: ${stem}-fleet.yaml, registration-port: ${registrationPort} }
`,
  );
  return { command: [await compiledBinary(), "--config_path", `${stem}.yaml`, ...flags], port };
}

/** Text of register.yaml. */
export function fleetFile(addresses: readonly (readonly [host: string, port: number])[], role = "mixed"): string {
  const entries = addresses.map(([host, port]) => `  - { role: ${role}, host_ip: ${host}, port: ${port} }`);
  return `instances:\n${entries.join("\n")}\n`;
}

async function untilReady(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const { status } = await fetch(`http://127.0.0.1:${port}/ready`, { keepalive: false });
    if (status === 200) return;
    await Bun.sleep(20);
  }
  throw new Error(`fd-router on port ${port} is not ready after 10 s`);
}
