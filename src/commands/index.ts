/** The table of commands, loaded when asked for: a router does not pay for the demo's code at start-up. */
import type { Command } from "./command.ts";

export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).command,
  launch: async () => (await import("./launch.ts")).command,
  agent: async () => (await import("./agent.ts")).command,
  "mock-engine": async () => (await import("./mock-engine.ts")).command,
  demo: async () => (await import("./demo.ts")).command,
  check: async () => (await import("./check.ts")).command,
  help: async () => (await import("./help.ts")).command,
};
