/**
 * A control request (`/register`, `/registered`, ...) lands on any worker thread; it travels to the main thread in this form
 * and the reply comes back in this form. Plain data, so that it can be posted.
 */
export interface ControlRequest {
  readonly method: string;
  readonly path: string;
  /** Without the question mark; empty when there was none. */
  readonly query: string;
  readonly body: Uint8Array;
  /** Peer IP address of the connection. */
  readonly peer: string;
}

export interface ControlReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}
