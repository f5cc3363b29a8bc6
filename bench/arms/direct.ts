/** No proxy: the floor under all figures. Its CPU time is the engine's own. */
import type { Arm } from "./arm.ts";

export const direct: Arm = {
  name: "direct",
  install: "always there",
  isInstalled: () => true,
  async start({ enginePorts }) {
    return { name: "direct", port: enginePorts[0] ?? 0, child: null };
  },
};
