import type { Command } from "./command.ts";

export const command: Command = {
  name: "serve",
  summary: "",
  run: () => Promise.resolve(1),
};
