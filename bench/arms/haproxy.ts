/** HAProxy as an operator tunes it for this: one thread, two random choices, kept connections, no log. */
import type { Arm } from "./arm.ts";
import { freePort, startPinned, untilListening } from "./pinned-process.ts";

export const haproxy: Arm = {
  name: "haproxy",
  install: "apt-get install haproxy",
  isInstalled: () => program() !== null,
  async start({ enginePorts, cores, directory }) {
    const port = freePort();
    const path = `${directory}/haproxy.cfg`;
    await Bun.write(path, configuration(port, enginePorts));
    const child = startPinned([program() ?? "haproxy", "-f", path], {
      cores,
      cwd: directory,
      logPath: `${directory}/haproxy.log`,
    });
    await untilListening(port, child, "haproxy");
    return { name: "haproxy", port, child };
  },
};

function program(): string | null {
  return Bun.which("haproxy", { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` });
}

function configuration(port: number, engines: readonly number[]): string {
  return `global
  nbthread 1
  maxconn 9500
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option http-keep-alive
  http-reuse always
frontend clients
  bind 127.0.0.1:${port} backlog 4096
  default_backend engines
backend engines
  balance random(2)
  option http-no-delay
${engines.map((engine) => `  server e${engine} 127.0.0.1:${engine} pool-max-conn -1`).join("\n")}
`;
}
