/**
 * Adds fields to a JSON object as text, before its last brace: all other body stay as the client sent them, so that numbers beyond 2^53,
 * key order and escapes survive. A field that the client gave too is there twice then; the last one wins, as with the engine's parser.
 */

/** `fields` are JSON text, `"key":value` each. `body` is a JSON object. */
export function spliceFields(body: Buffer, fields: readonly string[]): Buffer {
  const brace = body.lastIndexOf(0x7d);
  let before = brace - 1;
  while (isSpace(body[before])) before--;
  const isEmpty = body[before] === 0x7b;
  const addition = Buffer.from(`${isEmpty ? "" : ","}${fields.join(",")}`);
  return Buffer.concat([body.subarray(0, brace), addition, body.subarray(brace)]);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9;
}
