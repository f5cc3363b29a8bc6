/** `fd-router check`: is this configuration right, and what would a router started with the same flags run with? */
import { readFileSync } from "node:fs";
import { checkConfig } from "../config/check-config.ts";
import { programName } from "../lib/program-name.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "check",
  summary: "Check a configuration without starting; --print shows every value and its origin",
  run(args) {
    const { code, stdout, stderr } = checkConfig(args, process.env, readText, programName());
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    return Promise.resolve(code);
  },
};

function readText(path: string): string {
  return readFileSync(path, "utf8");
}
