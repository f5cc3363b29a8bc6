/** The router's registry with its registration port, without the rest of the router: what a launcher registers with in tests. */
import type { FleetMember } from "../../../src/fleet/snapshot.ts";
import { registryOptions } from "../../../src/registry/options.ts";
import { createRegistry, type RegistryService } from "../../../src/registry/service.ts";

export class TestRegistry implements AsyncDisposable {
  readonly #service: RegistryService;
  readonly #counting: ReturnType<typeof setInterval>;
  /** Requests that the router has on every instance. */
  inFlight = 0;
  /** Number of instances that could be chosen, after each change. */
  readonly readyCounts: number[] = [];

  private constructor(service: RegistryService) {
    this.#service = service;
    service.onSnapshot(({ members }) => this.readyCounts.push(members.filter((one) => one.state === "ready").length));
    this.#counting = setInterval(() => {
      service.inFlight(new Map(this.members.map(({ instance }) => [instance.id, this.inFlight])));
    }, 10);
  }

  static async start(port?: number): Promise<TestRegistry> {
    const options = registryOptions.parse(port === undefined ? {} : { "registration-port": port });
    const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
    const service = createRegistry(options, { splitwise: false, routerPort: 0, log });
    await service.start();
    return new TestRegistry(service);
  }

  get port(): number {
    return this.#service.registrationAddress?.port ?? 0;
  }

  get members(): readonly FleetMember[] {
    return this.#service.snapshot().members;
  }

  /** Flags of a launcher that register with it. */
  get flags(): readonly string[] {
    return ["--router", "127.0.0.1:9", "--registration", `127.0.0.1:${this.port}`];
  }

  async until(condition: (members: readonly FleetMember[]) => boolean): Promise<readonly FleetMember[]> {
    const deadline = performance.now() + 10_000;
    while (!condition(this.members)) {
      if (performance.now() > deadline) throw new Error(`the fleet stayed ${JSON.stringify(this.members)}`);
      await Bun.sleep(5);
    }
    return this.members;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#counting);
    await this.#service.stop();
  }
}

function quiet(): void {}
