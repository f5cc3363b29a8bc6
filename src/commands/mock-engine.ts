import type { Command } from "./command.ts";

export const command: Command = {
  name: "mock-engine",
  summary: "",
  run: () => Promise.resolve(1),
};
