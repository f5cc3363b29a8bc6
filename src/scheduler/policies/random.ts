/** `random`: uniform, blind to load. */
import { randomIndex } from "../../lib/random.ts";
import type { PolicyDefinition } from "../policy.ts";
import { elementAt } from "../selectors.ts";

export const randomPolicy = {
  name: "random",
  summary: "Any instance, each with the same chance.",
  create: ({ random }) => ({
    pick: (candidates) => elementAt(candidates, randomIndex(random, candidates.length)),
  }),
} as const satisfies PolicyDefinition;
