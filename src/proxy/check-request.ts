/** Refuses a request whose Host or target is malformed, which Bun's parser lets through. Called by handle.ts first. */
import { RouterError } from "../errors.ts";
import type { Downstream } from "./downstream.ts";
import { isKnownPath } from "./routes.ts";

const MAX_TARGET_CHARS = 8192;
/** A name, an IPv4 address or an IPv6 address in brackets, with or without a port (RFC 9112 §3.2). Empty is allowed there. */
const AUTHORITY = /^(?:[\w.~%-]*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
/** Printable ASCII without `#`: a fragment has no place in a request. */
const TARGET = /^[!-"$-~]*$/;
/** What Bun makes of a byte that is no UTF-8. */
const REPLACED_BYTE = "%EF%BF%BD";

/** Most requests name the same host as the one before. */
let lastGoodHost = "";

/** Throws RouterError `invalid_request` and `uri_too_long`. */
export function checkRequest(client: Downstream): void {
  const { path, query } = client;
  // HTTP/1.0 clients may send none; two of them come joined by a comma.
  const host = client.header("host");
  if (host !== null && host !== lastGoodHost) {
    if (!AUTHORITY.test(host)) throw new RouterError("invalid_request", "the Host field is no host");
    lastGoodHost = host;
  }
  if (query === "" && isKnownPath(path)) return;
  if (path.length + query.length > MAX_TARGET_CHARS) {
    throw new RouterError("uri_too_long", `at most ${MAX_TARGET_CHARS} characters are taken`);
  }
  if (!isClean(path) || !isClean(query)) {
    throw new RouterError("invalid_request", "the target has a fragment, or bytes that are no printable ASCII");
  }
}

function isClean(text: string): boolean {
  return TARGET.test(text) && !text.includes(REPLACED_BYTE);
}
