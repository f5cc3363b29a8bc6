/** `fd-router help`: what there is and how to begin. `fd-router help <command>` is `fd-router <command> --help`. */
import { suggest } from "../lib/nearest.ts";
import { programName } from "../lib/program-name.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./index.ts";

export const command: Command = {
  name: "help",
  summary: "Explain the program, or one command of it",
  async run([topic]) {
    if (topic === undefined || topic.startsWith("-") || topic === "help") {
      console.log(await overview(programName()));
      return 0;
    }
    const load = Object.hasOwn(COMMANDS, topic) ? COMMANDS[topic] : undefined;
    if (load !== undefined) return (await load()).run(["--help"]);
    console.error(`no command is called ${JSON.stringify(topic)}${suggest(topic, Object.keys(COMMANDS))}`);
    return 1;
  },
};

async function overview(program: string): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(13)}${summary}`).join("\n");
  return `A load-aware router in front of fleets of FastDeploy servers.

Usage: ${program} [command] [flags]

Commands
${list}

Without a command, ${program} serves: ${program} --port 8080 is ${program} serve --port 8080.

Examples
  ${program} --port 8080
      Route in mixed mode. Servers started with --router HOST:8080 register themselves.
  ${program} --config_path config.yaml --splitwise
      Prefill and decode on separate instances, all else from the file.
  ${program} check --config_path config.yaml --print
      Say what is wrong with the file, then show every value and where it comes from.
  ${program} demo
      A whole fleet of mock servers behind a router, on this machine.

Run "${program} help COMMAND" for its flags.`;
}
