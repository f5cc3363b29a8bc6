import type { Command } from "./command.ts";

export const command: Command = {
  name: "demo",
  summary: "",
  run: () => Promise.resolve(1),
};
