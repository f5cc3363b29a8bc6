import { expect, test } from "bun:test";
import { fleetStatus } from "../../src/launcher/service-link.ts";
import type { ServerView } from "../../src/launcher/supervisor-contract.ts";

function server(phase: ServerView["phase"], healthy: boolean, restarts = 0): ServerView {
  return {
    name: "m-0",
    unit: "m-0",
    phase,
    healthy,
    registered: null,
    pid: 1,
    port: 8000,
    upMs: 0,
    restarts,
    load: null,
    tokensPerSec: null,
    reason: "",
  };
}

test("the launcher's status counts healthy servers, and names the phases of the others", () => {
  expect(fleetStatus([server("running", true), server("running", true)])).toBe("2 of 2 servers healthy, 0 restarts");
  const mixed = [
    server("running", true, 2),
    server("starting", false),
    server("failed", false),
    server("starting", false),
  ];
  expect(fleetStatus(mixed)).toBe("1 of 4 servers healthy (2 starting, 1 failed), 2 restarts");
});
