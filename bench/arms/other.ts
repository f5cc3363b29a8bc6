/** A program named on the command line: `--arm NAME=COMMAND --arm-url URL`. */
import type { Arm } from "./arm.ts";
import { startPinned, untilListening } from "./pinned-process.ts";

/**
 * `{engines}` in the command becomes `127.0.0.1:19001,...`. Once it listens, each engine is registered as FastDeploy does it; a program
 * that knows no `POST /register` passes it to an engine, which takes it for any other request.
 */
export function otherArm(name: string, command: string, url: string): Arm {
  const port = Number(new URL(url).port);
  return {
    name,
    install: "named with --arm",
    fixedPort: true,
    isInstalled: () => Bun.which(command.split(" ")[0] ?? "") !== null,
    async start({ enginePorts, cores, directory }) {
      const engines = enginePorts.map((engine) => `127.0.0.1:${engine}`).join(",");
      const words = command.replaceAll("{engines}", engines).split(" ").filter(Boolean);
      const logPath = `${directory}/${name}.log`;
      const child = startPinned(words, { cores, cwd: directory, logPath });
      try {
        await untilListening(port, child, name);
      } catch (error) {
        throw new Error(`cannot start ${words.join(" ")}: ${(await Bun.file(logPath).text()).trim()}`, {
          cause: error,
        });
      }
      for (const engine of enginePorts) await register(url, engine);
      return { name, port, child };
    },
  };
}

async function register(url: string, port: number): Promise<void> {
  const body = JSON.stringify({ role: "mixed", host_ip: "127.0.0.1", port, metrics_port: port });
  const headers = { "content-type": "application/json" };
  await fetch(new URL("/register", url), { method: "POST", headers, body, keepalive: false });
}
