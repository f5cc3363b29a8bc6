/**
 * From spelling to value: scalars of config.yaml as Go's yaml.v3 decodes them, and texts of flags and of the environment.
 * Only the type is settled here; what a value may be is for the option's schema.
 */
import type { OptionKind } from "../lib/option-types.ts";

/** A scalar of a YAML file before anyone gave it a type. */
export interface RawScalar {
  readonly text: string;
  readonly plain: boolean;
  /** Short form of an explicit tag (`!!str`), else null. */
  readonly tag: string | null;
}

export type Converted =
  | { readonly kind: "value"; readonly value: unknown; readonly note?: string }
  /** Null: as if the key were not there. */
  | { readonly kind: "absent" }
  | { readonly kind: "mismatch" };

const MISMATCH: Converted = { kind: "mismatch" };
const INTEGER = /^[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-f_]+|0|[1-9][0-9_]*)$/i;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)(e[-+]?[0-9]+)?$/i;
const INFINITY = /^([-+]?)\.(inf|Inf|INF)$/;
const NOT_A_NUMBER = /^\.(nan|NaN|NAN)$/;

/** Tag of the YAML core schema that the scalar has or gets, in the short form that Go's messages use. */
export function tagOf(scalar: RawScalar): string {
  if (scalar.tag !== null) return scalar.tag;
  const { text, plain } = scalar;
  if (!plain) return "!!str";
  if (/^(|~|null|Null|NULL)$/.test(text)) return "!!null";
  if (/^(true|True|TRUE|false|False|FALSE)$/.test(text)) return "!!bool";
  if (INTEGER.test(text)) return "!!int";
  if (FLOAT.test(text) || INFINITY.test(text) || NOT_A_NUMBER.test(text)) return "!!float";
  return "!!str";
}

export function convertScalar(scalar: RawScalar, kind: OptionKind): Converted {
  const tag = tagOf(scalar);
  if (tag === "!!null") return { kind: "absent" };
  switch (kind) {
    case "string":
      return { kind: "value", value: scalar.text };
    case "bool":
      return convertBool(scalar.text, tag);
    case "int":
    case "float64":
      return tag === "!!int" || tag === "!!float" ? convertNumber(scalar.text, kind) : MISMATCH;
    case "list":
      return MISMATCH;
  }
}

function convertBool(text: string, tag: string): Converted {
  if (tag === "!!bool") return { kind: "value", value: text.toLowerCase() === "true" };
  if (/^(y|yes|on)$/i.test(text)) return { kind: "value", value: true };
  if (/^(n|no|off)$/i.test(text)) return { kind: "value", value: false };
  return MISMATCH;
}

function convertNumber(text: string, kind: "int" | "float64"): Converted {
  const value = readNumber(text);
  if (kind === "float64" || Number.isInteger(value)) return { kind: "value", value };
  if (!Number.isFinite(value)) return MISMATCH;
  return {
    kind: "value",
    value: Math.trunc(value),
    note: `is a whole number; ${text} is read as ${Math.trunc(value)}`,
  };
}

function readNumber(text: string): number {
  const infinite = INFINITY.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const digits = text.replaceAll("_", "").toLowerCase();
  const sign = digits.startsWith("-") ? -1 : 1;
  const magnitude = digits.replace(/^[-+]/, "");
  // A leading zero is octal, as in YAML 1.1 and in Go.
  const octal = /^0[0-7]+$/.test(magnitude);
  return sign * Number(octal ? `0o${magnitude}` : magnitude);
}

/** Booleans as Go's strconv.ParseBool takes them; null for anything else. */
export function parseGoBool(text: string): boolean | null {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : null;
}

/** The value of a flag or of a variable. */
export function convertText(text: string, kind: OptionKind): Converted {
  switch (kind) {
    case "string":
      return { kind: "value", value: text };
    case "bool": {
      const value = parseGoBool(text);
      return value === null ? convertBool(text, "!!str") : { kind: "value", value };
    }
    case "int":
      return INTEGER.test(text) ? { kind: "value", value: readNumber(text) } : MISMATCH;
    case "float64":
      return FLOAT.test(text) || INTEGER.test(text) ? { kind: "value", value: readNumber(text) } : MISMATCH;
    case "list":
      return {
        kind: "value",
        value: text
          .split(",")
          .map((item) => item.trim())
          .filter((item) => item !== ""),
      };
  }
}
