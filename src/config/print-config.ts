/** The effective configuration as YAML that can be used as a file again, each line with the origin of its value. */
import type { LoadedConfig, Origin } from "./load.ts";
import { OPTIONS, SECTIONS } from "./schema.ts";
import type { Option } from "./schema.ts";

export function printConfig({ config, origins }: LoadedConfig): string {
  const sections = SECTIONS.map((section) => {
    const values = new Map<string, unknown>(Object.entries(config[section]));
    const options = OPTIONS.filter((option) => option.section === section);
    const lines = options.map((option) => printValue(option, values.get(option.key)));
    const width = Math.max(...lines.map((line) => line.length));
    return [
      `${section}:`,
      ...options.map((option, i) => `${(lines[i] ?? "").padEnd(width)}  # ${describeOrigin(origins.get(option.path))}`),
    ].join("\n");
  });
  return `${sections.join("\n")}\n`;
}

/** JSON is YAML. A secret is left out, its line a comment. */
function printValue(option: Option, value: unknown): string {
  return option.secret && value !== "" ? `  # ${option.key}: (not shown)` : `  ${option.key}: ${JSON.stringify(value)}`;
}

function describeOrigin(origin: Origin | undefined): string {
  if (origin === undefined || origin.source === "default") return "default";
  return `${origin.source} ${origin.detail}`;
}
