/** Finds the head of the next request in what a client has sent. Used by client-connection.ts, which keeps what is not complete. */
import { RouterError } from "../../errors.ts";
import type { RequestHead, RequestHeadReader } from "./request-head.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const MAX_HEAD_BYTES = 32 * 1024;

export type Found =
  /** What follows the head begins at `end`. */
  | { readonly kind: "request"; readonly head: RequestHead; readonly end: number }
  /** It may become one. */
  | { readonly kind: "part" }
  /** It will never be one that is taken. */
  | { readonly kind: "refused"; readonly error: RouterError };

const PART: Found = { kind: "part" };

/** `bytes` begin with the request; `heads` has read those before it on the same connection. */
export function findRequest(bytes: Buffer, heads: RequestHeadReader): Found {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0 || end > MAX_HEAD_BYTES) return judgePart(bytes);
  // One empty line before a request is passed over (RFC 9112 §2.2).
  const start = bytes[0] === 13 && bytes[1] === 10 ? 2 : 0;
  try {
    return { kind: "request", head: heads.read(bytes.toString("latin1", start, end)), end: end + HEAD_END.length };
  } catch (error) {
    if (!(error instanceof RouterError)) throw error;
    return { kind: "refused", error };
  }
}

function judgePart(bytes: Buffer): Found {
  if (bytes.length > MAX_HEAD_BYTES) {
    return refused(new RouterError("headers_too_large", `at most ${MAX_HEAD_BYTES} bytes are taken`));
  }
  // TLS, or another protocol: no use in waiting for the end of a head.
  const isHttp = mayBeginRequest(bytes[0] ?? 0) && !hasBareLineFeed(bytes);
  return isHttp ? PART : refused(new RouterError("invalid_request", "this is not HTTP/1.1"));
}

function refused(error: RouterError): Found {
  return { kind: "refused", error };
}

/** Lines end with CR and LF; the first one tells. */
function hasBareLineFeed(bytes: Buffer): boolean {
  const at = bytes.indexOf(10);
  return at === 0 || (at > 0 && bytes[at - 1] !== 13);
}

/** A method's letter, or the CR of an empty line. */
function mayBeginRequest(byte: number): boolean {
  return byte === 13 || (byte > 32 && byte < 127);
}
