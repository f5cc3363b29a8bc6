/** How an exchange with an instance can go wrong; retry.ts and respond.ts decide by `kind`. */
export type UpstreamFailure =
  /** No connection: refused, unreachable, name not found. Nothing was sent. */
  | { readonly kind: "connect"; readonly detail: string }
  | { readonly kind: "connect-timeout"; readonly timeoutMs: number }
  /** Closed or reset after the request was sent and before the first byte of an answer. */
  | { readonly kind: "closed-unanswered"; readonly detail: string }
  | { readonly kind: "first-byte-timeout"; readonly timeoutMs: number }
  /** Silent for too long between two bytes of the answer. */
  | { readonly kind: "idle-timeout"; readonly timeoutMs: number }
  | { readonly kind: "total-timeout"; readonly timeoutMs: number }
  /** Not HTTP/1.1 as RFC 9112 wants it. */
  | { readonly kind: "invalid"; readonly detail: string }
  /** The connection ended in the middle of the answer. */
  | { readonly kind: "cut"; readonly detail: string };

export function describeFailure(failure: UpstreamFailure): string {
  switch (failure.kind) {
    case "connect":
      return `connect: ${failure.detail}`;
    case "connect-timeout":
      return `no connection within ${failure.timeoutMs} ms`;
    case "closed-unanswered":
      return `connection closed before the answer (${failure.detail})`;
    case "first-byte-timeout":
      return `no answer within ${failure.timeoutMs} ms`;
    case "idle-timeout":
      return `answer silent for ${failure.timeoutMs} ms`;
    case "total-timeout":
      return `answer not complete within ${failure.timeoutMs} ms`;
    case "invalid":
      return `invalid answer: ${failure.detail}`;
    case "cut":
      return `answer cut: ${failure.detail}`;
  }
}
