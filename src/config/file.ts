/**
 * Reads config.yaml: which option stands where with which value, and what is wrong with it. A value of the wrong type stops the
 * start, as in the Go program; a value out of range does so for our own keys only (see go-keys.ts).
 */
import { suggest } from "../lib/nearest.ts";
import { describeRefusal, describeWanted, showValue, problemAt, suggestChoice } from "./explain.ts";
import type { Position, Problem } from "./explain.ts";
import { BRANCH_KEYS } from "./go-keys.ts";
import { PYTHON_KEYS } from "./python-router.ts";
import { OPTIONS, SECTIONS, findOption } from "./schema.ts";
import type { Option, SectionName } from "./schema.ts";
import { convertScalar, tagOf } from "./values.ts";
import { readYaml } from "./yaml-document.ts";
import type { YamlEntry, YamlNode } from "./yaml-document.ts";

export interface FileValue {
  readonly option: Option;
  /** As it stands in the file; the schema's own transformation is still to come. */
  readonly value: unknown;
  readonly position: Position;
}

export interface FileContents {
  readonly values: ReadonlyMap<string, FileValue>;
  /** Any one of these stops the start. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export type FileResult =
  | { readonly kind: "contents"; readonly contents: FileContents }
  | { readonly kind: "syntax-error"; readonly problem: Problem };

/** `sections`: the Go program's layout. `any`: the Python router's flat names are understood beside it. */
export type FileLayout = "sections" | "any";

interface Reading {
  readonly values: Map<string, FileValue>;
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

export function parseConfigFile(source: string, file: string, layout: FileLayout): FileResult {
  const yaml = readYaml(source.replace(/^\uFEFF/, ""), file);
  if (yaml.kind === "syntax-error") return yaml;
  const reading: Reading = { values: new Map(), problems: [], warnings: [] };
  for (const entry of readMap(yaml.root, "config.Config", reading)) {
    const section = SECTIONS.find((name) => name === entry.key);
    if (section !== undefined) readSection(section, entry.value, reading);
    else readForeignEntry(entry, layout, reading);
  }
  return { kind: "contents", contents: reading };
}

function readSection(section: SectionName, node: YamlNode, reading: Reading): void {
  const keys = new Map(
    OPTIONS.filter((option) => option.section === section).flatMap((option) =>
      [option.key, ...option.formerKeys].map((key) => [key, option] as const),
    ),
  );
  const goType = `config.${section[0]?.toUpperCase()}${section.slice(1)}Config`;
  for (const entry of readMap(node, goType, reading)) {
    const option = keys.get(entry.key);
    if (option === undefined) warnUnknownKey(`${section}.${entry.key}`, entry, reading);
    else readOption(option, entry, reading);
  }
}

function readForeignEntry(entry: YamlEntry, layout: FileLayout, reading: Reading): void {
  const python = layout === "any" ? PYTHON_KEYS[entry.key] : undefined;
  const option = python?.path === undefined ? undefined : findOption(python.path);
  if (option !== undefined) readOption(option, entry, reading);
  else if (python !== undefined) warn(entry.keyPosition, `${entry.key} ${python.note}; it is ignored`, reading);
  else warnUnknownKey(entry.key, entry, reading);
}

function readOption(option: Option, entry: YamlEntry, reading: Reading): void {
  const { position } = entry.value;
  const raw = readValue(option, entry.value);
  if (raw.kind === "absent") return;
  if (raw.kind === "mismatch") {
    reading.problems.push(mismatch(option, entry.value));
    return;
  }
  if (raw.note !== undefined) warn(position, `${option.path} ${raw.note}`, reading);
  const value = admit(option, raw.value, position, reading);
  if (value.kind === "admitted") reading.values.set(option.path, { option, value: value.value, position });
}

function readValue(option: Option, node: YamlNode): ReturnType<typeof convertScalar> {
  const { content } = node;
  if (content.kind === "scalar") return convertScalar(content.scalar, option.kind);
  if (content.kind === "map" || option.kind !== "list") return { kind: "mismatch" };
  const items = content.items().map((item) => item.content);
  if (!items.every((item) => item.kind === "scalar")) return { kind: "mismatch" };
  return { kind: "value", value: items.map((item) => item.scalar.text) };
}

type Admission = { readonly kind: "admitted"; readonly value: unknown } | { readonly kind: "left-out" };

/** Holds a value of the right type against the option's schema. */
function admit(option: Option, value: unknown, position: Position, reading: Reading): Admission {
  const parsed = option.check().safeParse(value);
  if (parsed.success) return { kind: "admitted", value };
  if (!option.goKey) {
    const problem = problemAt(position, describeRefusal(option, value, parsed.error.issues));
    // Without a position its line is not shown.
    reading.problems.push(option.secret ? { ...problem, position: null } : problem);
    return { kind: "left-out" };
  }
  if (value === 0 || value === "") return { kind: "left-out" };
  const respelt = option.caseSensitive ? undefined : option.choices?.find((name) => sameSpelling(name, value));
  if (respelt !== undefined) {
    warn(position, `${option.path} is ${showValue(option, value)}, read as ${showValue(option, respelt)}`, reading);
    return { kind: "admitted", value: respelt };
  }
  const used = `using the default, ${showValue(option, option.defaultValue)}`;
  warn(
    position,
    `${describeRefusal(option, value, parsed.error.issues)}; ${used}`.replace("?; using", "? Using"),
    reading,
  );
  return { kind: "left-out" };
}

function mismatch(option: Option, node: YamlNode): Problem {
  const { content, position } = node;
  const found = content.kind === "scalar" ? `${tagOf(content.scalar)} \`${content.scalar.text}\`` : goTag(content.kind);
  const shown = content.kind === "scalar" ? formatScalar(content.scalar) : `a ${content.kind}`;
  const goText = `line ${position.line}: cannot unmarshal ${found} into ${option.kind === "list" ? "[]string" : option.kind}`;
  const near = content.kind === "scalar" ? suggestChoice(option, content.scalar.text) : "";
  return problemAt(position, `${option.path} is ${shown}, wanted ${describeWanted(option)}${near}`, goText);
}

function readMap(node: YamlNode | null, goType: string, reading: Reading): readonly YamlEntry[] {
  if (node === null) return [];
  const { content, position } = node;
  if (content.kind === "map") return content.entries(reading.problems);
  if (content.kind === "scalar" && tagOf(content.scalar) === "!!null") return [];
  const found = content.kind === "scalar" ? `${tagOf(content.scalar)} \`${content.scalar.text}\`` : "!!seq";
  const shown = content.kind === "scalar" ? formatScalar(content.scalar) : "a list";
  const goText = `line ${position.line}: cannot unmarshal ${found} into ${goType}`;
  reading.problems.push(problemAt(position, `found ${shown}, wanted a map of keys and values`, goText));
  return [];
}

function warnUnknownKey(path: string, entry: YamlEntry, reading: Reading): void {
  const note = BRANCH_KEYS.has(path) ? " (known to some builds of the Go program, without meaning here)" : "";
  const near = note === "" ? suggestPath(path, entry.key) : "";
  warn(entry.keyPosition, `unknown key ${path}${note} is ignored${near}`, reading);
}

/** A key of that name in another section, else the nearest of all. */
function suggestPath(path: string, key: string): string {
  const elsewhere = OPTIONS.find((option) => option.key === key);
  if (elsewhere !== undefined) return `; did you mean "${elsewhere.path}"?`;
  return suggest(path, [...SECTIONS, ...OPTIONS.map((option) => option.path)]);
}

function warn(position: Position, text: string, reading: Reading): void {
  reading.warnings.push(problemAt(position, text));
}

function goTag(kind: "list" | "map"): string {
  return kind === "list" ? "!!seq" : "!!map";
}

function formatScalar(scalar: { readonly text: string; readonly plain: boolean }): string {
  return scalar.plain ? scalar.text : JSON.stringify(scalar.text);
}

function sameSpelling(name: string, value: unknown): boolean {
  return typeof value === "string" && value.toLowerCase() === name.toLowerCase();
}
