/** What an option takes, in words, from its JSON Schema: for messages about wrong values. Called by read-options.ts and positioned-yaml.ts. */
import { z } from "zod";
import { suggest } from "../lib/nearest.ts";

export const propertySchema = z.object({
  type: z.string().optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maximum: z.number().optional(),
});
export type Property = z.infer<typeof propertySchema>;

export function isNumeric(property: Property): boolean {
  return property.type === "number" || property.type === "integer";
}

/** `wanted ...`; null when the schema's own message must tell. */
export function wantedText(property: Property, given: string): string | null {
  if (property.enum !== undefined) return `wanted one of ${property.enum.join(", ")}${suggest(given, property.enum)}`;
  if (!isNumeric(property)) return null;
  const { exclusiveMinimum: above, minimum: from = 0, maximum: to = Infinity } = property;
  const noun = property.type === "integer" ? "a whole number" : "a number";
  // A whole number without a bound has that of JavaScript, which would explain nothing.
  const isBounded = to < Number.MAX_SAFE_INTEGER;
  if (above !== undefined) return `wanted ${noun} above ${above}${isBounded ? `, at most ${to}` : ""}`;
  return `wanted ${noun} ${isBounded ? `from ${from} to ${to}` : `of at least ${from}`}`;
}

const NOUNS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "keys with values",
};

/** The schema library's complaint in words that name the wanted state. The value itself stands where the message points. */
export function issueText(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type": {
      const missing = issue.message.endsWith("received undefined") ? "is missing, " : "";
      return `${missing}wanted ${NOUNS[issue.expected] ?? issue.expected}`;
    }
    case "too_small":
      if (issue.origin === "array") return `wanted at least ${issue.minimum} in the list`;
      return `wanted ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
    case "too_big":
      return `wanted ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
    case "invalid_value":
      return `wanted one of ${issue.values.map(String).join(", ")}`;
    // Those whose text is our own.
    case "custom":
    case "invalid_union":
    case "invalid_format":
    case "unrecognized_keys":
    case "not_multiple_of":
    case "invalid_key":
    case "invalid_element":
      return issue.message;
  }
}
