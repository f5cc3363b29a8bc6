/** `fd-router agent`: registers, reports and drains servers that something else started. */
import { runAgent } from "../launcher/run-agent.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "agent",
  summary: "Register servers that something else started, report their load and drain them",
  run: runAgent,
};
