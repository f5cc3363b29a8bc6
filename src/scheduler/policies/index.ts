/** The table of policies. It drives the config's enum, the docs, the conformance tests and the simulator. */
import type { PolicyDefinition } from "../policy.ts";
import { cacheAware, remoteCacheAware } from "./cache-aware.ts";
import { fdMetricsScore } from "./fd-metrics-score.ts";
import { fdRemoteMetricsScore } from "./fd-remote-metrics-score.ts";
import { p2c } from "./p2c.ts";
import { prefixAffinity } from "./prefix-affinity.ts";
import { powerOfTwo } from "./power-of-two.ts";
import { processTokens } from "./process-tokens.ts";
import { randomPolicy } from "./random.ts";
import { requestNum } from "./request-num.ts";
import { roundRobin } from "./round-robin.ts";

const TABLE = [
  p2c,
  prefixAffinity,
  randomPolicy,
  roundRobin,
  requestNum,
  powerOfTwo,
  processTokens,
  fdMetricsScore,
  fdRemoteMetricsScore,
  cacheAware,
  remoteCacheAware,
] as const;

export type PolicyName = (typeof TABLE)[number]["name"];

export const POLICIES: readonly (PolicyDefinition & { readonly name: PolicyName })[] = TABLE;

export const POLICY_NAMES: readonly PolicyName[] = TABLE.map(({ name }) => name);

export function findPolicy(name: PolicyName): PolicyDefinition {
  const found = POLICIES.find((definition) => definition.name === name);
  if (found === undefined) throw new Error(`no policy named ${name}, wanted one of ${POLICY_NAMES.join(", ")}`);
  return found;
}

/** Whether a policy that is in use goes by what engines report. */
export function readsReports(
  options: { readonly policy: PolicyName; readonly "prefill-policy": PolicyName; readonly "decode-policy": PolicyName },
  splitwise: boolean,
): boolean {
  const used = splitwise ? [options["prefill-policy"], options["decode-policy"]] : [options.policy];
  return used.some((name) => findPolicy(name).readsReports === true);
}
