/** The contract of a suite, and what it is given to measure with. Suites are listed in index.ts. */
import type { Arm, ArmSetting, RunningArm } from "../arms/arm.ts";
import type { LoadProcess } from "../load/load-process.ts";

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
  /** The figure that the chart shows, and that ratios are made of. */
  readonly main?: boolean;
}

/** One measurement of one subject (an arm, or a variant of one), by metric. */
export type Values = Readonly<Record<string, number>>;

export interface Suite {
  readonly name: string;
  readonly title: string;
  /** What it tells, in a sentence or two. */
  readonly about: string;
  readonly metrics: readonly Metric[];
  /**
   * Its rounds may be far apart: they take turns with those of the other suites that say so, since what slows the machine for some minutes
   * would be in most rounds of one suite otherwise.
   */
  readonly spread?: true;
  readonly run: (bench: Bench, record: Recorder) => Promise<void>;
}

export type Recorder = (subject: string, values: Values) => void;

export interface Bench {
  /** Engine and generator. */
  readonly load: LoadProcess;
  /** Further generators without an engine, started when first asked for and kept. */
  readonly generator: (index: number) => Promise<LoadProcess>;
  readonly rounds: number;
  /** Rounds of the same suite that were made before. */
  readonly roundsBefore: number;
  /** Measured time of one run. */
  readonly runMs: number;
  readonly warmUpMs: number;
  readonly quick: boolean;
  readonly setting: ArmSetting;
  /** Cores of the router where it may have all. */
  readonly allCores: string;
  /** Those chosen and installed, started when first asked for and kept. */
  readonly arms: () => Promise<readonly RunningArm[]>;
  /** The same, to be started anew where memory counts. */
  readonly armTable: readonly Arm[];
  /** Where published traces are, if anywhere. */
  readonly tracesDirectory: string;
  readonly progress: (text: string) => void;
  /** What cannot be measured here: the report names it. */
  readonly skip: (text: string) => void;
}
