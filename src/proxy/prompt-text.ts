/** The prompt inside a request body, as policies count and compare it. Called by prompt-reader.ts. */

/** White space as Go trims it, which has U+0085 and not U+FEFF, unlike `trim`. */
const SPACE = new Set(
  Array.from("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000", (space) => space.charCodeAt(0)).concat(
    Array.from({ length: 11 }, (_, i) => 0x2000 + i),
  ),
);

export type PromptKind = "chat" | "completions";

/** `parsed` is the body's JSON value. A shape that holds no prompt gives the empty text. */
export function promptText(parsed: unknown, kind: PromptKind): string {
  const pieces = kind === "chat" ? chatPieces(parsed) : textsOf(member(parsed, "prompt"), (item) => item);
  return pieces
    .map(withoutOuterSpace)
    .filter((piece) => piece !== "")
    .join(" ");
}

/** Number of Unicode code points; half of a surrogate pair alone counts as one. */
export function codePointCount(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if (isHighSurrogate(text.charCodeAt(i)) && isLowSurrogate(text.charCodeAt(i + 1))) {
      count--;
      i++;
    }
  }
  return count;
}

function chatPieces(parsed: unknown): string[] {
  const messages = member(parsed, "messages");
  if (!Array.isArray(messages)) return [];
  return messages.flatMap((message) => textsOf(member(message, "content"), textItem));
}

/** A text, or the texts in a list of items. */
function textsOf(value: unknown, textIn: (item: unknown) => unknown): string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.map(textIn).filter((item) => typeof item === "string") : [];
}

function textItem(item: unknown): unknown {
  return member(item, "type") === "text" ? member(item, "text") : null;
}

/** From the ends inwards: a pattern for the end would be tried at every space of a long text. */
function withoutOuterSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && SPACE.has(text.charCodeAt(start))) start++;
  while (end > start && SPACE.has(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && name in value ? Reflect.get(value, name) : undefined;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
