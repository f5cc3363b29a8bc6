/**
 * A Debian booted with systemd as PID 1 in a container, on a throw-away layer above a directory made by debootstrap. Shares the
 * network of this machine, so that tests can send it requests. Needs root and systemd-nspawn.
 */
import { $ } from "bun";

export class BootedMachine implements AsyncDisposable {
  readonly #container: Bun.Subprocess;
  readonly #leader: string;

  /** `files` is seen as /files inside. */
  static async boot(root: string, files: string): Promise<BootedMachine> {
    const container = Bun.spawn(
      [
        "systemd-nspawn",
        `--directory=${root}`,
        `--bind-ro=${files}:/files`,
        `--machine=fd-router-test-${process.pid}`,
        "--volatile=overlay",
        "--boot",
        "--keep-unit",
        "--register=no",
        "--console=pipe",
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
    );
    for (let i = 0; i < 200; i++) {
      const leader = (await $`pgrep --parent ${container.pid}`.nothrow().quiet().text()).trim().split("\n")[0] ?? "";
      const machine = new BootedMachine(container, leader);
      if (leader !== "" && /running|degraded/.test((await machine.run("systemctl is-system-running")).output)) {
        return machine;
      }
      await Bun.sleep(100);
    }
    container.kill("SIGKILL");
    throw new Error(`${root} did not boot`);
  }

  private constructor(container: Bun.Subprocess, leader: string) {
    this.#container = container;
    this.#leader = leader;
  }

  /** Runs a shell command inside. */
  async run(command: string): Promise<{ readonly code: number; readonly output: string }> {
    const { exitCode, stdout, stderr } = await $`nsenter --target ${this.#leader} --all bash -c ${command}`
      .nothrow()
      .quiet();
    return { code: exitCode, output: `${stdout.toString()}${stderr.toString()}`.trim() };
  }

  /** What `systemctl show` tells of one property of the router's unit. */
  async show(property: string): Promise<string> {
    return (await this.run(`systemctl show --property ${property} --value fd-router`)).output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("systemctl --force poweroff");
    await Promise.race([this.#container.exited, Bun.sleep(5000)]);
    this.#container.kill("SIGKILL");
    await this.#container.exited;
  }
}
