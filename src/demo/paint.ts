/** Colour where the output is a terminal that wants it (https://no-color.org). Handed to board.ts and report-text.ts. */
import { styleText } from "node:util";

export type Tone = "title" | "good" | "bad" | "dim" | "bar";
export type Paint = (tone: Tone, text: string) => string;

export const PLAIN: Paint = (_tone, text) => text;

const STYLES = { title: "bold", good: "green", bad: "red", dim: "gray", bar: "cyan" } as const;

export const COLOUR: Paint = (tone, text) => styleText(STYLES[tone], text, { validateStream: false });

export function paintFor(stream: { readonly isTTY?: boolean }, noColour: string | undefined): Paint {
  return stream.isTTY === true && (noColour ?? "") === "" ? COLOUR : PLAIN;
}
