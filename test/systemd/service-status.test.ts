import { describe, expect, test } from "bun:test";
import type { FleetSnapshot, SchedulableState } from "../../src/fleet/snapshot.ts";
import { ServiceStatus } from "../../src/systemd/service-status.ts";
import { instanceAt } from "../support/instance.ts";

function fleet(...states: readonly SchedulableState[]): FleetSnapshot {
  const members = states.map((state, i) => ({
    instance: instanceAt("10.0.0.1", 8000 + i),
    state,
    epoch: 1,
    readyAgeMs: 0,
    report: null,
  }));
  return { version: 1, members };
}

const figures = { requests: 0, inFlight: 0, serving: 2, workers: 2 };

describe("the status line", () => {
  test("tells fleet, rate, requests under way and workers", () => {
    const status = new ServiceStatus(0);
    const snapshot = fleet("ready", "ready", "suspect", "draining");
    expect(status.line({ ...figures, snapshot, requests: 900, inFlight: 17 }, 5000)).toBe(
      "4 instances (1 suspect, 1 draining), 180 requests/s, 17 in flight, 2 workers",
    );
  });

  test("the rate is that of the last seconds, kept when it is asked for again at once", () => {
    const status = new ServiceStatus(0);
    const snapshot = fleet("ready");
    status.line({ ...figures, snapshot, requests: 1000 }, 10_000);
    expect(status.line({ ...figures, snapshot, requests: 1013 }, 15_000)).toContain("1 instance, 2.6 requests/s");
    expect(status.line({ ...figures, snapshot, requests: 1014 }, 15_001)).toContain("2.6 requests/s");
  });

  test("a missing worker shows", () => {
    const line = new ServiceStatus(0).line({ ...figures, snapshot: fleet(), serving: 1 }, 1000);
    expect(line).toBe("0 instances, 0 requests/s, 0 in flight, 1 of 2 workers");
  });
});
