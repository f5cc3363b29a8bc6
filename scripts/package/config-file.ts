/** The configuration file that the package installs: every key with its meaning and default, all but a few as comments. */
import { describeWanted } from "../../src/config/explain.ts";
import { OPTIONS, SECTIONS, type Option } from "../../src/config/schema.ts";

const WIDTH = 100;

/** Without these the service would not start, or forget its fleet. The port is FastDeploy's own for a router. */
const SET: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["server.port", 9000],
  ["manager.saved-table-path", "/var/lib/fd-router/fleet.json"],
]);

export function packagedConfig(): string {
  return `# Configuration of fd-router: the system service reads it at start and on \`systemctl reload fd-router\`.
# A line without # is in force; all others show the default. After a change: fd-router check /etc/fd-router/config.yaml
# "restart": a reload does not change the key. Secrets may stand in /etc/default/fd-router instead. See fd-router(1).
${SECTIONS.map((section) => sectionText(section)).join("")}`;
}

function sectionText(section: string): string {
  const keys = OPTIONS.filter((option) => option.section === section).map(keyText);
  return `\n${section}:\n${keys.join("\n")}`;
}

function keyText(option: Option): string {
  const { description, path, key, defaultValue, needsRestart } = option;
  const takes = `Takes ${describeWanted(option).replace(", without quotes", "")}.`;
  const restart = needsRestart ? " (restart)" : "";
  const comment = wrapComment(`${description.replaceAll("`", "")} ${takes}${restart}`, "  # ");
  const set = SET.get(path);
  const line = set === undefined ? `  #${key}: ${JSON.stringify(defaultValue)}` : `  ${key}: ${JSON.stringify(set)}`;
  return `${comment}${line}\n`;
}

function wrapComment(text: string, prefix: string): string {
  const lines: string[] = [];
  let line = prefix;
  for (const word of text.split(" ")) {
    if (line.length + word.length > WIDTH) {
      lines.push(line.trimEnd());
      line = prefix;
    }
    line += `${word} `;
  }
  return `${[...lines, line.trimEnd()].join("\n")}\n`;
}
