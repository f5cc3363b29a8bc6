/** The engines and ports of one case, and the two directions between real ports and their names in the recordings. */
import { GoldenEngine } from "./engine.ts";
import type { GoldenCase } from "./corpus.ts";
import { freePort } from "./router.ts";

export class Stage {
  readonly engines: ReadonlyMap<string, GoldenEngine>;
  readonly routerPort: number;
  readonly #ports: ReadonlyMap<string, number>;

  private constructor(engines: ReadonlyMap<string, GoldenEngine>, ports: ReadonlyMap<string, number>) {
    this.engines = engines;
    this.#ports = ports;
    this.routerPort = ports.get("R") ?? 0;
  }

  /** `routerPort`: of a router that runs already. */
  static async open(golden: GoldenCase, routerPort?: number): Promise<Stage> {
    const text = JSON.stringify(golden);
    const names = [
      ...new Set([...text.matchAll(/\{(P\d)\}|"(P\d)"/g)].map((match) => match[1] ?? match[2] ?? "")),
    ].toSorted();
    // `{P1}` sorts first: so do the ports behind the names.
    const made = names.map((name) => new GoldenEngine(name, golden.file === "registration" ? "127.0.0.1" : "::"));
    for (const engine of made) await engine.start();
    const sorted = made.map(({ port }) => port).toSorted((a, b) => a - b);
    const engines = new Map<string, GoldenEngine>();
    const ports = new Map<string, number>([
      ["R", routerPort ?? (await freePort())],
      ["PDEAD", await freePort()],
    ]);
    made
      .toSorted((a, b) => a.port - b.port)
      .forEach((engine, index) => {
        const name = names[index] ?? "";
        engine.name = name;
        engines.set(name, engine);
        ports.set(name, sorted[index] ?? 0);
      });
    const stage = new Stage(engines, ports);
    for (const [name, engine] of engines) stage.#dress(engine, name, golden);
    return stage;
  }

  engine(name: string): GoldenEngine {
    const engine = this.engines.get(name);
    if (engine === undefined) throw new Error(`a case names the engine ${name} and does not list it`);
    return engine;
  }

  /** Names to ports. */
  readonly fill = (text: string): string => {
    // A hexadecimal or otherwise spelt port of the recording stands for the first engine's.
    const hex = (this.#ports.get("P1") ?? 0).toString(16).padStart(4, "0");
    return text
      .replaceAll(/\{(P\d|PDEAD|R)\}/g, (all, name: string) => String(this.#ports.get(name) ?? all))
      .replace("0x4651", `0x${hex}`);
  };

  /** Ports to names. */
  readonly clean = (text: string): string => {
    let cleaned = text;
    for (const [name, port] of this.#ports)
      cleaned = cleaned.replaceAll(new RegExp(`(?<![\\d.])${port}(?!\\d)`, "g"), `{${name}}`);
    return cleaned;
  };

  /** After the case's own registrations, which all go well. */
  applyHealth(golden: GoldenCase): void {
    for (const [name, scripts] of Object.entries(golden.engine_health ?? {})) this.engine(name).health = scripts;
  }

  close(): void {
    for (const engine of this.engines.values()) engine.stop();
  }

  #dress(engine: GoldenEngine, name: string, golden: GoldenCase): void {
    engine.fill = this.fill;
    engine.metrics = golden.engine_metrics?.[name] ?? null;
    engine.holds = golden.ops !== undefined && !(name === "P8" && golden.tokenizer_answers !== undefined);
    const answers = name === "P8" ? golden.tokenizer_answers : undefined;
    if (answers !== undefined) engine.answers = answers;
    const script = golden.engine_script?.[name];
    if (script !== undefined) engine.answers = script;
  }
}
