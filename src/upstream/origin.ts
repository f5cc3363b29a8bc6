/** Where an instance is reached. */
export interface Origin {
  /** `http://10.0.0.1:8000`; the key of its connection pool. */
  readonly url: string;
  /** IP literal or name, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** The value of the Host field (RFC 9110 §7.2). */
export function hostField(origin: Origin): string {
  return origin.host.includes(":") ? `[${origin.host}]:${origin.port}` : `${origin.host}:${origin.port}`;
}
