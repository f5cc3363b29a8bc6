/** `power_of_two`: P2C on request counts. */
import type { PolicyDefinition } from "../policy.ts";
import { lesserOfTwo } from "../selectors.ts";
import { requestCount } from "../signals.ts";

export const powerOfTwo = {
  name: "power_of_two",
  summary: "The one with fewer requests in flight of two different instances drawn at random.",
  create: ({ random }) => ({
    pick: (candidates, _request, now) => lesserOfTwo(candidates, requestCount, random, now),
  }),
} as const satisfies PolicyDefinition;
