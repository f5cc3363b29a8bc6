/** What `fd-router -h` prints: the Go program's usage to the letter, then the flags that it does not have. */
import { FLAGS } from "./flags.ts";
import type { Flag } from "./flags.ts";

const GO_FLAGS = `  -V\tprint version info (shorthand)
  -config_path string
    \tpath to config file
  -port string
    \tlisten port of router
  -splitwise
    \tenable splitwise mode
  -version
    \tprint version info
`;

/** Characters after the indent. */
const LINE_WIDTH = 100;

const GO_FLAG_NAMES: ReadonlySet<string> = new Set(["V", "config_path", "port", "splitwise", "version"]);

export function goUsage(programName: string): string {
  return `Usage of ${programName}:\n${GO_FLAGS}`;
}

/** The flags beyond those of the Go program, for a terminal. */
function moreFlags(): string {
  const flags = [...FLAGS.values()].filter((flag) => !GO_FLAG_NAMES.has(flag.name));
  const lines = flags.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(describeFlag);
  return `
More flags. Each sets the key of the config file that is named with it; so does its variable, FD_ROUTER_<SECTION>_<KEY>.
A flag wins over the variable, the variable over the file.
${lines.join("")}`;
}

export function fullUsage(programName: string): string {
  return `${goUsage(programName)}${moreFlags()}
Commands: run "${programName} help". Check a configuration: "${programName} check --config_path FILE".
`;
}

function describeFlag(flag: Flag): string {
  const type = flag.kind === "bool" ? "" : ` ${flag.kind === "float64" ? "float" : flag.kind}`;
  return `  -${flag.name}${type}\n${wrap(describeTarget(flag))
    .map((line) => `    \t${line}\n`)
    .join("")}`;
}

function describeTarget(flag: Flag): string {
  const { target } = flag;
  switch (target.kind) {
    case "option": {
      const { option } = target;
      const choices = option.choices === null ? "" : ` One of ${option.choices.join(", ")}.`;
      const byDefault = option.defaultValue === "" ? "" : ` (default ${String(option.defaultValue)})`;
      return `${option.path}: ${option.description.replaceAll("`", "")}${choices}${byDefault}`;
    }
    case "config-file":
      return "path to config file; flat names of the Python router are understood too";
    case "ignored":
      return "accepted for the Python router's command lines, without effect";
    case "version":
      return "print version info";
  }
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length >= LINE_WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
