/** Reads JSON objects that came from outside, field by field. */

export type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Null when `text` is not JSON, or not an object. */
export function parseFields(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

export function asFields(value: unknown): Fields | null {
  return isFields(value) ? value : null;
}
