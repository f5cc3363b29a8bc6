/**
 * The datagram socket of sd_notify(3). Bun has no unix datagrams, so libc's `socket` and `sendto` are called by bun:ffi. Opened by
 * commands/serve.ts; the messages are made in service-notifier.ts.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";

export interface NotifySocket {
  /** False when the message cannot be had right now. Never throws. */
  send(state: string): boolean;
  /** Time of CLOCK_MONOTONIC, which systemd compares with its own; `process.hrtime` counts from the start of the process. */
  monotonicUsec(): bigint;
}

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_MONOTONIC = 1;
/** `sun_path` of sockaddr_un, with the final zero byte of a path. */
const MAX_PATH_BYTES = 108;

/** Null when nobody listens: NOTIFY_SOCKET is not set, or names no unix socket. */
export function openNotifySocket(address: string | undefined): NotifySocket | null {
  const sockaddr = encodeAddress(address ?? "");
  if (sockaddr === null || process.platform !== "linux") return null;
  const { symbols } = openLibc();
  const fd = symbols.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return null;
  return {
    send(state) {
      const bytes = Buffer.from(state);
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      const sent = symbols.sendto(fd, ptr(bytes), bytes.length, flags, ptr(sockaddr), sockaddr.length);
      return Number(sent) === bytes.length;
    },
    monotonicUsec() {
      const time = new BigInt64Array(2);
      symbols.clock_gettime(CLOCK_MONOTONIC, ptr(time));
      const [seconds = 0n, nanoseconds = 0n] = time;
      return seconds * 1_000_000n + nanoseconds / 1000n;
    },
  };
}

/** The address as `struct sockaddr_un`: a path, or after `@` a name in the abstract namespace. Null for anything else. */
export function encodeAddress(address: string): Buffer | null {
  const abstract = address.startsWith("@");
  if (address.length < 2 || (!abstract && !address.startsWith("/"))) return null;
  const path = Buffer.from(abstract ? `\0${address.slice(1)}` : `${address}\0`);
  if (path.length > MAX_PATH_BYTES) return null;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, path]);
}

function openLibc() {
  const { i32, i64, u32, u64, ptr: pointer } = FFIType;
  return dlopen("libc.so.6", {
    socket: { args: [i32, i32, i32], returns: i32 },
    sendto: { args: [i32, pointer, u64, i32, pointer, u32], returns: i64 },
    clock_gettime: { args: [i32, pointer], returns: i32 },
  });
}
