/** Every policy of the table can be chosen by its name and serves. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { POLICY_NAMES } from "../../src/scheduler/policies/index.ts";
import { Fleet } from "../support/fleet.ts";
import { shares } from "../support/shares.ts";

setDefaultTimeout(30_000);

test.each(POLICY_NAMES)("%s serves, and leaves no engine out", async (policy) => {
  await using fleet = await Fleet.start({ env: { FD_ROUTER_SCHEDULER_POLICY: policy } });
  const engines = await Promise.all([fleet.engine({ timeScale: 20 }), fleet.engine({ timeScale: 20 })]);
  const byInstance = await shares(fleet, 8, 6);
  expect(new Set(byInstance.keys())).toEqual(new Set(engines.map(({ url }) => url)));
  await fleet.idle();
});
