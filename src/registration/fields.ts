/**
 * Reads the fields of one decoded message by name, keeping the first thing that is wrong. Numbers count by value: a string of
 * digits, a 64-bit integer and a float without fraction are the same number. Used by messages.ts alone.
 */

/** Longest name, address or token on the wire, in characters. */
export const MAX_NAME_LENGTH = 256;
/** Longest list: devices and RDMA ports of one instance. */
const MAX_LIST_LENGTH = 256;
const PRINTABLE = /^[\x20-\x7e]*$/;

export class Fields {
  readonly #source: Readonly<Record<string, unknown>>;
  #problem: string | null = null;

  constructor(source: unknown) {
    if (isMap(source)) this.#source = source;
    else {
      this.#source = {};
      this.#problem = "message is not a map";
    }
  }

  /** The first problem met by any of the readers; what they returned is worth nothing when it is not null. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Null and absent are the same. */
  has(name: string): boolean {
    return this.#get(name) !== undefined;
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.refuse(`${name} is required`, "");
  }

  optionalText(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (typeof value !== "string") return this.refuse(`${name} is not a string`, undefined);
    if (value.length > MAX_NAME_LENGTH) {
      return this.refuse(`${name} is longer than ${MAX_NAME_LENGTH} characters`, undefined);
    }
    return PRINTABLE.test(value) ? value : this.refuse(`${name} holds characters that cannot be printed`, undefined);
  }

  integer(name: string, min: number, max: number): number {
    return this.optionalInteger(name, min, max) ?? this.refuse(`${name} is required`, min);
  }

  optionalInteger(name: string, min: number, max: number): number | undefined {
    const value = this.optionalNumber(name, min, max);
    if (value === undefined || Number.isSafeInteger(value)) return value;
    return this.refuse(`${name} is not a whole number`, undefined);
  }

  number(name: string, min: number, max: number): number {
    return this.optionalNumber(name, min, max) ?? this.refuse(`${name} is required`, min);
  }

  optionalNumber(name: string, min: number, max: number): number | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    const number = toNumber(value);
    if (number === null) return this.refuse(`${name} is not a number`, undefined);
    return number >= min && number <= max
      ? number
      : this.refuse(`${name} is outside ${String(min)} to ${String(max)}`, undefined);
  }

  /** Strings as they are, whole numbers as their digits. */
  optionalTextList(name: string): readonly string[] | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.refuse(`${name} is not a list`, undefined);
    if (value.length > MAX_LIST_LENGTH) {
      return this.refuse(`${name} holds more than ${MAX_LIST_LENGTH} entries`, undefined);
    }
    const texts = value.map(toText);
    const valid = texts.every((text) => text !== null && text.length <= MAX_NAME_LENGTH && PRINTABLE.test(text));
    return valid
      ? texts.filter((text) => text !== null)
      : this.refuse(`${name} holds an entry of another kind`, undefined);
  }

  /** A port or another figure that is kept as text. */
  optionalFigure(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined || typeof value === "string") return this.optionalText(name);
    return toText(value) ?? this.refuse(`${name} is neither a string nor a whole number`, undefined);
  }

  nested(name: string): Fields {
    const value = this.#get(name);
    const fields = new Fields(value);
    if (!isMap(value)) this.refuse(`${name} is not a map`, undefined);
    return fields;
  }

  /** Notes a problem that the readers cannot see; returns `value`. */
  refuse<T>(problem: string, value: T): T {
    this.#problem ??= problem;
    return value;
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#source, name) ? (this.#source[name] ?? undefined) : undefined;
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function toNumber(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : null;
  if (typeof value === "string" && /^-?\d{1,16}(\.\d{1,16})?$/.test(value)) return Number(value);
  return null;
}

function toText(value: unknown): string | null {
  if (typeof value === "string") return value;
  const number = toNumber(value);
  return number !== null && Number.isSafeInteger(number) ? String(number) : null;
}
