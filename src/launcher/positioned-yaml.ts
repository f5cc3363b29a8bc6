/** A YAML file checked by a zod schema, with every complaint at its line and column. Called by fleet-file.ts. */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { suggest } from "../lib/nearest.ts";
import { issueText } from "./wanted.ts";

export type YamlCheck<T> =
  | { readonly ok: true; readonly value: T; readonly raw: unknown }
  /** One line each: `fleet.yaml:3:11: groups.0.ports: what is wrong`. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** `keys` are those that a mistyped one may have been meant as. */
export function checkYaml<T extends z.ZodType>(
  source: { readonly text: string; readonly file: string; readonly keys: readonly string[] },
  schema: T,
): YamlCheck<z.infer<T>> {
  const { text, file, keys } = source;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  if (document.errors.length > 0) {
    return { ok: false, problems: document.errors.map((error) => `${place(error.pos[0])}: ${error.message}`) };
  }
  const raw: unknown = document.toJS({ maxAliasCount: 100 });
  const checked = schema.safeParse(raw);
  if (checked.success) return { ok: true, value: checked.data, raw };
  return {
    ok: false,
    problems: checked.error.issues.flatMap((issue) => describeIssue(issue, { document, place, keys })),
  };
}

interface Source {
  readonly document: Document;
  readonly place: (offset: number) => string;
  readonly keys: readonly string[];
}

function describeIssue(issue: z.core.$ZodIssue, { document, place, keys }: Source): readonly string[] {
  if (issue.code !== "unrecognized_keys") {
    const text = [issue.path.join("."), issueText(issue)].filter(Boolean).join(": ");
    return [`${place(offsetOf(document, issue.path))}: ${text}`];
  }
  return issue.keys.map((key) => {
    const path = [...issue.path, key];
    return `${place(keyOffset(document, path))}: ${path.join(".")}: unknown key${suggest(key, keys)}`;
  });
}

/** Where the value stands, or the nearest thing around it when it is missing. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}

function keyOffset(document: Document, path: readonly PropertyKey[]): number {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1)) : undefined;
  return isNode(pair?.key) && pair.key.range ? pair.key.range[0] : offsetOf(document, path);
}
