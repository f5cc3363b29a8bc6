/** Options of `fd-router agent`. */
import { z } from "zod";
import { addressList, groupOptions, launchOptions, portList } from "./options.ts";

const shared = launchOptions.shape;

export const agentOptions = z.object({
  servers: addressList.describe("The servers, HOST:PORT with commas between"),
  "metrics-ports": portList.optional().describe("Metrics port of each server (default: its API port)"),
  router: shared.router.unwrap().describe("HTTP address of the router, HOST:PORT"),
  registration: shared.registration,
  "registration-token": shared["registration-token"],
  "advertise-host": shared["advertise-host"],
  role: groupOptions.shape.role.unwrap().default("mixed").describe("Role to register"),
  weight: groupOptions.shape.weight,
  "max-in-flight": groupOptions.shape["max-in-flight"],
  "served-model": groupOptions.shape["served-model"],
  "health-path": shared["health-path"],
  "health-interval-secs": shared["health-interval-secs"],
  "health-timeout-secs": shared["health-timeout-secs"],
  "down-limit-secs": z
    .number()
    .min(0)
    .max(86_400)
    .default(5)
    .describe("A server without a good probe for so long is taken away from the router"),
  "report-interval-secs": shared["report-interval-secs"],
  "drain-secs": shared["drain-secs"],
});
export type AgentOptions = z.infer<typeof agentOptions>;
