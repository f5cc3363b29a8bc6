/** The port to listen on, from what the configuration says, with the Go program's complaints about it. */
import type { ReadFile } from "./load.ts";

export type ListenPort =
  | { readonly ok: true; readonly port: number }
  /** `message` follows after `Failed to start server: `. */
  | { readonly ok: false; readonly message: string };

const SERVICES_FILE = "/etc/services";

export function resolveListenPort(text: string, readFile: ReadFile): ListenPort {
  if (text.includes(":")) return { ok: false, message: `listen tcp: address :${text}: too many colons in address` };
  if (/^[-+]?[0-9]+$/.test(text)) {
    const port = Number(text);
    if (port >= 0 && port <= 65535) return { ok: true, port };
    return { ok: false, message: `listen tcp: address ${port}: invalid port` };
  }
  const port = findService(text.toLowerCase(), readFile);
  return port === null ? { ok: false, message: `listen tcp: address tcp/${text}: unknown port` } : { ok: true, port };
}

function findService(name: string, readFile: ReadFile): number | null {
  let services: string;
  try {
    services = readFile(SERVICES_FILE);
  } catch {
    // A machine without the file knows no service by name.
    return null;
  }
  for (const line of services.split("\n")) {
    const [service, portAndProtocol = "", ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (portAndProtocol.endsWith("/tcp") && (service === name || aliases.includes(name))) {
      return Number.parseInt(portAndProtocol, 10);
    }
  }
  return null;
}
