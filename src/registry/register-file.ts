/**
 * register.yaml: instances that are always part of the fleet. Read at start and on reload; the same checks as `POST /register`,
 * with YAML's types. Called by static-fleet.ts.
 */
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { Draft } from "./admission.ts";
import { parseRegistration } from "./http-registration.ts";

export interface FileEntry {
  readonly index: number;
  /** `line:column` of its beginning. */
  readonly position: string;
  readonly parsed: { readonly ok: true; readonly draft: Draft } | { readonly ok: false; readonly problem: string };
}

export type RegisterFile =
  | { readonly ok: true; readonly entries: readonly FileEntry[] }
  /** Nothing of the file can be used. */
  | { readonly ok: false; readonly problem: string };

export function parseRegisterFile(text: string): RegisterFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const position = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${line}:${col}`;
  };
  const error = document.errors[0];
  if (error !== undefined) return { ok: false, problem: `yaml: line ${position(error.pos[0])}: ${error.message}` };
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return { ok: true, entries: [] };
  if (!isMap(root)) return { ok: false, problem: "yaml: a map with the key instances is wanted" };
  const list: unknown = root.get("instances", true);
  if (list === undefined || (isScalar(list) && list.value === null)) return { ok: true, entries: [] };
  if (!isSeq<Node>(list)) return { ok: false, problem: "yaml: instances is not a list" };
  const entries = list.items.map((item, index) => ({
    index,
    position: position(item.range?.[0] ?? 0),
    parsed: parseEntry(item, document),
  }));
  return { ok: true, entries };
}

/** By way of JSON: one set of type rules and messages for both. */
function parseEntry(item: Node, document: Document): FileEntry["parsed"] {
  if (!isMap(item)) return { ok: false, problem: "entry is not a map" };
  let json: string;
  try {
    json = JSON.stringify(item.toJS(document));
  } catch (error) {
    // Aliases that lead nowhere, or to too much.
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
  return parseRegistration(new TextEncoder().encode(json));
}
