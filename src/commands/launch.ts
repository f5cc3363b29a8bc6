import type { Command } from "./command.ts";

export const command: Command = {
  name: "launch",
  summary: "",
  run: () => Promise.resolve(1),
};
