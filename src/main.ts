#!/usr/bin/env bun
/** argv -> command -> exit code, nothing else. Without a command name it serves, so that the Go program's flags work unchanged. */
import { COMMANDS } from "./commands/index.ts";
import { suggest } from "./lib/nearest.ts";
import { programName } from "./lib/program-name.ts";

const args = process.argv.slice(2);
const [first] = args;
const serves = first === undefined || first.startsWith("-");
const name = serves ? "serve" : first;
const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (load === undefined) {
  const near = suggest(name, Object.keys(COMMANDS));
  console.error(`unknown command ${JSON.stringify(name)}${near}\nAll commands: ${programName()} help`);
  process.exitCode = 1;
} else {
  const command = await load();
  process.exitCode = await command.run(serves ? args : args.slice(1));
}
