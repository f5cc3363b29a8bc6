/** The contract of an arm: one of the programs that are compared, started in front of the same engines. Listed in index.ts. */
import type { Subprocess } from "bun";

export interface ArmSetting {
  /** Ports of the engine on 127.0.0.1. */
  readonly enginePorts: readonly number[];
  readonly cores: string;
  /** A directory of its own. */
  readonly directory: string;
}

export interface RunningArm {
  readonly name: string;
  readonly port: number;
  /** Null: nothing stands between generator and engine. */
  readonly child: Subprocess | null;
}

export interface Arm {
  readonly name: string;
  /** How to get it. */
  readonly install: string;
  /** It listens on a port of its own choice: there cannot be two of it. */
  readonly fixedPort?: true;
  readonly isInstalled: () => boolean;
  readonly start: (setting: ArmSetting) => Promise<RunningArm>;
}
