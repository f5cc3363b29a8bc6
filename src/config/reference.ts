/** docs/config.md and docs/config.schema.json, made from the option schemas by scripts/docs.ts and held to them by docs.test.ts. */
import * as z from "zod/mini";
import { describeWanted } from "./explain.ts";
import { OPTIONS, SECTIONS } from "./schema.ts";
import type { Option, SectionName } from "./schema.ts";

const SECTION_TITLES: Readonly<Record<SectionName, string>> = {
  server: "listening, worker threads, passing requests on",
  scheduler: "choosing an instance",
  manager: "registration and health",
  log: "log lines and files",
};

const INTRODUCTION = `# Configuration

<!-- Made from the option schemas by \`bun run docs\`; a test fails when it is out of date. -->

A value comes from the first of these that gives one:

1. a flag: \`--workers 4\`, \`-workers=4\`
2. a variable of the environment: \`FD_ROUTER_<SECTION>_<KEY>\`, as in \`FD_ROUTER_SERVER_WORKERS=4\`
3. the file named with \`--config_path\` (or \`--config\`)
4. the default

Only a port has no default. \`fd-router check FILE\` says what is wrong with a file, and where; with \`--print\` it shows every value
that a router would run with and where it comes from. It takes the same flags as the router.
Editors check and complete the file with [config.schema.json](config.schema.json) when its first line is

    # yaml-language-server: $schema=config.schema.json

## How a file is read

Files of the Go program work as they are; its keys are marked * below.

- A value of the wrong type stops the start: \`"5"\` in quotes is text and no number, \`"true"\` is no boolean. \`yes\`, \`no\`, \`on\`, \`off\` are
  booleans. So does a key that stands twice in a section. Only the first document of a file counts.
- \`null\` and an empty value are the same as no key.
- Unknown keys are ignored, with a warning that names the nearest right one.
- A value out of range, or a name that is not in the list: for keys marked * the default is used, with a warning (the Go program crashed on
  some, and took \`random\` for an unknown policy); for all other keys it stops the start.
- \`0\` and empty text mean the default where the table does not allow them. Where it does, they mean what they say, while in the Go program
  \`0\` was the default everywhere: \`load-balance-weight: 0\` switches that weight off.
- Names are matched without regard to case, except \`log.output\`. A fraction for a whole number is cut. Both with a warning.
- \`server.host\` is honoured, which the Go program ignored. \`0.0.0.0\` listens on IPv6 too, as before.
- \`scheduler.interval-cleanup-secs\` is the early name of \`eviction-interval-secs\`.

## Flags

Flags have Go's syntax: one dash or two, \`--port 8080\` or \`--port=8080\`; a switch stands alone or takes \`=true\`, \`=false\`. They end at the first
argument that is no flag, or after \`--\`. \`--splitwise\` can only switch on: \`--splitwise=false\` does not override the file.
Flags of the Python router are understood: \`--host\`, \`--port\`, \`--splitwise\`, \`--request-timeout-secs\`, and \`--config\` with its flat file
(\`port: 8080\`, \`request_timeout_secs: 600\`); \`--preempt-retry-count\` and \`--preempt-retry-exclude-decode\` are accepted without effect.
A wrong flag, or a wrong value for one, ends the program with status 2; a wrong file or variable with status 1.
`;

export function configReference(): string {
  return `${INTRODUCTION}${SECTIONS.map(describeSection).join("")}`;
}

export function configJsonSchema(): object {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration of fd-router",
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(SECTIONS.map((section) => [section, sectionJsonSchema(section)])),
  };
}

function describeSection(section: SectionName): string {
  const rows = optionsOf(section).map((option) => {
    const cells = [
      `\`${option.key}\`${option.goKey ? " *" : ""}`,
      wantedCell(option),
      defaultCell(option),
      option.flag === null ? "" : `\`--${option.flag}\``,
      option.description,
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return `
## Section \`${section}\`: ${SECTION_TITLES[section]}

| key | takes | default | flag | meaning |
|---|---|---|---|---|
${rows.join("\n")}
`;
}

function wantedCell(option: Option): string {
  if (option.choices !== null) return option.choices.map((name) => `\`${name}\``).join(", ");
  return option.kind === "bool" ? "true or false" : describeWanted(option);
}

function defaultCell(option: Option): string {
  return option.defaultValue === "" ? "" : `\`${String(option.defaultValue)}\``;
}

function sectionJsonSchema(section: SectionName): object {
  return {
    // A section without keys is null in YAML.
    type: ["object", "null"],
    description: SECTION_TITLES[section],
    additionalProperties: false,
    properties: Object.fromEntries(optionsOf(section).map((option) => [option.key, optionJsonSchema(option)])),
  };
}

function optionJsonSchema(option: Option): object {
  const { $schema: _, ...json } = z.toJSONSchema(option.check(), { io: "input" });
  const { description, defaultValue } = option;
  // As in the Go program, a number stands for its digits where text is wanted: `port: 8080`.
  const type = option.kind === "string" && option.choices === null ? ["string", "number"] : json.type;
  return { description, default: defaultValue, ...json, type };
}

function optionsOf(section: SectionName): readonly Option[] {
  return OPTIONS.filter((option) => option.section === section);
}
