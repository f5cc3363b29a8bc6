/**
 * Reads a JSON text the way Go's encoding/json does, down to its error texts, since those reach operators through logs.
 * Unlike JSON.parse it keeps duplicate keys in their order and numbers as they were written. Called for registrations, and to name the problem of a request body that is no JSON object.
 */

export class GoNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Members in the order of the text, duplicates included. */
export class GoObject {
  readonly members: readonly (readonly [key: string, value: GoValue])[];
  constructor(members: readonly (readonly [string, GoValue])[]) {
    this.members = members;
  }
}

export type GoValue = null | boolean | string | GoNumber | GoObject | readonly GoValue[];

export type GoParsed =
  { readonly ok: true; readonly value: GoValue } | { readonly ok: false; readonly problem: string };

/** Registrations are nearly flat; Go would go down to 10,000. */
const MAX_DEPTH = 64;

export function parseGoJson(bytes: Uint8Array): GoParsed {
  const reader = new Reader(bytes);
  try {
    return { ok: true, value: reader.document() };
  } catch (error) {
    if (error instanceof SyntaxFault) return { ok: false, problem: error.message };
    throw error;
  }
}

/** Go's name for the kind of a value in its type errors. */
export function goKind(value: GoValue): "null" | "bool" | "string" | "number" | "array" | "object" {
  if (value === null) return "null";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (value instanceof GoNumber) return "number";
  return value instanceof GoObject ? "object" : "array";
}

class SyntaxFault extends Error {}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class Reader {
  readonly #bytes: Uint8Array;
  /** One character a byte: all that syntax needs. */
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  }

  document(): GoValue {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#invalid("after top-level value");
    return value;
  }

  #value(): GoValue {
    this.#space();
    const char = this.#text[this.#at] ?? "";
    switch (char) {
      case "{":
        return this.#nested(() => this.#object());
      case "[":
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      case "t":
        return this.#literal("true", true);
      case "f":
        return this.#literal("false", false);
      case "n":
        return this.#literal("null", null);
      default:
        if (char === "-" || isDigit(char)) return this.#number();
        return this.#invalid("looking for beginning of value");
    }
  }

  #nested(read: () => GoValue): GoValue {
    if (++this.#depth > MAX_DEPTH) throw new SyntaxFault("exceeded max depth");
    const value = read();
    this.#depth--;
    return value;
  }

  #object(): GoObject {
    const members: [string, GoValue][] = [];
    this.#at++;
    this.#space();
    if (this.#skip("}")) return new GoObject(members);
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#invalid("looking for beginning of object key string");
      const key = this.#string();
      this.#space();
      if (!this.#skip(":")) this.#invalid("after object key");
      members.push([key, this.#value()]);
      this.#space();
      if (this.#skip("}")) return new GoObject(members);
      if (!this.#skip(",")) this.#invalid("after object key:value pair");
    }
  }

  #array(): readonly GoValue[] {
    const values: GoValue[] = [];
    this.#at++;
    this.#space();
    if (this.#skip("]")) return values;
    for (;;) {
      values.push(this.#value());
      this.#space();
      if (this.#skip("]")) return values;
      if (!this.#skip(",")) this.#invalid("after array element");
    }
  }

  #string(): string {
    let from = ++this.#at;
    let text = "";
    for (;;) {
      const char = this.#text[this.#at];
      if (char === '"') {
        text += this.#decode(from);
        this.#at++;
        return text;
      }
      if (char === undefined || char < " ") this.#invalid("in string literal");
      if (char === "\\") {
        text += this.#decode(from) + this.#escape();
        from = this.#at;
      } else {
        this.#at++;
      }
    }
  }

  #escape(): string {
    this.#at++;
    const char = this.#text[this.#at] ?? "";
    const plain = Object.hasOwn(ESCAPES, char) ? ESCAPES[char] : undefined;
    if (plain === undefined && char !== "u") this.#invalid("in string escape code");
    this.#at++;
    if (plain !== undefined) return plain;
    const from = this.#at;
    while (this.#at < from + 4) {
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? "")) this.#invalid("in \\u hexadecimal character escape");
      this.#at++;
    }
    return String.fromCharCode(parseInt(this.#text.slice(from, this.#at), 16));
  }

  #number(): GoNumber {
    const from = this.#at;
    this.#skip("-");
    if (!this.#skip("0")) this.#digits("in numeric literal");
    if (this.#skip(".")) this.#digits("after decimal point in numeric literal");
    if (this.#skip("e") || this.#skip("E")) {
      if (!this.#skip("+")) this.#skip("-");
      this.#digits("in exponent of numeric literal");
    }
    return new GoNumber(this.#text.slice(from, this.#at));
  }

  #digits(where: string): void {
    if (!isDigit(this.#text[this.#at])) this.#invalid(where);
    while (isDigit(this.#text[this.#at])) this.#at++;
  }

  #literal<T>(word: string, value: T): T {
    for (const char of word) {
      if (!this.#skip(char)) this.#invalid(`in literal ${word} (expecting ${quote(char)})`);
    }
    return value;
  }

  #decode(from: number): string {
    return utf8.decode(this.#bytes.subarray(from, this.#at));
  }

  #space(): void {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #skip(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #invalid(where: string): never {
    const char = this.#text[this.#at];
    if (char === undefined) throw new SyntaxFault("unexpected end of JSON input");
    throw new SyntaxFault(`invalid character ${quote(char)} ${where}`);
  }
}

function isDigit(char = ""): boolean {
  return char >= "0" && char <= "9";
}

/** Go shows a byte as the character of that number. */
function quote(char: string): string {
  if (char === "'") return "'\\''";
  if (char === '"') return "'\"'";
  const escaped = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\" }[char];
  if (escaped !== undefined) return `'${escaped}'`;
  const code = char.charCodeAt(0);
  const printable = (code >= 0x20 && code < 0x7f) || (code > 0xa0 && code !== 0xad);
  return printable ? `'${char}'` : `'\\${code < 0x80 ? "x" : "u00"}${code.toString(16).padStart(2, "0")}'`;
}
