#!/usr/bin/env bun
/** argv -> command -> exit code, nothing else. Without a command name it serves, so that the Go program's flags work unchanged. */
import { COMMANDS } from "./commands/index.ts";

const [name = "", ...rest] = process.argv.slice(2);
const named = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
const load = named ?? COMMANDS["serve"];
if (load === undefined) throw new Error("the table of commands has no serve");
const command = await load();
process.exitCode = await command.run(named ? rest : process.argv.slice(2));
