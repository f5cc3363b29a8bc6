/** Reads Prometheus' text format 0.0.4, as far as gauges and counters go: engines' `/metrics`. Used by the registry and the launcher. */

/** Name, labels (quoted values may hold any character), value; a timestamp may follow. */
const SAMPLE = /^([a-zA-Z_:][\w:]*)\s*(?:\{(?:[^"}]|"(?:\\.|[^"\\])*")*\})?\s+(\S+)/;

/** Values by name, those of several label sets added up. Samples that are no finite number are left out. */
export function sumSamples(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, value] = SAMPLE.exec(line) ?? [];
    const number = Number(value);
    if (name !== undefined && Number.isFinite(number)) sums.set(name, (sums.get(name) ?? 0) + number);
  }
  return sums;
}
