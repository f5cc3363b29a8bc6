/** Instances that nobody registers over the network: those of register.yaml and those of the saved table. Used by service.ts. */
import { isAbsolute, resolve } from "node:path";
import type { InstanceId } from "../fleet/instance.ts";
import type { Timers } from "../registration/router-link.ts";
import type { Admission, Draft } from "./admission.ts";
import type { RegistryCommand } from "./commands.ts";
import type { RegistryLog } from "./log.ts";
import { type FileEntry, parseRegisterFile } from "./register-file.ts";
import { formatTable, readTable, writeTable } from "./saved-table.ts";
import { type Entry, isListed } from "./entry.ts";
import type { Answer } from "./state.ts";

export interface StaticFleetDeps {
  readonly apply: (command: RegistryCommand) => Answer;
  readonly admit: (draft: Draft) => Promise<Admission>;
  readonly joined: (id: InstanceId) => Promise<boolean>;
  readonly entries: () => Iterable<Entry>;
  readonly timers: Timers;
  readonly log: RegistryLog;
}

const SAVE_DELAY_MS = 1000;

export class StaticFleet {
  readonly #registerPath: string;
  readonly #tablePath: string;
  readonly #deps: StaticFleetDeps;
  #listed: ReadonlySet<InstanceId> = new Set();
  #cancelSave: (() => void) | null = null;
  #writing: Promise<void> = Promise.resolve();

  /** An empty path switches that half off. */
  constructor(registerPath: string, tablePath: string, deps: StaticFleetDeps) {
    this.#registerPath = registerPath;
    this.#tablePath = tablePath;
    this.#deps = deps;
  }

  /** Takes what a former router left. Nothing in it can keep a router from starting. */
  async restore(): Promise<void> {
    if (this.#tablePath === "") return;
    try {
      const saved = await readTable(this.#tablePath);
      let restored = 0;
      for (const { draft, drained } of saved) {
        const admission = await this.#deps.admit(draft);
        if (!admission.ok) continue;
        const door = { kind: "saved", drained } as const;
        if (this.#deps.apply({ kind: "register", admitted: admission.admitted, door }).ok) restored++;
      }
      this.#deps.log.info(`Restored ${restored} of ${saved.length} instances from ${this.#tablePath}`);
    } catch (error) {
      this.#deps.log.error(`Failed to read saved table ${this.#tablePath}: ${textOf(error)}`);
    }
  }

  /** What is wrong with register.yaml, each with its place. */
  async check(): Promise<readonly string[]> {
    if (this.#registerPath === "") return [];
    const path = this.#registerPath;
    let text: string;
    try {
      text = await Bun.file(resolve(path)).text();
    } catch (error) {
      return [`${path}: ${textOf(error)}`];
    }
    const file = parseRegisterFile(text);
    if (!file.ok) return [`${path}: ${file.problem}`];
    const problems = await Promise.all(file.entries.map((entry) => this.#refusal(entry)));
    return problems.flatMap((problem, i) =>
      problem === null ? [] : [`${path}:${file.entries[i]?.position}: instances[${i}]: ${problem}`],
    );
  }

  /** Reads register.yaml: adds what is new, changes what differs, drops what is named no more. Resolves when the new ones are probed. */
  async load(): Promise<void> {
    if (this.#registerPath === "") return;
    const { log } = this.#deps;
    const path = isAbsolute(this.#registerPath) ? this.#registerPath : resolve(this.#registerPath);
    let text: string;
    try {
      text = await Bun.file(path).text();
    } catch (error) {
      log.error(`Failed to read YAML file ${this.#registerPath}: ${textOf(error)}`);
      return;
    }
    const file = parseRegisterFile(text);
    if (!file.ok) {
      log.error(`Failed to unmarshal YAML file ${this.#registerPath}: ${file.problem}`);
      return;
    }
    if (file.entries.length === 0) log.info(`No instances found in config file ${this.#registerPath}`);
    const outcomes = await Promise.all(file.entries.map((entry) => this.#enter(entry)));
    const named = new Set(outcomes.filter((id) => id !== null));
    for (const id of this.#listed) if (!named.has(id)) this.#deps.apply({ kind: "unlist", id });
    this.#listed = named;
  }

  /** The fleet differs from what was saved last. */
  changed(): void {
    if (this.#tablePath === "" || this.#cancelSave !== null) return;
    this.#cancelSave = this.#deps.timers.after(SAVE_DELAY_MS, () => {
      this.#cancelSave = null;
      this.#save();
    });
  }

  async stop(): Promise<void> {
    if (this.#cancelSave !== null) {
      this.#cancelSave();
      this.#cancelSave = null;
      this.#save();
    }
    await this.#writing;
  }

  /** One write at a time, in order. */
  #save(): void {
    const text = formatTable(this.#deps.entries());
    this.#writing = this.#writing
      .then(() => writeTable(this.#tablePath, text))
      .catch((error: unknown) =>
        this.#deps.log.error(`Failed to write saved table ${this.#tablePath}: ${textOf(error)}`),
      );
  }

  /** Null when the entry would be admitted. */
  async #refusal({ parsed }: FileEntry): Promise<string | null> {
    if (!parsed.ok) return parsed.problem;
    const admission = await this.#deps.admit(parsed.draft);
    return admission.ok ? null : admission.problem;
  }

  /** Null when the entry cannot be an instance; one that is only unhealthy stays listed and is probed on. */
  async #enter(entry: FileEntry): Promise<InstanceId | null> {
    const { log } = this.#deps;
    const problem = (text: string): void =>
      log.error(`Failed to register instance from index ${entry.index}: ${text} (at ${entry.position})`);
    if (!entry.parsed.ok) {
      problem(entry.parsed.problem);
      return null;
    }
    const admission = await this.#deps.admit(entry.parsed.draft);
    if (!admission.ok) {
      problem(admission.problem);
      return null;
    }
    const { id } = admission.admitted.instance;
    const answer = this.#deps.apply({ kind: "register", admitted: admission.admitted, door: { kind: "file" } });
    if (!answer.ok) {
      problem(answer.message);
      return null;
    }
    const decided = answer.entry === null || isListed(answer.entry);
    if (decided || (await this.#deps.joined(id))) {
      log.info(`Successfully registered instance from index ${entry.index}`);
    } else {
      problem(`${id} service is not healthy`);
    }
    return id;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
