/** Hands out ports while a plan is made: the user's own, checked and claimed, or free ones. Pure. Used by plan.ts and its parts. */
import type { PortClaim } from "./fleet-plan.ts";
import { LaunchProblem } from "./launch-problem.ts";
import type { GroupOptions, PortList } from "./options.ts";

export class PortPlan {
  readonly #claims: PortClaim[] = [];
  readonly #free: number[];

  /** `freePorts` were found free; those that the user named himself are not handed out. */
  constructor(freePorts: readonly number[], groups: readonly GroupOptions[]) {
    const named = new Set(groups.flatMap(namedPorts));
    this.#free = freePorts.filter((port) => !named.has(port));
  }

  get claims(): readonly PortClaim[] {
    return this.#claims;
  }

  /** `count` ports for a flag of the launcher; null when there are to be none. */
  resolve(flag: string, list: PortList, count: number): readonly number[] | null {
    if (list === "off") return null;
    if (list === "auto") return this.take(count);
    return this.#claim(flag, list, count);
  }

  /** `count` ports from the value of a flag inside `--args`. */
  parse(flag: string, value: string, count: number): readonly number[] {
    const items = value.split(",").map((item) => item.trim());
    const wrong = items.find((item) => !/^\d{1,5}$/.test(item) || Number(item) < 1 || Number(item) > 65_535);
    if (wrong !== undefined) throw new LaunchProblem(`${flag} ${value}: "${wrong}" is not a port from 1 to 65535`);
    return this.#claim(flag, items.map(Number), count);
  }

  take(count: number): readonly number[] {
    const taken = this.#free.splice(0, count);
    if (taken.length < count) throw new LaunchProblem(`free ports: wanted ${count} more, found ${taken.length}`);
    return taken;
  }

  refuseDuplicates(): void {
    const seen = new Map<number, string>();
    for (const { flag, port } of this.#claims) {
      const earlier = seen.get(port);
      if (earlier !== undefined)
        throw new LaunchProblem(`${flag} ${port}: Port ${port} is already given to ${earlier}`);
      seen.set(port, flag);
    }
  }

  #claim(flag: string, list: readonly number[], count: number): readonly number[] {
    if (list.length !== count) {
      const wanted = flag === "--rdma-comm-ports" ? "number of devices" : "num-servers";
      throw new LaunchProblem(
        `${flag} ${list.join(",")}: Number of ports must match ${wanted} (${list.length} given, ${count} wanted)`,
      );
    }
    this.#claims.push(...list.map((port) => ({ flag, port })));
    return list;
  }
}

function namedPorts(group: GroupOptions): readonly number[] {
  const lists = [group.ports, group["metrics-ports"], group["controller-ports"]];
  const inArguments = group.args.flatMap((word) =>
    word
      .replace(/^--[\w-]+=/, "")
      .split(",")
      .map(Number),
  );
  return [...lists.flatMap((list) => (list === undefined || typeof list === "string" ? [] : list)), ...inArguments];
}
