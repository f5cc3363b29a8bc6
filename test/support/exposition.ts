/** Reads a page of metrics strictly, as Prometheus does (text format 0.0.4): a malformed or repeated line throws. */
export interface Exposition {
  /** By series as written: `name{label="value"}`. */
  readonly values: ReadonlyMap<string, number>;
  /** By metric. */
  readonly types: ReadonlyMap<string, string>;
  /** Sum over all series of a metric whose text contains `part`. */
  sum(metric: string, part?: string): number;
}

const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const SAMPLE = new RegExp(
  String.raw`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:${LABEL}(?:,${LABEL})*)?\})? ([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|Inf)|NaN)$`,
);

export function readExposition(text: string): Exposition {
  if (!text.endsWith("\n")) throw new Error("metrics do not end with a line end");
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.slice(0, -1).split("\n")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type !== null) types.set(type[1] ?? "", type[2] ?? "");
    if (/^# (TYPE|HELP) \S+ \S/.test(line)) continue;
    const sample = SAMPLE.exec(line);
    if (sample === null) throw new Error(`not a sample: ${JSON.stringify(line)}`);
    const [, name = "", labels = "", value = ""] = sample;
    if (values.has(name + labels)) throw new Error(`series twice: ${name}${labels}`);
    if (!types.has(name) && !types.has(name.replace(/_(bucket|sum|count)$/, ""))) throw new Error(`no TYPE: ${name}`);
    values.set(name + labels, Number(value.replace("Inf", "Infinity")));
  }
  const sum = (metric: string, part = ""): number =>
    [...values]
      .filter(([series]) => series.replace(/\{.*/, "") === metric && series.includes(part))
      .reduce((total, [, value]) => total + value, 0);
  return { values, types, sum };
}
