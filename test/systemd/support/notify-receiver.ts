/** The other end of NOTIFY_SOCKET, as systemd holds it: a bound unix datagram socket, read by bun:ffi since Bun has none. */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { encodeAddress } from "../../../src/systemd/notify-socket.ts";

const { i32, u64, u32, ptr: pointer } = FFIType;
const { symbols } = dlopen("libc.so.6", {
  socket: { args: [i32, i32, i32], returns: i32 },
  bind: { args: [i32, pointer, u32], returns: i32 },
  recv: { args: [i32, pointer, u64, i32], returns: i32 },
  close: { args: [i32], returns: i32 },
});

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const POLL_MS = 5;

export interface Message {
  /** Milliseconds on `performance.now()`. */
  readonly at: number;
  readonly variables: Readonly<Record<string, string>>;
}

export class NotifyReceiver {
  /** In the order in which they came. */
  readonly messages: Message[] = [];
  readonly #fd: number;
  readonly #poll: Timer;

  constructor(address: string) {
    const sockaddr = encodeAddress(address);
    if (sockaddr === null) throw new Error(`${address} is no address of a unix socket`);
    this.#fd = symbols.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (symbols.bind(this.#fd, ptr(sockaddr), sockaddr.length) !== 0) throw new Error(`cannot bind ${address}`);
    this.#poll = setInterval(() => this.read(), POLL_MS);
  }

  /** Takes all that waits. */
  read(): void {
    const buffer = Buffer.alloc(4096);
    for (;;) {
      const bytes = symbols.recv(this.#fd, ptr(buffer), buffer.length, MSG_DONTWAIT);
      if (bytes < 0) return;
      this.messages.push({ at: performance.now(), variables: parse(buffer.toString("utf8", 0, bytes)) });
    }
  }

  /** The first message from the `from`th on that has the variable. */
  async next(variable: string, from = 0, limitMs = 10_000): Promise<Message> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const found = this.messages.slice(from).find(({ variables }) => variable in variables);
      if (found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`no ${variable} came; ${JSON.stringify(this.messages)}`);
      await Bun.sleep(POLL_MS);
    }
  }

  /** Names of what turned, without the regular WATCHDOG and STATUS: ["READY", "RELOADING", ...]. */
  get turns(): readonly string[] {
    const turns = ["READY", "RELOADING", "STOPPING"];
    return this.messages.flatMap(({ variables }) => turns.filter((turn) => variables[turn] === "1"));
  }

  close(): void {
    clearInterval(this.#poll);
    symbols.close(this.#fd);
  }
}

function parse(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}
