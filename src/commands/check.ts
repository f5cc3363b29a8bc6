import type { Command } from "./command.ts";

export const command: Command = {
  name: "check",
  summary: "",
  run: () => Promise.resolve(1),
};
