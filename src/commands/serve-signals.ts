/** What the signals mean to a router: SIGTERM and SIGINT end it, SIGHUP reloads unless it only tells that the terminal was closed. Used by serve.ts. */
import { watchTerminal } from "../launcher/hang-up.ts";

/** From the first moment on, since an unhandled SIGHUP ends the process. Returns how to hear of those that mean a reload. */
export function watchHangUps(): (reload: () => void) => void {
  // Sent by mistake it must not end the process, which is what it does by itself.
  process.on("SIGUSR1", () => undefined);
  const meaning = watchTerminal();
  let wanted = false;
  let reload = (): void => {
    wanted = true;
  };
  process.on("SIGHUP", () => {
    switch (meaning()) {
      case "asked":
        reload();
        return;
      case "terminal closed":
        process.kill(process.pid, "SIGTERM");
        return;
      case "ignore":
        return;
    }
  });
  return (action) => {
    reload = action;
    if (wanted) action();
  };
}

export function endSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}
