/** Reads Prometheus' text format 0.0.4, as far as gauges and counters go: engines' `/metrics`. Used by the registry and the launcher. */

const NAME = /^[a-zA-Z_:][\w:]*/;
/** A timestamp may follow. */
const VALUE = /^\s+(\S+)/;

/** Values by name, those of several label sets added up. Samples that are no finite number are left out. */
export function sumSamples(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const line of text.split("\n")) {
    const name = NAME.exec(line)?.[0];
    if (name === undefined) continue;
    const value = Number(VALUE.exec(line.slice(labelsEnd(line, name.length)))?.[1]);
    if (Number.isFinite(value)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return sums;
}

/** Where the labels that may begin at `start` end. Quoted values may hold any character; what is not closed ends with the line. */
function labelsEnd(line: string, start: number): number {
  if (line[start] !== "{") return start;
  let isQuoted = false;
  for (let i = start + 1; i < line.length; i++) {
    const character = line[i];
    if (character === "\\") i++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === "}" && !isQuoted) return i + 1;
  }
  return line.length;
}
