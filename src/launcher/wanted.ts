/** What an option takes, in words, from its JSON Schema: for messages about wrong values. Called by read-options.ts. */
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
