/**
 * A YAML text as a tree that keeps positions: aliases and merge keys resolved, duplicate keys found. Nodes are read when asked for,
 * so a file of nested aliases costs nothing. Used by file.ts only.
 */
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseAllDocuments, visit } from "yaml";
import type { Alias, Document, YAMLMap } from "yaml";
import { problemAt } from "./explain.ts";
import type { Position, Problem } from "./explain.ts";
import type { RawScalar } from "./values.ts";

export interface YamlEntry {
  readonly key: string;
  readonly keyPosition: Position;
  readonly value: YamlNode;
}

export interface YamlNode {
  readonly position: Position;
  readonly content:
    | { readonly kind: "scalar"; readonly scalar: RawScalar }
    | { readonly kind: "list"; items(): readonly YamlNode[] }
    | { readonly kind: "map"; entries(duplicates: Problem[]): readonly YamlEntry[] };
}

export type YamlResult =
  | { readonly kind: "tree"; readonly root: YamlNode | null }
  | { readonly kind: "syntax-error"; readonly problem: Problem };

/** What Go's parser says of the commonest slips, since that is what people search for. */
const GO_TEXTS: Readonly<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: "mapping values are not allowed in this context",
  TAB_AS_INDENT: "found character that cannot start any token",
  MISSING_CHAR: "found unexpected end of stream",
};

/** Merge keys may nest; deeper than this they go round in a circle. */
const MAX_MERGE_DEPTH = 8;

/** Reads the first document of `source`, as the Go program does. */
export function readYaml(source: string, file: string): YamlResult {
  const lines = new LineCounter();
  const documents = parseAllDocuments(source, { lineCounter: lines, uniqueKeys: false, schema: "failsafe" });
  const document = Array.isArray(documents) ? documents[0] : undefined;
  if (document === undefined) return { kind: "tree", root: null };
  const reader = new Reader(document, lines, file);
  const [error] = document.errors;
  if (error !== undefined) {
    const [text = ""] = error.message.split(/ at line \d/);
    return syntaxError(reader.position(error.pos), text, GO_TEXTS[error.code]);
  }
  const lost = findUnknownAlias(document);
  if (lost !== null) return syntaxError(reader.position(lost.range), `unknown anchor '${lost.source}' referenced`);
  return { kind: "tree", root: document.contents === null ? null : reader.node(document.contents) };
}

class Reader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #file: string;

  constructor(document: Document, lines: LineCounter, file: string) {
    this.#document = document;
    this.#lines = lines;
    this.#file = file;
  }

  position(range: readonly [number, number, ...number[]] | null | undefined): Position {
    const [start, end] = range ?? [0, 0];
    const { line, col } = this.#lines.linePos(start);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col), width: end - start };
  }

  /** `found` is a node or null, as everywhere in the library's tree; an alias is read as what it stands for, at its own place. */
  node(found: unknown): YamlNode {
    const target = isAlias(found) ? found.resolve(this.#document) : found;
    const position = this.position(rangeOf(found));
    if (isMap(target)) {
      return { position, content: { kind: "map", entries: (duplicates) => this.#entries(target, duplicates, 0) } };
    }
    if (isSeq(target)) {
      return { position, content: { kind: "list", items: () => target.items.map((item) => this.node(item)) } };
    }
    return { position, content: { kind: "scalar", scalar: rawScalar(target) } };
  }

  #entries(map: YAMLMap, duplicates: Problem[], depth: number): readonly YamlEntry[] {
    const own = new Map<string, YamlEntry>();
    const merged: YamlEntry[] = [];
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? rawScalar(pair.key).text : String(pair.key);
      const keyPosition = this.position(rangeOf(pair.key));
      if (key === "<<") {
        if (depth < MAX_MERGE_DEPTH) merged.push(...this.#merged(pair.value, duplicates, depth + 1));
        continue;
      }
      const first = own.get(key);
      if (first === undefined) own.set(key, { key, keyPosition, value: this.node(pair.value) });
      else duplicates.push(duplicateKey(key, keyPosition, first.keyPosition));
    }
    for (const entry of merged) if (!own.has(entry.key)) own.set(entry.key, entry);
    return [...own.values()];
  }

  #merged(value: unknown, duplicates: Problem[], depth: number): readonly YamlEntry[] {
    const target = isAlias(value) ? value.resolve(this.#document) : value;
    if (isMap(target)) return this.#entries(target, duplicates, depth);
    return isSeq(target) ? target.items.flatMap((item) => this.#merged(item, duplicates, depth + 1)) : [];
  }
}

/** Go's parser does not say where when it is the first line. */
function syntaxError(position: Position, text: string, goText: string = text): YamlResult {
  const line = position.line === 1 ? "" : `line ${position.line}: `;
  return { kind: "syntax-error", problem: problemAt(position, text, `${line}${goText}`) };
}

function findUnknownAlias(document: Document): Alias | null {
  let lost: Alias | null = null;
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      lost = alias;
      return visit.BREAK;
    },
  });
  return lost;
}

function duplicateKey(key: string, position: Position, first: Position): Problem {
  const text = `the key ${key} stands in line ${first.line} already`;
  return problemAt(
    position,
    text,
    `line ${position.line}: mapping key ${JSON.stringify(key)} already defined at line ${first.line}`,
  );
}

function rangeOf(node: unknown): [number, number, number] | null | undefined {
  return isScalar(node) || isAlias(node) || isMap(node) || isSeq(node) ? node.range : null;
}

function rawScalar(node: unknown): RawScalar {
  if (!isScalar(node)) return { text: "", plain: true, tag: null };
  // The failsafe schema leaves every scalar a string.
  const text = typeof node.value === "string" ? node.value : (node.source ?? "");
  const tag = node.tag?.replace("tag:yaml.org,2002:", "!!") ?? null;
  return { text, plain: node.type === "PLAIN" || node.type === undefined, tag };
}
