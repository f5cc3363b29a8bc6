/**
 * A counter with labels, for the hot path: a series is found by walking its label values, so that no name is built for each count.
 * Kept by worker/recorder.ts.
 */
import type { MetricDefinition } from "./catalog.ts";
import { seriesOf } from "./metric-set.ts";

interface Series {
  readonly name: string;
  value: number;
}

/** One level a label; the series hang on the last. */
type Level = Map<string, Level | Series>;

export class LabelledCounter {
  readonly #metric: MetricDefinition;
  readonly #root: Level = new Map();

  constructor(metric: MetricDefinition) {
    this.#metric = metric;
  }

  /** `values` in the order of the metric's labels, of which there is at least one. */
  count(...values: readonly [string, ...string[]]): void {
    let level = this.#root;
    let depth = 0;
    for (; depth < values.length - 1; depth++) level = this.#below(level, values[depth] ?? "");
    const last = values[depth] ?? "";
    const known = level.get(last);
    if (known !== undefined && "name" in known) known.value++;
    else level.set(last, { name: seriesOf(this.#metric, values), value: 1 });
  }

  /** By the name of the series. */
  addTo(counters: Map<string, number>): void {
    forEachSeries(this.#root, ({ name, value }) => counters.set(name, value));
  }

  /** Drops the series with one of these label values. */
  forget(values: ReadonlySet<string>): void {
    forgetIn(this.#root, values);
  }

  #below(level: Level, value: string): Level {
    const known = level.get(value);
    if (known instanceof Map) return known;
    const made: Level = new Map();
    level.set(value, made);
    return made;
  }
}

function forEachSeries(level: Level, found: (series: Series) => void): void {
  for (const below of level.values()) {
    if (below instanceof Map) forEachSeries(below, found);
    else found(below);
  }
}

function forgetIn(level: Level, values: ReadonlySet<string>): void {
  for (const [value, below] of level) {
    if (values.has(value)) level.delete(value);
    else if (below instanceof Map) forgetIn(below, values);
  }
}
