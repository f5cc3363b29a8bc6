/** Builders of small fleets, requests and schedulers for the tests of the scheduler. */
import { instanceId, type Instance, type InstanceId } from "../../src/fleet/instance.ts";
import type { FleetMember, FleetSnapshot } from "../../src/fleet/snapshot.ts";
import { createRandom } from "../../src/lib/random.ts";
import type { Assignment, SchedulingRequest } from "../../src/scheduler/assignment.ts";
import type { SchedulerOptions } from "../../src/scheduler/options.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import type { PolicyName } from "../../src/scheduler/policies/index.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { instanceAt } from "../support/instance.ts";

export const NONE: ReadonlySet<InstanceId> = new Set();
export const COMPLETED = { kind: "completed", usage: null } as const;
export const FAILED = { kind: "failed", reason: "no answer" } as const;

const HOST = "10.0.0.1";
/** Instance ids sort like their numbers up to 9999. */
const PORT_BASE = 10_000;

export function idOf(number: number): InstanceId {
  return instanceId("http", HOST, PORT_BASE + number);
}

export function instance(number: number, over: Partial<Instance> = {}): Instance {
  return instanceAt(HOST, PORT_BASE + number, over);
}

type MemberOver = Partial<Omit<FleetMember, "instance">> & { readonly instance?: Partial<Instance> };

export function member(number: number, over: MemberOver = {}): FleetMember {
  const { instance: instanceOver, ...rest } = over;
  return {
    instance: instance(number, instanceOver),
    state: "ready",
    epoch: 1,
    readyAgeMs: 3_600_000,
    report: null,
    ...rest,
  };
}

export function fleet(size: number, version = 1): FleetSnapshot {
  return { version, members: Array.from({ length: size }, (_, number) => member(number)) };
}

export function request(over: Partial<SchedulingRequest> = {}): SchedulingRequest {
  return { role: "mixed", model: null, promptTokens: 100, stream: true, sessionId: null, ...over };
}

export function schedulerOf(over: Partial<SchedulerOptions> = {}, seed = 1, name = `dispatcher-${seed}`): Scheduler {
  return new Scheduler({ name, options: { ...schedulerOptions.parse({}), ...over }, random: createRandom(seed) });
}

/** All three roles choose by the named policy. */
export function byPolicy(policy: PolicyName): Partial<SchedulerOptions> {
  return { policy, "prefill-policy": policy, "decode-policy": policy };
}

/** Assigns, or fails the test. */
export function assigned(scheduler: Scheduler, now: number, over: Partial<SchedulingRequest> = {}): Assignment {
  const result = scheduler.assign(request(over), NONE, now);
  if (!result.ok) throw new Error(`refused as ${result.refusal.kind}, wanted an assignment`);
  return result.assignment;
}

export function loadOf(scheduler: Scheduler, number: number, now: number): number {
  return scheduler.inFlight(now).find(({ id }) => id === idOf(number))?.load ?? Number.NaN;
}

export function countOf(scheduler: Scheduler, number: number, now = 0): number {
  return scheduler.inFlight(now).find(({ id }) => id === idOf(number))?.inFlight ?? 0;
}
