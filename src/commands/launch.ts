/** `fd-router launch`: the fleet launcher. Its first word `keeper` is for the launcher itself (launcher/keeper.ts). */
import { KEEPER, runKeeper } from "../launcher/keeper.ts";
import { launch } from "../launcher/launch.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "launch",
  summary: "Start, watch over and register a fleet of FastDeploy servers on this host",
  run: (args) => (args[0] === KEEPER ? runKeeper(args[1] ?? "", Number(args[2])) : launch(args)),
};
